"""Walks a state machine: which states an execution goes through, and when, if its tasks answer as they are told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canary_bench.document import ROOT

DEFINITION = ROOT / "statemachine" / "canary.asl.json"
# Longer than any deployment that Step Functions lets come to its end.
_LIMIT = 25_000

Answer = Callable[[str, Mapping[str, Any], float], tuple[Any, float]]
"""A task's output and its seconds, from its resource, the execution's data and the second at which it is called."""


@dataclass(frozen=True)
class Visit:
    """A state that was entered, and the second of the execution at which it was."""

    state: str
    kind: str
    at: float


def walk(definition: Mapping[str, Any], answer: Answer) -> list[Visit]:
    """The states from the first to the last. Tasks take what they answer, waits what they say, and choices no time."""
    visits, data, now = list[Visit](), dict[str, Any](), 0.0
    name: str | None = definition["StartAt"]
    while name is not None:
        state = definition["States"][name]
        visits.append(Visit(name, state["Type"], now))
        if len(visits) > _LIMIT:
            raise ValueError(f"the execution is still in `{name}` after {_LIMIT} states")
        if state["Type"] == "Task":
            result, seconds = answer(state["Resource"], data, now)
            now += seconds
            data = result if state["ResultPath"] == "$" else {**data, _field(state["ResultPath"]): result}
        elif state["Type"] == "Wait":
            now += value(data, state["SecondsPath"])
        name = _choice(state, data) if state["Type"] == "Choice" else state.get("Next")
    return visits


def definition(path: Path = DEFINITION) -> dict[str, Any]:
    """The state machine as it is in the repository; its tasks' resources are placeholders."""
    return json.loads(path.read_text())


def value(data: Any, path: str) -> Any:
    """What a path such as `$.progress.waitSeconds` points to."""
    for name in path.split(".")[1:]:
        data = data[name]
    return data


def history_events(visits: list[Visit]) -> int:
    """Events in the history of an execution on AWS: entered and exited, three more of a task, and its own two."""
    return 2 + sum(5 if visit.kind == "Task" else 2 for visit in visits)


def _field(path: str) -> str:
    return path.removeprefix("$.")


def _choice(state: Mapping[str, Any], data: Any) -> str:
    return next((rule["Next"] for rule in state["Choices"] if _holds(rule, data)), state["Default"])


def _holds(rule: Mapping[str, Any], data: Any) -> bool:
    if "And" in rule:
        return all(_holds(each, data) for each in rule["And"])
    if "IsPresent" in rule:
        # Every answer of this walk has the field that a Choice reads.
        return rule["IsPresent"]
    found = value(data, rule["Variable"])
    for comparison in ("StringEquals", "BooleanEquals"):
        if comparison in rule:
            return found == rule[comparison]
    raise ValueError(f"no comparison of `{rule}` is known")
