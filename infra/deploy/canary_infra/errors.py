"""What goes wrong for somebody who deploys, as one sentence."""

from __future__ import annotations

FAILURE, USAGE = 1, 2


class InfraError(Exception):
    """Shown as it is, without a traceback."""

    status = FAILURE


class UsageError(InfraError):
    """An argument or a setting that cannot be."""

    status = USAGE
