"""Deployments: executions of the state machine, started with an event and followed to their end."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import LocalError

_POLL_SECONDS = 0.25
# After so many looks without a new event the execution itself is asked for, and so many times after it has ended its history may
# still say nothing of that.
_QUIET_LOOKS, _ENDING_LOOKS = 4, 10
_NAME_LENGTH = 80
# Events in a page of the history: what is new since the last look, or all of it.
_FEW_EVENTS, _MANY_EVENTS = 50, 1000
# Of a number that cannot be one, in characters.
_SHOWN = 40

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Event:
    """One step of an execution.

    `kind` is `entered` or `exited` (of `state`, with its input or output as `data`), `failed` (a task's attempt, with
    `error` and `cause`; it may be retried) or, last, `ended` (`status` says how). `cause` is in words (see `words`).
    """

    id: int
    at: datetime
    kind: str
    state: str = ""
    data: Any = None
    error: str = ""
    cause: str = ""
    status: str = ""


def read_event(path: Path, template: Path) -> dict[str, Any]:
    """A deploy request from a file, its CanaryTemplate filled in from `template` if it has none."""
    try:
        # A byte order mark, which editors of Windows put at the beginning, is no part of the text.
        text = path.read_text(encoding="utf-8-sig")
        event = json.loads(
            text, parse_float=_refused, parse_constant=_refused, parse_int=_readable, object_pairs_hook=_once
        )
    except OSError as error:
        raise LocalError(f"event file `{path}` cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LocalError(f"event file `{path}` is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise LocalError(f"event file `{path}` is not JSON: {error.msg} ({place})") from None
    except RecursionError:
        raise LocalError(f"event file `{path}` is nested too deeply: a request is one object of fields") from None
    except _Twice as error:
        raise LocalError(f"event file `{path}`: `{error}` is there twice: allowed is once") from None
    except _NotWhole as error:
        line, field = _place(text, str(error))
        raise LocalError(
            f"event file `{path}`, line {line}: `{field}` is `{str(error)[:_SHOWN]}`: allowed is a whole number"
        ) from None
    return complete_event(event, template, str(path))


class _NotWhole(Exception):
    """A number that no field of a request may be, `8.0` and `NaN` for two; the text is as it was written."""


class _Twice(Exception):
    """A name that an object has twice; Python's JSON reader takes the last one's value."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _Twice(name)
    return dict(pairs)


def _refused(text: str) -> float:
    raise _NotWhole(text)


def _readable(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _NotWhole(text) from None


def _place(text: str, number: str) -> tuple[int, str]:
    """The line of `number` in JSON `text`, and the name that comes before it."""
    field = ""
    for token in re.finditer(rf'"((?:[^"\\]|\\.)*)"|{re.escape(number)}', text):
        if token[1] is None:
            return text.count("\n", 0, token.start()) + 1, field
        field = token[1]
    return 1, field


def complete_event(event: Any, template: Path, source: str = "event") -> dict[str, Any]:
    """Adds the canary template to an event that says nothing of one. What else is wrong the state machine says."""
    if not isinstance(event, dict):
        raise LocalError(f"`{source}` must hold one JSON object")
    if {"CanaryTemplate", "CanaryTemplateUrl", "Action"} & event.keys():
        return dict(event)
    return {**event, "CanaryTemplate": base64.b64encode(template.read_bytes()).decode()}


def start(client: Clients, state_machine_arn: str, event: Mapping[str, Any]) -> str:
    """Starts an execution named after what it deploys or repairs; returns its ARN."""
    label = "-".join(str(event.get(name) or "none") for name in ("EnvironmentName", "MicroserviceName", "Sha"))
    suffix = f"-{uuid.uuid4().hex[:8]}"
    name = re.sub(r"[^A-Za-z0-9_-]", "-", label)[: _NAME_LENGTH - len(suffix)] + suffix
    answer = client("stepfunctions").start_execution(
        stateMachineArn=state_machine_arn, name=name, input=json.dumps(event, allow_nan=False)
    )
    return answer["executionArn"]


def follow(client: Clients, arn: str) -> Iterator[Event]:
    """Every step of an execution as it happens, ending with the one whose kind is `ended`."""
    for steps in looks(client, arn):
        yield from steps


def looks(client: Clients, arn: str) -> Iterator[list[Event]]:
    """The new steps of an execution at each look, a few times a second; the last one's kind is `ended`."""
    states = client("stepfunctions")
    seen = quiet = 0
    current = ""
    patience = _ENDING_LOOKS
    while True:
        steps: list[Event] = []
        for raw in history(states, arn, seen):
            seen = raw["id"]
            event = _event(raw, current)
            if event:
                current = event.state or current
                steps.append(event)
        yield steps
        if steps and steps[-1].kind == "ended":
            return
        quiet = 0 if steps else quiet + 1
        if quiet and quiet % _QUIET_LOOKS == 0:
            # The status may be ahead of the history, whose last event is on its way then.
            status = states.describe_execution(executionArn=arn)["status"]
            patience -= status != "RUNNING"
            if not patience:
                raise LocalError(f"execution `{arn}` is {status} without saying so in its history")
        time.sleep(_POLL_SECONDS)


def history(states: Any, arn: str, after: int = 0) -> list[dict[str, Any]]:
    """The raw history events with an id above `after`, oldest first.

    Reads from the newest end, and no further than needed: a history can have 25,000 events.
    """
    found: dict[int, dict[str, Any]] = {}
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=arn, reverseOrder=True, maxResults=_FEW_EVENTS if after else _MANY_EVENTS
    )
    for page in pages:
        # Events that come while pages are read may move others to a later page, which then has them again.
        found |= {event["id"]: event for event in page["events"] if event["id"] > after}
        if any(event["id"] <= after for event in page["events"]):
            break
    return [found[number] for number in sorted(found)]


_ENDED = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_ATTEMPT_FAILED = re.compile(r"^(Task|LambdaFunction|Activity)(Failed|TimedOut|ScheduleFailed|StartFailed)$")


def _event(raw: dict[str, Any], current: str) -> Event | None:
    kind = raw["type"]
    details: dict[str, Any] = next((value for key, value in raw.items() if key.endswith("EventDetails")), {})
    base = {"id": raw["id"], "at": raw["timestamp"]}
    if kind.endswith("StateEntered"):
        return Event(**base, kind="entered", state=details["name"], data=_document(details.get("input")))
    if kind.endswith("StateExited"):
        return Event(**base, kind="exited", state=details["name"], data=_document(details.get("output")))
    failure = {"error": details.get("error", ""), "cause": words(details.get("cause", ""))}
    if _ATTEMPT_FAILED.match(kind):
        return Event(**base, kind="failed", state=current, **failure)
    if kind in _ENDED:
        output = _document(details.get("output"))
        return Event(**base, kind="ended", state=current, data=output, status=_ENDED[kind], **failure)
    return None


def words(cause: str) -> str:
    """A cause as a person reads it: a Lambda function's error is a JSON document that holds its message."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else cause


def _document(text: str | None) -> Any:
    return json.loads(text) if text else None
