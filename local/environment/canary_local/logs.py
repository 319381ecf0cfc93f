"""The logs of an environment, each by its name: its own processes', and those of each task's containers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from .errors import LocalError
from .printed import plain
from .processes import last_lines

Logs = dict[str, Path]


def own(directory: Path) -> Logs:
    """The logs of the environment's own processes: `dataplane` and `ministack`."""
    return {path.stem: path for path in sorted((directory / "logs").glob("*.log"))}


def of_tasks(directory: Path) -> Logs:
    """The logs of containers, called `task/container`; a task is called after its service."""
    tasks = directory / "dataplane" / "logs"
    return {str(path.relative_to(tasks).with_suffix("")): path for path in sorted(tasks.rglob("*.log"))}


def named(directory: Path, name: str) -> Logs:
    """The log `name`, or all those of the task `name`; a part that only they have in their names is enough."""
    logs = _all(directory)
    if name in logs:
        return {name: logs[name]}
    pattern = f"*{name.replace('/', '*/*')}*"
    found = {known: path for known, path in logs.items() if fnmatchcase(known, pattern)}
    if not found:
        raise LocalError(f"there is no log `{name}`; there are{_listed(logs)}")
    if len({known.split("/")[0] for known in found}) > 1:
        raise LocalError(f"`{name}` is part of several logs' names; say which:{_listed(found)}")
    return found


def overview(directory: Path, lines: int) -> str:
    """The end of each of the environment's own logs, and the names of the containers'."""
    _all(directory)
    containers = of_tasks(directory)
    more = f"==> of containers, each with `make logs NAME=...` and a part of its name:{_listed(containers)}"
    return "\n".join([shown(own(directory), lines), *([more] if containers else [])])


def shown(logs: Logs, lines: int) -> str:
    """The end of each log, under its name."""
    return "\n".join(
        "\n".join([f"==> {name} ({path})", *map(plain, last_lines(path, lines))]) for name, path in logs.items()
    )


def _all(directory: Path) -> Logs:
    logs = {**own(directory), **of_tasks(directory)}
    if not logs:
        raise LocalError("there are no logs: nothing has been started")
    return logs


def _listed(logs: Logs) -> str:
    return "".join(f"\n    {name}" for name in logs)
