"""`python -m canary_local.ministack`: ministack with the plugin. Settings come from ministack's own variables."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Installs the plugin and serves until told to stop; a start that cannot work is one line on stderr."""
    from .patching import IncompatibleMinistack

    try:
        from .engine import Engine
        from .install import ENGINE_URL, install

        install(Engine(os.environ[ENGINE_URL]))
    except IncompatibleMinistack as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (ImportError, LookupError, ValueError) as error:
        print(f"error: the ministack plugin cannot start: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    from ministack.app import main as serve

    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
