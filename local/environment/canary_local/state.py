"""What a running environment is: written when it starts, so that other commands find it and can end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .errors import LocalError
from .processes import Process

FILE = "state.json"
# Says that a directory's LEFTOVERS are ours to remove.
MARKER = ".canary-local"
LEFTOVERS = ("dataplane", "logs", "tmp")
# Unpacked functions, logs and Envoys' files of an environment with a dozen versions take less.
FREE_BYTES = 300_000_000
# `.local` is the environment of `make up`, `.local/demo` that of `make demo`, `.local/load/state` that of `make load`.
_DEPTHS = (FILE, f"*/{FILE}", f"*/*/{FILE}")
ENDED = "the environment was ended meanwhile: `make down` does that"


@dataclass
class State:
    """The running environment of one state directory. `ready` is set when everything is deployed."""

    gateway_port: int
    dataplane_port: int
    processes: list[Process] = field(default_factory=list)
    ready: bool = False
    owner: Process | None = None
    """The command that the environment ends with; none if it stays, as that of `make up` does."""
    ending: bool = False
    """Whether a command is ending it."""

    def in_use(self) -> bool:
        """Whether the command that it ends with still runs; for one that stays, whether any process of it does."""
        return self.owner.alive() if self.owner else any(process.alive() for process in self.processes)


@contextlib.contextmanager
def starting(directory: Path) -> Iterator[None]:
    """Holds the directory for one command that starts an environment in it; the lock goes with the command, however it ends."""
    with _written(directory):
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(
                f"another command is starting an environment in `{directory}`: `make down` ends it"
            ) from None
        yield
    finally:
        os.close(descriptor)


def prepare(directory: Path) -> None:
    """Makes the directory ready for a new environment: what an earlier one left, its logs too, is removed."""
    leftovers = [directory / name for name in LEFTOVERS if (directory / name).exists()]
    marker = directory / MARKER
    if leftovers and not marker.exists():
        raise LocalError(
            f"`{directory}` is no state directory, yet has a `{leftovers[0].name}` in it: choose another --state-dir"
        )
    with _written(directory):
        for path in leftovers:
            shutil.rmtree(path)
        directory.mkdir(parents=True, exist_ok=True)
        marker.touch()
        free = shutil.disk_usage(directory).free
    if free < FREE_BYTES:
        raise LocalError(
            f"`{directory}` has {free // 1_000_000} MB free and an environment needs {FREE_BYTES // 1_000_000}: "
            "free some, or choose another folder with CANARY_STATE_DIR"
        )


def save(directory: Path, state: State) -> None:
    """Replaces the state file in one step, so that nobody reads half of it."""
    temporary = directory / f".{FILE}.{os.getpid()}"
    with _written(directory):
        directory.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(asdict(state), indent=2) + "\n")
        temporary.replace(directory / FILE)


def update(directory: Path, state: State) -> None:
    """Saves the state of an environment that there is already; a `LocalError` if it was ended meanwhile."""
    known = load(directory)
    if known is None or known.ending:
        raise LocalError(ENDED)
    save(directory, state)


def mark_ending(directory: Path, state: State) -> None:
    """Tells other commands that use the environment why it goes. No reason not to end it if that cannot be written."""
    if (directory / FILE).exists():
        with contextlib.suppress(LocalError):
            save(directory, replace(state, ending=True))


def load(directory: Path) -> State | None:
    """The state of `directory`; None if nothing was started there."""
    path = directory / FILE
    try:
        document = json.loads(path.read_text())
        document["processes"] = [Process(**process) for process in document["processes"]]
        owner = document.get("owner")
        return State(**{**document, "owner": Process(**owner) if owner else None})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LocalError(f"`{path}` cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalError(
            f"`{path}` is damaged ({error}): end what still runs by hand (`ps`) and remove the file"
        ) from error


def remove(directory: Path) -> None:
    """Forgets the environment of `directory`; its logs stay, unpacked function code does not."""
    with _written(directory):
        (directory / FILE).unlink(missing_ok=True)
    if (directory / MARKER).exists():
        shutil.rmtree(directory / "tmp", ignore_errors=True)


def directories(directory: Path) -> list[Path]:
    """The state directories of all environments in `directory`: its own, and those of demo and load below it."""
    return [path.parent for pattern in _DEPTHS for path in sorted(directory.glob(pattern))]


@contextlib.contextmanager
def _written(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalError(f"state folder `{directory}` cannot be written: {error.strerror or error}") from None
