"""What goes wrong for somebody who deploys, as one sentence."""

from __future__ import annotations


class InfraError(Exception):
    """Shown as it is, without a traceback."""
