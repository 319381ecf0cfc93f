"""How far it is."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Tells the user, apart from the tables."""
    print(f"· {line}", file=sys.stderr, flush=True)
