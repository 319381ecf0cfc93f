"""Deploy requests from files, and histories as a stream of steps."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from canary_local.errors import LocalError
from canary_local.executions import Event, complete_event, follow, history, read_event, start, words
from canary_local.report import Narrator

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
REQUEST = {"EnvironmentName": "demo", "MicroserviceName": "hello-web", "Sha": "abc", "ContainerImage": "x:abc"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "canary.yaml"
    path.write_text("Resources: {}\n")
    return path


def test_the_template_is_added_to_an_event_without_one(tmp_path: Path, template: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({**REQUEST, "WaitTime": "60"}))

    event = read_event(path, template)

    assert base64.b64decode(event.pop("CanaryTemplate")) == b"Resources: {}\n"
    assert event == {**REQUEST, "WaitTime": "60"}


def test_a_byte_order_mark_is_no_part_of_an_event(tmp_path: Path, template: Path) -> None:
    (tmp_path / "event.json").write_text("\ufeff" + json.dumps({"Action": "Repair"}), encoding="utf-8")
    assert read_event(tmp_path / "event.json", template) == {"Action": "Repair"}


def test_an_event_s_own_template_stays(template: Path) -> None:
    for own in ({"CanaryTemplate": "b3du"}, {"CanaryTemplateUrl": "https://b.s3.us-west-2.amazonaws.com/own.yaml"}):
        assert complete_event({**REQUEST, **own}, template) == {**REQUEST, **own}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "event.json` cannot be read: No such file or directory$"),
        ("{", r"event.json` is not JSON: .* \(line 1, column 2\)$"),
        ("[1]", "event.json` must hold one JSON object"),
        ('{"Port": 8080, "Sha": "1", "Port": 1}', "event.json`: `Port` is there twice: allowed is once$"),
        ('\ufeff{"Port": 8080, "Port": 1}', "event.json`: `Port` is there twice: allowed is once$"),
        ('{"Sha": "NaN",\n"Port": NaN}', "event.json`, line 2: `Port` is `NaN`: allowed is a whole number$"),
        ('{"Sha": "8.0",\n"Port": 8.0}', "event.json`, line 2: `Port` is `8.0`: allowed is a whole number$"),
        ('{"PercentageStep": 1e1}', "event.json`, line 1: `PercentageStep` is `1e1`: allowed is a whole number$"),
        ("[" * 100_000, "event.json` is nested too deeply"),
        (f'{{"Port": {"9" * 5000}}}', f"event.json`, line 1: `Port` is `{'9' * 40}`: allowed is a whole number"),
        ('{"Say": "\\"NaN",\n\n"Port": [1, -Infinity]}', "event.json`, line 3: `Port` is `-Infinity`"),
        ('{"Sha": "1e999",\n"WaitTime": 1e999}', "event.json`, line 2: `WaitTime` is `1e999`"),
    ],
)
def test_an_event_that_cannot_be_deployed(tmp_path: Path, template: Path, text: str | None, complaint: str) -> None:
    path = tmp_path / "event.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(LocalError, match=complaint):
        read_event(path, template)


def test_an_event_that_cannot_be_read(tmp_path: Path, template: Path) -> None:
    with pytest.raises(LocalError, match=f"event file `{tmp_path}` cannot be read: Is a directory$"):
        read_event(tmp_path, template)
    (tmp_path / "event.json").write_bytes(b'{"Sha": "\xff"}')
    with pytest.raises(LocalError, match="event.json` is not UTF-8 text: invalid start byte at byte 9$"):
        read_event(tmp_path / "event.json", template)


class States:
    """A Step Functions client whose execution goes on a little at each look. Its pages hold few events."""

    def __init__(self, *looks: list[dict[str, Any]], status: str = "RUNNING", page: int = 2) -> None:
        self.looks = list(looks)
        self.status = status
        self.page = page
        self.pages_read = 0
        self.started: dict[str, Any] = {}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        return {"status": self.status}

    def get_paginator(self, operation: str) -> States:
        assert operation == "get_execution_history"
        return self

    def paginate(self, *, executionArn: str, reverseOrder: bool, maxResults: int) -> Iterator[dict[str, Any]]:
        events = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        assert reverseOrder and 0 < maxResults <= 1000
        for first in range(0, len(events), self.page):
            self.pages_read += 1
            yield {"events": events[::-1][first : first + self.page]}

    def start_execution(self, **request: Any) -> dict[str, Any]:
        self.started = request
        return {"executionArn": "arn"}


def raw(number: int, kind: str, **details: Any) -> dict[str, Any]:
    key = f"{kind[0].lower()}{kind[1:]}EventDetails"
    return {"id": number, "type": kind, "timestamp": AT, key: details}


HISTORY = [
    raw(1, "ExecutionStarted", input="{}"),
    raw(2, "TaskStateEntered", name="Canary & Switch Traffic", input='{"a": 1}'),
    raw(3, "TaskScheduled", resource="invoke"),
    raw(4, "TaskFailed", error="Canary.Throttled", cause="slow down"),
    raw(5, "TaskStateExited", name="Canary & Switch Traffic", output='{"progress": {"weight": 25}}'),
    raw(6, "FailStateEntered", name="Deployment Failed & Rolled Back", input="{}"),
    raw(7, "ExecutionFailed", error="Canary.Unhealthy", cause="too many errors"),
]


def test_every_step_comes_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canary_local.executions._POLL_SECONDS", 0)
    states = States(HISTORY[:2], HISTORY[:5], HISTORY)

    steps = list(follow(lambda _: states, "arn"))

    assert [(s.id, s.kind, s.state) for s in steps] == [
        (2, "entered", "Canary & Switch Traffic"),
        (4, "failed", "Canary & Switch Traffic"),
        (5, "exited", "Canary & Switch Traffic"),
        (6, "entered", "Deployment Failed & Rolled Back"),
        (7, "ended", "Deployment Failed & Rolled Back"),
    ]
    assert (steps[-1].status, steps[-1].error, steps[-1].cause) == ("FAILED", "Canary.Unhealthy", "too many errors")
    assert steps[0].data == {"a": 1}


def test_a_long_history_is_read_once_and_then_only_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canary_local.executions._POLL_SECONDS", 0)
    long = [raw(number, "TaskScheduled", resource="invoke") for number in range(1, 25_000)]
    end = [raw(25_000, "TaskStateEntered", name="Wait", input="{}"), raw(25_001, "ExecutionSucceeded", output="{}")]
    states = States(long, *[long] * 9, [*long, *end], page=1000)

    steps = list(follow(lambda _: states, "arn"))

    assert [step.id for step in steps] == [25_000, 25_001]
    assert states.pages_read == 25 + 9 + 1


def test_events_that_come_while_pages_are_read_are_taken_once() -> None:
    class Growing(States):
        def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
            yield {"events": HISTORY[3:1:-1]}
            yield {"events": HISTORY[2::-1]}

    assert [event["id"] for event in history(Growing(), "arn")] == [1, 2, 3, 4]


def test_a_deployment_is_told_without_repeating_itself() -> None:
    def steps(*descriptions: tuple[str, str, Any]) -> list[Event]:
        return [Event(n, AT, kind, state, data) for n, (kind, state, data) in enumerate(descriptions)]

    deployment = {"kind": "Canary", "stable": {"name": "a"}, "candidate": {"name": "b"}}
    data = {"plan": {"deployment": deployment, "steps": [{"weight": 50}, {"weight": 100}]}}

    def at(phase: str, step: int, weight: int, *checks: dict[str, Any]) -> dict[str, Any]:
        return {
            **data,
            "progress": {"phase": phase, "step": step, "weight": weight, "waitSeconds": 2, "checks": checks},
        }

    late = {"verdict": "Inconclusive", "reason": "too early", "weight": 50, "tasks": None, "windowEnd": "1"}
    good = {**late, "verdict": "Healthy", "reason": "0 errors", "tasks": {"desired": 2, "healthy": 2}}
    planned, shifted = at("Deploying", 0, 0), at("Watching", 0, 50)
    watched, again = at("Watching", 0, 50, late), at("Watching", 0, 50, late, {**late, "windowEnd": "2"})
    passed, last = at("Shifting", 1, 50, late, good), at("Watching", 1, 100, late, good)
    told = Narrator()
    ending = "all traffic is on `a`. The deployment failed with"
    lines = [
        line
        for step in [
            *steps(
                ("entered", "Plan", {}),
                ("exited", "Plan", planned),
                ("entered", "Deploy", planned),
                ("exited", "Deploy", planned),
                ("entered", "Wait", planned),
                ("exited", "Wait", planned),
                ("entered", "Deploy", planned),
                ("exited", "Deploy", planned),
                ("entered", "Shift", planned),
                ("exited", "Shift", shifted),
                ("entered", "Wait", shifted),
                ("exited", "Gather", watched),
                ("exited", "Is Healthy?", watched),
                ("exited", "Gather", again),
                ("exited", "Gather", passed),
                ("exited", "Shift", last),
                ("exited", "Gather", at("Promoting", 1, 100, good, {**good, "weight": 100})),
                ("exited", "Record", at("Retiring", 1, 100, good, {**good, "weight": 100})),
                ("exited", "Done", "not an object"),
            ),
            Event(20, AT, "failed", "Shift", error="Canary.Throttled", cause="slow down"),
            Event(21, AT, "exited", "Shift", {"failure": {"Error": "Canary.Throttled", "Cause": "slow down"}}),
            Event(22, AT, "exited", "Unhealthy", {"failure": {"Error": "Canary.X", "Cause": "why"}}),
            Event(23, AT, "exited", "Roll Back", {"failure": {"Error": "Canary.X", "Cause": "why"}}),
            Event(24, AT, "ended", status="FAILED", error="Canary.X", cause=f"{ending} Canary.X: why"),
        ]
        for line in told.lines(step)
    ]

    assert [line[10:] for line in lines] == [
        "Plan",
        "  Canary: a -> b by 50 %, 100 %",
        "  candidate has 0 % of the traffic, next 50 %",
        "Deploy",
        "Wait",
        "Shift",
        "  candidate has 50 % of the traffic, next 100 %",
        "Wait",
        "  Inconclusive: too early",
        "  Healthy (2 of 2 tasks healthy): 0 errors",
        "  candidate has 100 % of the traffic",
        "  Healthy (2 of 2 tasks healthy): 0 errors",
        "  attempt failed: Canary.Throttled: slow down",
        "  failed: Canary.X: why",
        f"FAILED: Canary.X: {ending} Canary.X (see above)",
    ]


def test_a_repair_tells_whose_deployment_is_repaired_how_that_had_ended_and_nothing_that_is_not_known() -> None:
    deployment = {"kind": "Canary", "stable": {"name": "a"}, "candidate": {"name": "b"}}
    failure = {"Error": "Canary.Interrupted", "Cause": "`arn:x` failed with Canary.RollbackIncomplete: it is in use"}
    left = {
        "plan": {"deployment": deployment, "steps": [{"weight": 100}], "execution": "arn:x"},
        "progress": {"phase": "Interrupted", "step": 0, "weight": 0, "checks": []},
        "failure": failure,
        "repair": True,
    }
    told = Narrator()
    lines = [
        line[10:]
        for number, data in enumerate(
            [{**left, "status": "Unfinished"}, {**left, "rollback": {"status": "RolledBack"}}]
        )
        for line in told.lines(Event(number, AT, "exited", "Check Deployment Version", data))
    ]
    assert lines == [
        "  repairing what arn:x left: Canary: a -> b by 100 %",
        "  it is unfinished because `arn:x` failed with Canary.RollbackIncomplete: it is in use",
    ]


def test_a_refusal_is_told_once_and_whole() -> None:
    message = "`PercentageStep` is `250`: allowed is a whole number from 1 to 100" + " and so on" * 100
    cause = json.dumps({"errorType": "Canary.InvalidInput", "errorMessage": message})
    refused = {"error": "Canary.InvalidInput", "cause": cause}
    states = States([*HISTORY[:2], raw(3, "TaskFailed", **refused), raw(4, "ExecutionFailed", **refused)])
    told = Narrator()

    lines = [line[10:] for step in follow(lambda _: states, "arn") for line in told.lines(step)]

    assert lines[1:] == [f"  attempt failed: Canary.InvalidInput: {message}", "FAILED: Canary.InvalidInput (see above)"]


@pytest.mark.parametrize("cause", ["", "too many errors", "[1]", "{}", '{"errorMessage": 1}', '{"errorMessage": "'])
def test_a_cause_that_is_no_function_s_error_stays(cause: str) -> None:
    assert words(cause) == cause


def test_a_history_that_says_late_how_an_execution_ended_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canary_local.executions._POLL_SECONDS", 0)
    states = States(HISTORY[:2], HISTORY[:2], HISTORY[:2], HISTORY, status="FAILED")
    assert [step.kind for step in follow(lambda _: states, "arn")][-1] == "ended"


def test_an_execution_that_ended_without_a_trace_is_not_followed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canary_local.executions._POLL_SECONDS", 0)
    states = States(HISTORY[:2], status="ABORTED")

    with pytest.raises(LocalError, match="is ABORTED without saying so"):
        list(follow(lambda _: states, "arn"))


def test_an_execution_s_name_is_legal_and_its_own() -> None:
    states = States([])
    event = {**REQUEST, "MicroserviceName": "m" * 90}

    names = set()
    for _ in range(2):
        assert start(lambda _: states, "machine", event) == "arn"
        names.add(states.started["name"])

    assert len(names) == 2
    assert all(len(name) == 80 and name.startswith("demo-mmm") for name in names)
