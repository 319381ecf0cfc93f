"""`python -m canary_local`: see `commands`."""

from __future__ import annotations

import sys

from .interrupts import run

if __name__ == "__main__":
    sys.exit(run("canary_local.commands"))
