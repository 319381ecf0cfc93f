"""Why a container of a stopped task ended: its exit code and the end of its log, as the `reason` of its record."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .docker_client import Container
from .engine import EngineError

LINES = 5
# So that a reason stays below the 1024 characters that ECS allows.
_LINE_LENGTH = 180
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def note(task: dict, essentials: Iterable[bool], containers: Iterable[Container]) -> None:
    """Gives each container that failed its reason. `essentials` and `containers` are in the order of the records."""
    for record, essential, container in zip(task["containers"], essentials, containers):
        if container.status == "exited" and (essential or container.exit_code):
            record["reason"] = _said(container, f"exited with {container.exit_code}")
        elif container.health == "UNHEALTHY":
            record["reason"] = _said(container, "is unhealthy")


def told(task: dict) -> str:
    """Why the task stopped, with the reasons of its containers."""
    reasons = [f"`{record['name']}` {record['reason']}" for record in task["containers"] if record.get("reason")]
    return ": ".join([task["stoppedReason"], *filter(None, [", ".join(reasons)])])


def _said(container: Container, ending: str) -> str:
    if container.reason:
        return f"could not start: {container.reason}"
    try:
        log = container.logs()
    except (OSError, EngineError):
        log = b""
    lines = [_shown(line) for line in log.decode(errors="replace").splitlines() if line.strip()]
    return f"{ending}; " + (f"its log ends: {' | '.join(lines[-LINES:])}" if lines else "its log is empty")


def _shown(line: str) -> str:
    """One line of a log, without what an XML document cannot hold."""
    line = _COLOUR.sub("", line)
    text = "".join(character if character.isprintable() else " " for character in line).strip()
    return text if len(text) <= _LINE_LENGTH else f"{text[: _LINE_LENGTH - 1]}…"
