"""Recorded-like material for the tests: histories as Step Functions returns them, samples, requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from canary_local.calls import Request
from canary_local.demo.history import CHECK, ROLL_BACK, ROLLED_BACK, SHIFT, SUCCEEDED, Progress
from canary_local.demo.judge import Deployment, Played
from canary_local.demo.measure import Sample
from canary_local.demo.scenes import Scene, Version
from canary_local.world import World

BEGIN = 1_800_000_000.0
PLAN = {
    "deployment": {
        "kind": "Canary",
        "candidate": {"name": "hello-backend-new"},
        "stable": {"name": "hello-backend-old"},
    },
    "format": 2,
    "version": 2,
    "steps": [{"weight": weight, "watchSeconds": 8} for weight in (25, 50, 75, 100)],
}
WEIGHTS = [25, 50, 75, 100]
OLD_ROUTE = {"httpRoute": {"action": {"weightedTargets": [{"virtualNode": "hello-backend-old", "weight": 100}]}}}
NEW_ROUTE = {"httpRoute": {"action": {"weightedTargets": [{"virtualNode": "hello-backend-new", "weight": 100}]}}}
OLD_STACK = {"demo-hello-backend-old": ("CREATE_COMPLETE", "arn:1")}
NEW_STACK = {"demo-hello-backend-new": ("CREATE_COMPLETE", "arn:2")}
BEFORE = World(OLD_ROUTE, OLD_STACK, ("old", 1))
AFTER = World(NEW_ROUTE, NEW_STACK, ("new", 2))


def moment(second: float) -> datetime:
    """A time of the history, in seconds since its beginning."""
    return datetime.fromtimestamp(BEGIN + second, timezone.utc)


def iso(second: float) -> str:
    """The same as the functions write it."""
    return moment(second).isoformat().replace("+00:00", "Z")


class History:
    """Builds a history event by event; state data is carried from state to state as the machine does."""

    def __init__(self, plan: dict[str, Any] = PLAN) -> None:
        self.events: list[dict[str, Any]] = []
        self.data: dict[str, Any] = {"input": {"Sha": "new"}}
        self._add(0.0, "ExecutionStarted", executionStartedEventDetails={"input": "{}"})
        progress = {"phase": "Deploying", "step": 0, "weight": 0, "shiftedAt": None, "waitSeconds": 0, "checks": []}
        self.state(0.1, 0.2, "Check Deployment Version", plan=plan, progress=progress)
        self.state(0.2, 6.0, "Deploy New Version", stack={"status": "Ready"})

    def _add(self, second: float, kind: str, **details: Any) -> None:
        self.events.append({"id": len(self.events) + 1, "type": kind, "timestamp": moment(second), **details})

    def state(self, start: float, end: float, name: str, kind: str = "Task", **data: Any) -> None:
        """A state that is entered and left, adding to the data."""
        self._add(start, f"{kind}StateEntered", stateEnteredEventDetails={"name": name, "input": json.dumps(self.data)})
        self.data = {**self.data, **data}
        self._add(end, f"{kind}StateExited", stateExitedEventDetails={"name": name, "output": json.dumps(self.data)})

    def shift(self, start: float, end: float, weight: int) -> None:
        """A shift that begins when its state is entered."""
        changes = {"phase": "Watching", "weight": weight, "shiftedAt": iso(start), "waitSeconds": 8}
        self.state(start, end, SHIFT, progress={**self.data["progress"], **changes})

    def check(self, start: float, end: float, verdict: str, **changes: Any) -> None:
        """A check, of which the newest five stay in the data."""
        progress = self.data["progress"]
        phase = {"Healthy": "Shifting", "Unhealthy": "Unhealthy"}.get(verdict, "Watching")
        checks = [*progress["checks"], {**check(verdict, progress["weight"], start), **changes}][-5:]
        self.state(start, end, CHECK, progress={**progress, "phase": phase, "waitSeconds": 2, "checks": checks})

    def step(self, start: float, weight: int, verdict: str = "Healthy") -> float:
        """Shift at `start`, wait 8 s, check; returns the second at which the next state is entered."""
        self.shift(start, start + 0.5, weight)
        self.state(start + 0.5, start + 8.5, "Wait", "Wait")
        self.check(start + 8.5, start + 9.0, verdict)
        self.state(start + 9.0, start + 9.0, "Is Healthy?", "Choice")
        return start + 9.0

    def end(self, second: float, state: str) -> None:
        """The final state."""
        kind = "Succeed" if state == SUCCEEDED else "Fail"
        self._add(
            second, f"{kind}StateEntered", stateEnteredEventDetails={"name": state, "input": json.dumps(self.data)}
        )
        if kind == "Succeed":
            self._add(second, "ExecutionSucceeded", executionSucceededEventDetails={"output": "{}"})
        else:
            self._add(
                second, "ExecutionFailed", executionFailedEventDetails={"error": "Canary.RolledBack", "cause": "why"}
            )

    def progress(self) -> Progress:
        """All of it, folded."""
        progress = Progress()
        for event in self.events:
            progress.apply(event)
        return progress


def check(verdict: str, weight: int, end: float) -> dict[str, Any]:
    """The data a check leaves."""
    errors = 17 if verdict == "Unhealthy" else 0
    return {
        "verdict": verdict,
        "reason": f"`hello-backend-new` answered {errors} of 160 requests with 5xx; allowed are 5",
        "errors": errors,
        "requests": 160,
        "settled": 120,
        "threshold": 5,
        "tasks": {"desired": 2, "healthy": 2},
        "weight": weight,
        "windowStart": iso(end - 8.5),
        "windowEnd": iso(end),
    }


def promoted() -> History:
    """A canary that goes to 100 %."""
    history, second = History(), 6.0
    for weight in WEIGHTS:
        second = history.step(second, weight)
    history.state(
        second, second + 0.1, "Record New Version", progress={**history.data["progress"], "phase": "Retiring"}
    )
    history.state(second + 0.1, second + 5.0, "Remove Old Version", removal={"status": "Removed"})
    history.end(second + 5.0, SUCCEEDED)
    return history


def rolled_back() -> History:
    """A canary found unhealthy at its first step."""
    history = History()
    second = history.step(6.0, 25, "Unhealthy")
    history.state(second, second + 0.5, ROLL_BACK, rollback={"status": "InProgress"})
    history.state(second + 0.5, second + 2.5, "Wait for Rollback", "Wait")
    history.state(second + 2.5, second + 3.0, ROLL_BACK, rollback={"status": "RolledBack"})
    history.end(second + 3.0, ROLLED_BACK)
    return history


def never_live() -> History:
    """A canary whose stack fails, so that no traffic is moved."""
    history = History()
    history.state(6.0, 9.0, ROLL_BACK, rollback={"status": "RolledBack"})
    history.end(9.0, ROLLED_BACK)
    return history


def samples(progress: Progress, until: float, rate: int = 80) -> list[Sample]:
    """Counters that follow the set weights exactly, read four times a second."""
    new = old = 0.0
    found = []
    for quarter in range(int(until * 4)):
        at = BEGIN + quarter / 4
        weight = next((s.weight for s in progress.steps if s.reported <= at < (s.until or at + 1)), 0)
        new, old = new + rate / 4 * weight / 100, old + rate / 4 * (100 - weight) / 100
        found.append(Sample(at, at + 0.01, {"hello-backend-new": round(new), "hello-backend-old": round(old)}))
    return found


def requests(until: float, failed_at: Sequence[float] = (), rate: int = 80) -> list[Request]:
    """Requests evenly in time, all answered, and one that failed at each given second."""
    good = [Request(BEGIN + n / rate, 200, "old", 0.01) for n in range(int(until * rate))]
    return sorted([*good, *(Request(BEGIN + at, 503, None, 0.01) for at in failed_at)], key=lambda request: request.at)


def played(history: History, outcome: str, after: World, failed_at: Sequence[float] = ()) -> Played:
    """A scene of one canary, with a load of 80 requests a second."""
    progress = history.progress()
    until = (progress.finished or BEGIN) - BEGIN + 2.0
    version = Version("hello-backend", "new")
    weights = WEIGHTS if outcome == SUCCEEDED else None
    return Played(
        2,
        Scene("A scene", "it ends well", [version], outcome, weights),
        BEGIN,
        BEGIN + until,
        [Deployment(version, {"Sha": "new", "CanaryTemplate": "QUJD"}, "arn:aws:states:::x", progress)],
        requests(until, failed_at),
        samples(progress, until),
        {"hello-backend": BEFORE},
        {"hello-backend": after},
    )
