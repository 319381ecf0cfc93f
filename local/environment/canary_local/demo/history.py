"""What a deployment did, derived from its Step Functions execution history alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..printed import plain

SHIFT = "Canary & Switch Traffic"
CHECK = "Gather Health Check Status"
ROLL_BACK = "Roll Back"
SUCCEEDED = "Deployment Succeeded"
ROLLED_BACK = "Deployment Failed & Rolled Back"

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Tasks:
    """How many tasks the candidate has of those that ECS is to run."""

    healthy: int
    desired: int


@dataclass(frozen=True)
class Check:
    """One verdict of the health check and the numbers it rests on."""

    at: float
    verdict: str
    reason: str
    errors: int | None = None
    threshold: int | None = None
    """How many errors are still healthy."""
    requests: int | None = None
    settled: int | None = None
    """How many of the requests were certainly answered at the present weight."""
    tasks: Tasks | None = None
    """None if the candidate's stack has no ECS service, or is gone."""
    window_start: float | None = None
    window_end: float | None = None

    @property
    def words(self) -> str:
        """The verdict in a line. Its reason names the value and the bound that decided it."""
        tasks = f" ({self.tasks.healthy} of {self.tasks.desired} tasks healthy)" if self.tasks else ""
        return f"{self.verdict}{tasks}: {self.reason}"


@dataclass
class Step:
    """One weight of the candidate, in percent, for as long as the router had it.

    `since` is when the state machine set out to give the weight and `reported` when the state ended, the weight having
    been read back; `left` is when it set out to change the weight again, and `until` when the step was over: at the next
    step's `since`, or when a rollback had given the traffic back. Outside of `reported` to `left` the router may have
    other weights, so shares are measured only in between.
    """

    weight: int
    since: float
    reported: float
    left: float | None = None
    until: float | None = None
    checks: list[Check] = field(default_factory=list)


@dataclass
class Progress:
    """An execution's history, folded event by event."""

    status: str = "RUNNING"
    state: str = ""
    entered: list[tuple[float, str]] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    failure: dict[str, Any] | None = None
    restored: float | None = None
    finished: float | None = None
    last_id: int = 0
    _input: dict[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the execution has yet to end."""
        return self.status == "RUNNING"

    @property
    def outcome(self) -> str:
        """The final state's name, or the execution's status when it ended outside of one (timed out, aborted)."""
        if self.running:
            return "running"
        ended_in_a_state = self.status in ("SUCCEEDED", "FAILED") and self.state
        return self.state if ended_in_a_state else self.status.lower().replace("_", " ")

    @property
    def weight(self) -> int:
        """The candidate's weight now in force."""
        return self.steps[-1].weight if self.steps and self.restored is None else 0

    @property
    def check(self) -> Check | None:
        """The latest check."""
        return next((step.checks[-1] for step in reversed(self.steps) if step.checks), None)

    @property
    def candidate(self) -> str | None:
        """The new version's virtual node."""
        return _node(self.plan, "candidate")

    @property
    def stable(self) -> str | None:
        """The old version's virtual node; none on a first deployment."""
        return _node(self.plan, "stable")

    def apply(self, event: Event) -> None:
        """Takes the next event in; events already seen are ignored."""
        if event["id"] <= self.last_id:
            return
        self.last_id = event["id"]
        at, kind = parse_time(event["timestamp"]) or 0.0, event["type"]
        if kind.endswith("StateEntered"):
            details = event["stateEnteredEventDetails"]
            self._enter(at, details["name"], _data(details.get("input")))
        elif kind.endswith("StateExited"):
            details = event["stateExitedEventDetails"]
            self._exit(at, details["name"], _data(details.get("output")))
        elif kind in ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"):
            self._end(at, kind, event)

    def _enter(self, at: float, name: str, data: dict[str, Any]) -> None:
        self.state = name
        self.entered.append((at, name))
        self._input = data
        self._remember(data)
        if name in (SHIFT, ROLL_BACK) and self.steps and self.steps[-1].left is None:
            self.steps[-1].left = at

    def _exit(self, at: float, name: str, data: dict[str, Any]) -> None:
        self._remember(data)
        # A state that failed hands its input on, so only data that changed is its own.
        news = {key: value for key, value in data.items() if value != self._input.get(key)}
        progress = news.get("progress") or {}
        if name == SHIFT and progress:
            since = parse_time(progress.get("shiftedAt")) or at
            self._close_step(since)
            self.steps.append(Step(int(progress["weight"]), since, at))
        elif name == CHECK and progress.get("checks") and self.steps:
            self.steps[-1].checks.append(_check(at, progress["checks"][-1]))
        elif name == ROLL_BACK and "rollback" in news and self.restored is None:
            # Roll Back moves and verifies the traffic in its first run; later runs only watch the stack go.
            self.restored = at
            self._close_step(at)

    def _end(self, at: float, kind: str, event: Event) -> None:
        self.status = {"ExecutionTimedOut": "TIMED_OUT"}.get(kind, kind.removeprefix("Execution").upper())
        self.finished = at
        self._close_step(at)
        details = event.get("executionFailedEventDetails")
        if details:
            self.failure = {"Error": details.get("error"), "Cause": details.get("cause")}

    def _close_step(self, at: float) -> None:
        if self.steps and self.steps[-1].until is None:
            step = self.steps[-1]
            step.until = at
            step.left = at if step.left is None else step.left

    def _remember(self, data: dict[str, Any]) -> None:
        self.plan = data.get("plan") or self.plan
        self.failure = data.get("failure") or self.failure


def parse_time(value: Any) -> float | None:
    """Seconds since the epoch, from a number, a `datetime` or an RFC 3339 string; none stays none."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, (int, float)):
        return float(value)
    # Python 3.10 reads neither `Z` nor more than six decimals.
    text = re.sub(r"(\.\d{1,6})\d*", lambda match: match.group(1).ljust(7, "0"), value.replace("Z", "+00:00"))
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()


def _node(plan: Mapping[str, Any], role: str) -> str | None:
    return ((plan.get("deployment") or {}).get(role) or {}).get("name")


def _data(text: str | None) -> dict[str, Any]:
    data = json.loads(text) if text else {}
    return data if isinstance(data, dict) else {}


def _check(at: float, data: Mapping[str, Any]) -> Check:
    tasks = data.get("tasks")
    return Check(
        at=at,
        verdict=str(data.get("verdict", "")),
        reason=plain(str(data.get("reason", ""))),
        errors=data.get("errors"),
        threshold=data.get("threshold"),
        requests=data.get("requests"),
        settled=data.get("settled"),
        tasks=Tasks(tasks["healthy"], tasks["desired"]) if tasks else None,
        window_start=parse_time(data.get("windowStart")),
        window_end=parse_time(data.get("windowEnd")),
    )
