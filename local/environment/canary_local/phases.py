"""The phases of something that takes a while, told as they begin and again while they last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

REMIND_SECONDS = 10.0


class Phases:
    """Says each phase once it begins, and which one still lasts whenever nothing was said for `remind_seconds`."""

    def __init__(self, say: Callable[[str], None], remind_seconds: float = REMIND_SECONDS) -> None:
        self._say = say
        self._remind_seconds = remind_seconds
        self._changed = threading.Condition()
        self._phase = ""
        self._over = False

    def __call__(self, phase: str) -> None:
        """Begins a phase."""
        with self._changed:
            self._phase = phase
            self._say(phase)
            self._changed.notify()

    def __enter__(self) -> Phases:  # noqa: PYI034 (`Self` came with Python 3.11)
        threading.Thread(target=self._remind, name="phases", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without waiting for the lock: what interrupted the block may have interrupted `_say`, which holds it.
        self._over = True

    def _remind(self) -> None:
        with self._changed:
            while not self._over:
                if not self._changed.wait(self._remind_seconds) and self._phase and not self._over:
                    self._say(f"still {self._phase}")


def timed(say: Callable[[str], None]) -> Callable[[str], None]:
    """Has the seconds since now go before everything that is said."""
    started = time.monotonic()
    return lambda text: say(f"[{time.monotonic() - started:5.1f} s] {text}")
