"""`python -m canary_local.ministack`: ministack with the plugin. Settings come from ministack's own variables."""

from __future__ import annotations

import os
import sys

from .engine import ADDRESS, Engine
from .patching import IncompatibleMinistack


def main() -> int:
    """Installs the plugin and serves until told to stop; a start that cannot work is one line on stderr."""
    try:
        # Only now: importing the plugin imports ministack, whose modules may not be the expected ones.
        from .install import install

        install(Engine(os.environ.get(ADDRESS, "")))
    except IncompatibleMinistack as error:
        return _refuse(str(error))
    except ImportError as error:
        return _refuse(str(IncompatibleMinistack(str(error))))
    except ValueError as error:
        return _refuse(f"{ADDRESS}: {error}")
    from ministack.app import main as serve

    serve()
    return 0


def _refuse(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
