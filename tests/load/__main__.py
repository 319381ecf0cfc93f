"""`python -m load`: see `command`."""

from __future__ import annotations

import sys

from canary_local.interrupts import run

if __name__ == "__main__":
    sys.exit(run("load.command"))
