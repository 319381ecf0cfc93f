"""What a running environment is: written when it starts, so that other commands find it and can end it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .errors import LocalError
from .processes import Process

FILE = "state.json"
# Says that a directory's LEFTOVERS are ours to remove.
MARKER = ".canary-local"
LEFTOVERS = ("dataplane", "logs", "tmp")


@dataclass
class State:
    """The running environment of one state directory. `ready` is set when everything is deployed."""

    gateway_port: int
    dataplane_port: int
    processes: list[Process] = field(default_factory=list)
    ready: bool = False

    def running(self) -> bool:
        """Whether every process of it runs."""
        return bool(self.processes) and all(process.alive() for process in self.processes)


def prepare(directory: Path) -> None:
    """Makes the directory ready for a new environment: what an earlier one left, its logs too, is removed."""
    leftovers = [directory / name for name in LEFTOVERS if (directory / name).exists()]
    marker = directory / MARKER
    if leftovers and not marker.exists():
        raise LocalError(
            f"`{directory}` is no state directory, yet has a `{leftovers[0].name}` in it: choose another --state-dir"
        )
    for path in leftovers:
        shutil.rmtree(path)
    directory.mkdir(parents=True, exist_ok=True)
    marker.touch()


def save(directory: Path, state: State) -> None:
    """Replaces the state file in one step, so that nobody reads half of it."""
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f".{FILE}.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(state), indent=2) + "\n")
    temporary.replace(directory / FILE)


def load(directory: Path) -> State | None:
    """The state of `directory`; None if nothing was started there."""
    path = directory / FILE
    try:
        document = json.loads(path.read_text())
        document["processes"] = [Process(**process) for process in document["processes"]]
        return State(**document)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LocalError(
            f"`{path}` is damaged ({error}): end what still runs by hand (`ps`) and remove the file"
        ) from error


def remove(directory: Path) -> None:
    """Forgets the environment of `directory`; its logs stay, unpacked function code does not."""
    (directory / FILE).unlink(missing_ok=True)
    if (directory / MARKER).exists():
        shutil.rmtree(directory / "tmp", ignore_errors=True)
