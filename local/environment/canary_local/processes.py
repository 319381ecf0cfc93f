"""The environment's own processes: started in groups of their own, and ended only if they are still ours."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LocalError

STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """A process and when it started (clock ticks since boot): a later process may get the same pid."""

    name: str
    pid: int
    started: int
    log: str

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_time(self.pid) == self.started


def start(name: str, argv: list[str], env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Starts a process in its own session, its output going to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        log.unlink(missing_ok=True)
        # The data plane cuts a long log, after which only a writer that appends goes on at its beginning.
        with log.open("ab") as output:
            child = subprocess.Popen(
                argv, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise LocalError(f"{name} cannot be started: {error}") from error
    started = _start_time(child.pid)
    return Process(name, child.pid, started if started is not None else -1, str(log))


def stop(process: Process) -> None:
    """Ends the process and its group, gently first. Does nothing if it is gone or the pid is someone else's."""
    if not process.alive():
        _reap(process.pid)
        return
    descriptor = _pidfd(process)
    try:
        _signal(process, signal.SIGTERM)
        if not _gone(process, descriptor, STOP_SECONDS):
            _signal(process, signal.SIGKILL)
            _gone(process, descriptor, STOP_SECONDS)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    _reap(process.pid)


def await_ready(processes: list[Process], ready: Callable[[], bool], what: str, seconds: float) -> None:
    """Waits until `ready()`; a process that ends meanwhile is the reason why it never will be."""
    deadline = time.monotonic() + seconds
    while not ready():
        for process in processes:
            _reap(process.pid)
            if not process.alive():
                raise LocalError(f"{process.name} ended while {what}", process.log)
        if time.monotonic() > deadline:
            raise LocalError(f"{what} took more than {seconds:.0f} s", processes[-1].log)
        time.sleep(_POLL_SECONDS)


def last_lines(path: str | Path, count: int) -> list[str]:
    """The end of a log; nothing if there is no log."""
    try:
        return Path(path).read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return []


def _start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    fields = stat.rsplit(")", 1)[1].split()
    state, started = fields[0], int(fields[19])
    return None if state in "ZX" else started


def _pidfd(process: Process) -> int | None:
    """A handle on exactly this process, or None where the kernel has none to give."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return None
    if process.alive():
        return descriptor
    os.close(descriptor)
    return None


def _signal(process: Process, number: signal.Signals) -> None:
    # Started in its own session, so its group has its pid and holds nothing but its own children.
    if process.alive():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _gone(process: Process, descriptor: int | None, seconds: float) -> bool:
    if descriptor is not None:
        select.select([descriptor], [], [], seconds)
        return not process.alive()
    deadline = time.monotonic() + seconds
    while process.alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return not process.alive()


def _reap(pid: int) -> None:
    """Collects the process if it is a child of this one, so that it does not stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
