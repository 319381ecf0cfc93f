"""The environment's own processes: each in a session of its own, and ended only if it is still ours."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import reaper
from .errors import LocalError

# Nothing is lost if one that takes longer is killed; the data plane gives its containers 3 s.
STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """A process and when it started, in clock ticks since the boot: a later process may get the same pid."""

    name: str
    pid: int
    started: int
    log: str
    boot: str = field(default_factory=lambda: _boot())

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == _boot() and _start_time(self.pid) == self.started


def this() -> Process:
    """The process that asks."""
    return Process("this command", os.getpid(), _start_time(os.getpid()) or -1, "")


def start(name: str, argv: list[str], env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Starts a process in its own session, its output going to `log`. It does not outlive this one, unless released."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
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
    process = Process(name, child.pid, started if started is not None else -1, str(log))
    reaper.watch(process)
    return process


def release(process: Process) -> None:
    """Lets a process outlive this one."""
    reaper.forget(process)


def stop(process: Process) -> None:
    """Ends the process and its session, gently first. Does nothing if they are gone or the pid is someone else's."""
    if process.alive():
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
    _end_session(process)
    reaper.forget(process)


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


@cache
def _boot() -> str:
    """What the kernel calls the present boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _start_time(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third one on: the state."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    return stat.rsplit(")", 1)[1].split()


def _end_session(process: Process) -> None:
    """Kills what the process left. Linux gives no new process the id of a session that still has members; but ids and clock ticks
    begin anew with each boot."""
    leader = _stat(process.pid)
    if process.boot != _boot() or (leader and int(leader[19]) != process.started):
        return
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields and int(fields[3]) == process.pid and int(fields[19]) >= process.started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)


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
