"""What a real execution in the local environment used: counted in its history and in the record of AWS calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

# Decisions of IAM that are part of another call.
_PARTS_OF_CALLS = {"cloudformation:TagResource", "iam:PassRole"}
# Authorized on the route and on each virtual node that it names.
_ON_ROUTES = {"appmesh:CreateRoute", "appmesh:UpdateRoute"}
# The function's name is a part of its role's: canary-shared-ShiftTrafficRole-7C58EA97DD3AD.
_FUNCTIONS = ("CheckVersion", "DeployStack", "ShiftTraffic", "GatherHealth", "Promote", "RemoveOld", "Rollback")

WAIT = "Wait"
"""The state that waits for a candidate's next check."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A state of an execution, from when it was entered to when it was left, in seconds since the epoch."""

    state: str
    kind: str
    start: float
    end: float
    asked: float = 0.0
    """Of a wait for a candidate's next check: how many seconds it was to be."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


def spans(history: Iterable[Event]) -> list[Span]:
    """The states in the order in which they were entered. One that was never left, Fail, has no length."""
    found = list[Span]()
    for event in history:
        kind, at = event["type"], moment(event["timestamp"])
        if kind.endswith("StateEntered"):
            details = event["stateEnteredEventDetails"]
            asked = _wait_seconds(details) if details["name"] == WAIT else 0.0
            found.append(Span(details["name"], kind.removesuffix("StateEntered"), at, at, asked))
        elif kind.endswith("StateExited"):
            found[-1] = replace(found[-1], end=at)
    return found


def _wait_seconds(entered: Mapping[str, Any]) -> float:
    return json.loads(entered["input"])["progress"]["waitSeconds"]


def transitions(history: Iterable[Event]) -> int:
    """What Step Functions charges for: each state that is entered, and each time that one is tried again."""
    kinds = [event["type"] for event in history]
    tried = sum(kind in ("TaskScheduled", "LambdaFunctionScheduled") for kind in kinds)
    return tried + sum(kind.endswith("StateEntered") and kind != "TaskStateEntered" for kind in kinds)


def calls(record: Path, start: float, end: float) -> Counter[str]:
    """The functions' calls between two moments, by action."""
    with record.open() as lines:
        made = (json.loads(line) for line in lines)
        return Counter(call["action"] for call in made if start <= moment(call["time"]) <= end and _is_call(call))


def moment(time: str | datetime) -> float:
    """Seconds since the epoch."""
    return (datetime.fromisoformat(time) if isinstance(time, str) else time).timestamp()


def _is_call(decision: Mapping[str, Any]) -> bool:
    if not any(f"-{name}Role-" in (decision["role"] or "") for name in _FUNCTIONS):
        return False
    action, resource = decision["action"], decision["resource"]
    return action not in _PARTS_OF_CALLS and (action not in _ON_ROUTES or "/route/" in resource)
