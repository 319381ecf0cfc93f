"""A scene played against a stand-in environment and clock, and what the terminal shows of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from demo_recordings import AFTER, BEFORE, BEGIN, History, played, promoted, rolled_back
from rich.console import Console

from canary_local.calls import Request
from canary_local.demo.history import ROLLED_BACK, SUCCEEDED
from canary_local.demo.judge import judge
from canary_local.demo.live import announce, panel, summary, view
from canary_local.demo.load import Load
from canary_local.demo.play import Stage, Status, play
from canary_local.demo.scenes import Scene, Version
from canary_local.interrupts import MESSAGE

CHECKOUT = Path(__file__).resolve().parents[3]


class StandIn:
    """An environment whose one execution follows a recorded history as the clock goes on."""

    def __init__(self, history: History) -> None:
        self.now = BEGIN
        self.history = history
        self.deployed: list[Mapping[str, Any]] = []
        self.load = Load("http://127.0.0.1:9/")
        self.load.start = lambda: None  # type: ignore[method-assign]

    def deploy(self, event: Mapping[str, Any]) -> str:
        self.deployed.append(event)
        return "arn:execution"

    def stats(self) -> Mapping[str, Any]:
        return {"virtualNodes": {"hello-backend-old": {"sent": int((self.now - BEGIN) * 80)}}}

    def client(self, service: str) -> Any:
        return self

    def pause(self, seconds: float) -> None:
        for number in range(20):
            self.load.requests.append(Request(self.now + number / 80, 200, "old", 0.01))
        self.now += seconds

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "get_execution_history" else Stacks()

    def paginate(self, **_: Any) -> Any:
        seen = [event for event in self.history.events if event["timestamp"].timestamp() <= self.now]
        yield {"events": seen[::-1]}

    def describe_route(self, **names: str) -> Any:
        assert names == {
            "meshName": "demo",
            "virtualRouterName": "hello-backend-vr",
            "routeName": "hello-backend-route",
        }
        return {"route": {"spec": BEFORE.route, "metadata": {"version": int(self.now)}}}

    def get_parameter(self, Name: str) -> Any:
        raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")


class Stacks:
    """Lists one stack that is there and one that is gone."""

    def paginate(self) -> Any:
        yield {"Stacks": [{"StackName": "gone", "StackStatus": "DELETE_COMPLETE", "StackId": "1"}]}
        yield {"Stacks": [{"StackName": "here", "StackStatus": "CREATE_COMPLETE", "StackId": "2"}]}


class Seen:
    """A view that remembers what it was shown."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.last: Status | None = None

    def update(self, status: Status) -> None:
        self.last = status
        state = status.played.deployments[0].progress.state
        if not self.states or self.states[-1] != state:
            self.states.append(state)


def stage(world: StandIn) -> Stage:
    return Stage(world, CHECKOUT, world.load, 25, 8, clock=lambda: world.now, pause=world.pause)


SCENE = Scene("A scene", "it is undone", [Version("hello-backend", "new")], ROLLED_BACK)


def test_a_scene_is_followed_to_its_end_and_a_little_longer() -> None:
    world, seen = StandIn(rolled_back()), Seen()
    result = play(3, SCENE, stage(world), seen)
    assert world.deployed[0]["ContainerImage"] == "hello-backend:new"
    assert result.deployments[0].progress.outcome == ROLLED_BACK
    assert seen.states[-1] == ROLLED_BACK and "Wait" in seen.states
    assert result.finished - BEGIN == pytest.approx(20.0, abs=0.6)
    assert result.before["hello-backend"].stacks == {"here": ("CREATE_COMPLETE", "2")}
    assert result.before["hello-backend"].parameter is None
    assert result.before == result.after
    assert seen.last is not None and seen.last.rate == pytest.approx(80, abs=6)


def test_a_stuck_scene_is_left_at_its_limit() -> None:
    history = History()
    history.step(6.0, 25)
    world = StandIn(history)
    here = stage(world)
    here.limit_seconds = 30.0
    result = play(3, SCENE, here, Seen())
    assert result.deployments[0].progress.running
    assert result.finished - BEGIN == pytest.approx(30.0, abs=0.6)


def test_without_a_terminal_each_change_is_one_line() -> None:
    out = io.StringIO()
    with view(Console(file=out, width=200), 4) as shown:
        play(3, SCENE, stage(StandIn(rolled_back())), shown)
    lines = out.getvalue().splitlines()
    changes = sum(event["type"].endswith("StateEntered") for event in rolled_back().events)
    assert 5 <= len(lines) <= changes + 2, "a line for each state seen, and for a new weight or verdict"
    assert any("hello-backend:new | Wait | weight 25 %" in line for line in lines)
    verdicts = [line for line in lines if "verdict" in line]
    assert (
        len(verdicts) == 1 and "Unhealthy (2 of 2 tasks healthy): `hello-backend-new` answered 17 of 160" in verdicts[0]
    )
    assert "\x1b" not in out.getvalue()


def test_no_color_is_honoured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    seen, out = Seen(), io.StringIO()
    play(3, SCENE, stage(StandIn(rolled_back())), seen)
    assert seen.last is not None
    Console(file=out, force_terminal=True, width=100).print(panel(seen.last, 4))
    assert "scene 3 of 4: A scene" in out.getvalue()
    assert "\x1b[3" not in out.getvalue().replace("\x1b[3m", "")


def test_the_summary_and_the_announcement_name_what_was_not_kept() -> None:
    out = io.StringIO()
    console = Console(file=out, width=160)
    good, bad = played(promoted(), SUCCEEDED, AFTER), played(rolled_back(), ROLLED_BACK, AFTER)
    console.print(summary([(good, judge(good)), (bad, judge(bad))]))
    announce(console, bad, judge(bad))
    text = out.getvalue()
    assert [words in text for words in ("25 → 25.0 %", "50 → 50.0 %", "75 → 75.0 %", "100 → 100.0 %")] == [True] * 4
    assert text.count("✓") == 1 and text.count("✗") == 2
    assert "not as promised: route, stacks and recorded version are what they were before" in text


def test_an_interrupted_view_leaves_the_line_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    seen, out = Seen(), io.StringIO()
    play(3, SCENE, stage(StandIn(rolled_back())), seen)
    assert seen.last is not None
    with pytest.raises(KeyboardInterrupt), view(Console(file=out, force_terminal=True, width=100), 4) as shown:
        shown.update(seen.last)
        raise KeyboardInterrupt
    assert out.getvalue().endswith(f"\x1b[2K{MESSAGE}\n")
