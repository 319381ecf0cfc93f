"""`python -m canary_local.ministack.pins` pins every function of ministack that the plugin replaces or relies on.

Run it after the plugin was compared with a changed ministack, or has begun to use another function.
"""

from __future__ import annotations

import json
import os

from . import patching
from .aws_calls import FILE
from .engine import Engine
from .install import install


def main() -> None:
    """Writes the hashes of the installed ministack's functions."""
    os.environ[FILE] = os.devnull
    patching.recorded = {}
    install(Engine("http://127.0.0.1:1"))
    patching.PINS.write_text(json.dumps(patching.recorded, indent=2, sort_keys=True) + "\n")
    print(f"{len(patching.recorded)} functions are pinned in {patching.PINS}")


if __name__ == "__main__":
    main()
