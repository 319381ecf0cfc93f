"""The commands where nothing runs, and what is missing, said in one line."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from canary_local import state
from canary_local.__main__ import main
from canary_local.checkout import FUNCTIONS, Checkout, architecture
from canary_local.environment import Environment
from canary_local.errors import LocalError
from canary_local.loopback import address_prefix, free_port, port_is_free
from canary_local.processes import Process, _start_time

Version = namedtuple("Version", "major minor micro")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_down_without_an_environment_is_done_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", str(tmp_path), "down"]) == 0
    assert main(["--state-dir", str(tmp_path), "status"]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "nothing is running",
        "nothing is running: `make up` starts the environment",
    ]


def test_deploy_without_an_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", str(tmp_path), "deploy", "--event", "x.json"]) == 1
    assert said(capsys) == "error: no environment is running: `make up` starts one"


def test_an_environment_of_which_a_process_died(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "ministack.log"
    log.write_text("it went wrong\n")
    dead = Process("ministack", os.getpid(), 1, str(log))
    state.save(tmp_path, state.State(1, 2, [dead], ready=True))

    assert main(["--state-dir", str(tmp_path), "deploy", "--event", "x.json"]) == 1

    assert said(capsys).splitlines() == [
        "error: ministack ended unexpectedly: `make down up` starts again",
        "    it went wrong",
    ]
    assert main(["--state-dir", str(tmp_path), "down"]) == 0
    assert state.load(tmp_path) is None


def test_an_environment_that_is_still_starting(tmp_path: Path) -> None:
    started = _start_time(os.getpid())
    assert started is not None
    state.save(tmp_path, state.State(1, 2, [Process("ministack", os.getpid(), started, "")]))

    with pytest.raises(LocalError, match="still starting"):
        Environment.attach(state_dir=tmp_path)


def test_a_log_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", str(tmp_path), "logs", "envoy"]) == 1
    assert said(capsys) == "error: there are no logs: nothing has been started"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "dataplane.log").write_text("one\ntwo\n")
    task = tmp_path / "dataplane" / "logs" / "1234"
    task.mkdir(parents=True)
    (task / "envoy.log").write_text("three\n")
    assert main(["--state-dir", str(tmp_path), "logs", "--lines", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["two", "==> more, each by its name: 1234/envoy"]
    assert main(["--state-dir", str(tmp_path), "logs", "1234/envoy"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["three"]
    assert main(["--state-dir", str(tmp_path), "logs", "nope"]) == 1
    assert said(capsys) == "error: there is no log `nope`; there are dataplane, 1234/envoy"


def test_a_new_environment_removes_what_an_old_one_left_and_nothing_else(tmp_path: Path) -> None:
    state.prepare(tmp_path / "mine")
    (tmp_path / "mine" / "logs").mkdir()
    (tmp_path / "mine" / "notes").mkdir()
    state.prepare(tmp_path / "mine")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [state.MARKER, "notes"]

    (tmp_path / "home" / "logs").mkdir(parents=True)
    with pytest.raises(LocalError, match="is no state directory, yet has a `logs` in it"):
        state.prepare(tmp_path / "home")
    assert (tmp_path / "home" / "logs").is_dir()


@pytest.mark.parametrize(
    "arguments", [["up", "--port", "80"], ["up", "--port", "x"], ["up", "--stack-seconds", "-1"], []]
)
def test_arguments_that_make_no_sense(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with everything that `up` looks for, all of it empty."""
    made = Checkout(tmp_path)
    for path, _ in made._needed():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    made.check()
    return made


def test_what_is_missing_is_named_with_its_remedy(checkout: Checkout) -> None:
    checkout.dataplane.unlink()
    with pytest.raises(LocalError, match=r"^`target/debug/local-dataplane` is missing: run `make build`$"):
        checkout.check()
    checkout.package(FUNCTIONS[-1]).unlink()
    with pytest.raises(LocalError, match=r"^`target/package/rollback.zip` is missing: run `make package`$"):
        checkout.check()


def test_a_python_that_is_too_old(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 18))
    with pytest.raises(LocalError, match="Python 3.9 is too old: 3.10 or newer is needed"):
        checkout.check()


def test_a_machine_that_lambda_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(LocalError, match="machine type `riscv64`"):
        architecture()


def test_a_port_in_use(checkout: Checkout) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not port_is_free(port)
        with pytest.raises(LocalError, match=f"port {port} cannot be used .*choose another with --port"):
            free_port(port)
    assert port_is_free(port)


def test_environments_do_not_share_addresses() -> None:
    prefixes = {address_prefix(port) for port in range(1024, 65536)}
    assert len(prefixes) == 65536 - 1024
    assert all(ipaddress.ip_address(f"{prefix}.1").is_loopback for prefix in prefixes)
    assert "127.0.0" not in prefixes
