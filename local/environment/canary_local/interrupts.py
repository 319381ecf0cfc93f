"""How a command ends when it is told to: it says so at once, and then ends everything that it started."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

INTERRUPTED = 130
"""The exit status of a program ended by Ctrl-C, a closed terminal or `kill`."""
MESSAGE = "interrupted: ending…"
_BROKEN_PIPE = 141
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_holders = 0
_pending = False


def run(module: str) -> int:
    """Imports `module`, which takes a while, and runs its `main` with the command line's arguments."""
    try:
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _interrupt)
        # Whoever started this program may have held signals back until now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return importlib.import_module(module).main(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough, as `head` has; nothing more is to be written, not even at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    finally:
        _ignore()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Puts an interruption off to the end of the block, so that what is started there is remembered too."""
    global _holders
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
    if _pending and not _holders:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Whoever presses Ctrl-C twice is not to leave processes behind, so the first time is the only one that counts."""
    global _pending
    _ignore()
    # Printing is not safe here: what was interrupted may itself have been printing.
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"{MESSAGE}\n".encode())
    _pending = True
    if not _holders:
        raise KeyboardInterrupt


def _ignore() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
