"""What goes wrong for a user of the environment, as one sentence that says what to do."""

from __future__ import annotations


class LocalError(Exception):
    """Shown as it is, without a traceback. `log` names a file whose last lines tell more."""

    def __init__(self, message: str, log: str | None = None) -> None:
        super().__init__(message)
        self.log = log
