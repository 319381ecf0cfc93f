"""The reaper: ends the processes that a command started if the command dies without ending them, by SIGKILL for one.

Each command that starts processes has one reaper. It reads their names from a pipe, which the kernel closes when the command
is gone, however it went. Asking the kernel for a signal at the parent's death would not do: that is tied to the thread that
started a process, and what `make up` has started is to stay when the command ends.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .processes import Process

_lock = threading.Lock()
_running: subprocess.Popen[str] | None = None


def watch(process: Process) -> None:
    """Has the process ended when this one is gone."""
    _tell({"watch": asdict(process)})


def forget(process: Process) -> None:
    """Leaves the process alone from now on."""
    if _running:
        _tell({"forget": process.pid})


def _tell(line: dict[str, Any]) -> None:
    global _running
    with _lock:
        _running = _running or _start()
        # If somebody has ended the reaper, the next start in the same state folder still cleans up.
        with contextlib.suppress(BrokenPipeError):
            assert _running.stdin is not None
            _running.stdin.write(json.dumps(line) + "\n")
            _running.stdin.flush()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        # Without `site`, whose packages it does not need, it starts in a third of the time.
        [sys.executable, "-S", "-m", "canary_local.reaper"],
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip


def main() -> None:
    """Reads what to watch until the command is gone, then ends it: what was started last comes first."""
    from . import processes

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, Process] = {}
    for text in sys.stdin:
        line = json.loads(text)
        if "watch" in line:
            process = processes.Process(**line["watch"])
            watched[process.pid] = process
        else:
            watched.pop(line["forget"], None)
    for process in reversed(watched.values()):
        processes.stop(process)


if __name__ == "__main__":
    main()
