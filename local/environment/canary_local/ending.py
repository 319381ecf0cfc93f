"""The end of an environment: how it is brought about, and how those who use it meanwhile learn of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from . import processes, state
from .errors import LocalError


def end(directory: Path, running: state.State) -> None:
    """Ends the environment of a state directory. Harmless when it has ended."""
    state.mark_ending(directory, running)
    for process in reversed(running.processes):
        processes.stop(process)
    state.remove(directory)


@contextmanager
def ended_is_said(directory: Path) -> Iterator[None]:
    """If something in the block fails because the environment of `directory` has ended, a `LocalError` says that instead."""
    try:
        yield
    except (LocalError, BotoCoreError, ClientError, ResponseParserError) as error:
        running = state.load(directory)
        if running is None or running.ending:
            raise LocalError(state.ENDED) from error
        if not isinstance(error, LocalError) or not error.log:
            check_alive(running)
        if isinstance(error, BotoCoreError):
            raise LocalError(str(error)) from error
        raise


def check_alive(running: state.State) -> None:
    """Raises a `LocalError` if a process of the environment has ended by itself."""
    dead = [process.name for process in running.processes if not process.alive()]
    if dead:
        why = f"`make logs NAME={dead[0]}` may tell why"
        raise LocalError(f"{' and '.join(dead)} ended unexpectedly: {why}, `make down up` starts again")
    if not running.processes and not running.in_use():
        raise LocalError("the environment was not started to the end: `make down up` starts again")
