"""The commands where nothing runs, and what is missing, said in one line."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from canary_local import state
from canary_local.checkout import FUNCTIONS, HELLO, STATE_DIR_VARIABLE, ZIPS_VARIABLE, Checkout, architecture
from canary_local.commands import main
from canary_local.environment import Environment
from canary_local.errors import LocalError
from canary_local.loopback import address_prefix, free_port, port_is_free
from canary_local.processes import Process, _start_time

Version = namedtuple("Version", "major minor micro")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


@pytest.fixture
def event(tmp_path: Path) -> Path:
    """A deploy request."""
    path = tmp_path / "request.json"
    path.write_text("{}")
    return path


def test_down_without_an_environment_is_done_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", str(tmp_path), "down"]) == 0
    assert main(["--state-dir", str(tmp_path), "status"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "nothing is running",
        "nothing is running: `make up` starts the environment",
    ]


def test_the_state_directory_is_the_options_or_the_variables_or_the_checkouts(
    tmp_path: Path, event: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, word in (("chosen", "variable"), ("other", "option")):
        (tmp_path / place / "logs").mkdir(parents=True)
        (tmp_path / place / "logs" / "ministack.log").write_text(f"by {word}\n")
    monkeypatch.setenv(STATE_DIR_VARIABLE, str(tmp_path / "chosen"))
    assert main(["logs"]) == 0
    assert "by variable" in capsys.readouterr().out
    assert main(["--state-dir", str(tmp_path / "other"), "logs"]) == 0
    assert "by option" in capsys.readouterr().out
    for command in (["env"], ["deploy", "--event", str(event)]):
        assert main(command) == 1
        assert said(capsys) == "error: no environment is running: `make up` starts one"
    monkeypatch.setenv(STATE_DIR_VARIABLE, "")
    assert Checkout(tmp_path).state_dir == tmp_path / ".local"


def test_deploy_without_an_environment(tmp_path: Path, event: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", str(tmp_path), "deploy", "--event", str(event)]) == 1
    assert said(capsys) == "error: no environment is running: `make up` starts one"
    event.write_text("[]")
    assert main(["--state-dir", str(tmp_path), "deploy", "--event", str(event)]) == 1
    assert said(capsys) == f"error: `{event}` must hold one JSON object", (
        "a wrong file is named before anything is needed"
    )


def test_an_environment_of_which_a_process_died(
    tmp_path: Path, event: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = Process("ministack", os.getpid(), 1, "")
    state.save(tmp_path, state.State(1, 2, [dead], ready=True))

    assert main(["--state-dir", str(tmp_path), "deploy", "--event", str(event)]) == 1

    assert said(capsys).startswith("error: ministack ended unexpectedly: `make logs NAME=ministack` may tell why")
    assert main(["--state-dir", str(tmp_path), "down"]) == 0
    assert state.load(tmp_path) is None


def test_an_environment_that_is_still_starting(tmp_path: Path) -> None:
    started = _start_time(os.getpid())
    assert started is not None
    state.save(tmp_path, state.State(1, 2, [Process("ministack", os.getpid(), started, "")]))

    with pytest.raises(LocalError, match="still starting"):
        Environment.attach(state_dir=tmp_path)


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    """The command `logs` where the environment ran two tasks of a service and one of another."""
    for name in ("dataplane", "ministack"):
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / f"{name}.log").write_text(f"before\n{name} says\n")
    for task in ("web-1-aaaa", "web-1-bbbb", "shop-1-cccc"):
        for container in ("envoy", task.split("-")[0]):
            path = tmp_path / "dataplane" / "logs" / task / f"{container}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"before\n{container} of {task} says\n")
    return ["--state-dir", str(tmp_path), "logs", "--lines", "1"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ministack", ["ministack"]),
        ("datap", ["dataplane"]),
        ("shop-1-cccc", ["envoy of shop-1-cccc", "shop of shop-1-cccc"]),
        ("shop", ["envoy of shop-1-cccc", "shop of shop-1-cccc"]),
        ("shop/shop", ["shop of shop-1-cccc"]),
        ("bbbb/env", ["envoy of web-1-bbbb"]),
        ("web-1-aaaa/web", ["web of web-1-aaaa"]),
    ],
)
def test_a_log_is_found_by_a_part_of_its_name(
    logs: list[str], capsys: pytest.CaptureFixture[str], name: str, says: list[str]
) -> None:
    assert main([*logs, name]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "==>" not in line] == [f"{s} says" for s in says]


def test_without_a_name_the_environment_s_own_logs_are_shown_and_the_others_listed(
    logs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(logs) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1::2][:2] == ["dataplane says", "ministack says"]
    assert shown[4].startswith("==> of containers, each with `make logs NAME=...`")
    assert shown[5:7] == ["    shop-1-cccc/envoy", "    shop-1-cccc/shop"]


def test_a_log_that_there_is_not_or_more_than_once(
    tmp_path: Path, logs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*logs, "nope"]) == 1
    assert said(capsys).splitlines()[:3] == [
        "error: there is no log `nope`; there are",
        "    dataplane",
        "    ministack",
    ]
    assert main([*logs, "web"]) == 1
    assert said(capsys).splitlines() == [
        "error: `web` is part of several logs' names; say which:",
        *(f"    web-1-{task}/{container}" for task in ("aaaa", "bbbb") for container in ("envoy", "web")),
    ]
    assert main(["--state-dir", str(tmp_path / "empty"), "logs", "envoy"]) == 1
    assert said(capsys) == "error: there are no logs: nothing has been started"


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
    ("arguments", "complaint"),
    [
        (["up", "--port", "80"], "argument --port: `80` is not a port from 1024 to 65535"),
        (["up", "--port", "x"], "argument --port: `x` is not a port from 1024 to 65535"),
        (["up", "--stack-seconds", "-1"], "argument --stack-seconds: `-1` is not a number of seconds from 0 to 600"),
        (["up", "--stack-seconds", "nan"], "argument --stack-seconds: `nan` is not a number of seconds from 0 to 600"),
        (["up", "--images", "/none.json"], "argument --images: `/none.json` is a file that does not exist"),
        (["up", "--imags", "x.json"], "unrecognized arguments: --imags x.json"),
        (["deploy", "--event", "missing"], "argument --event: `missing` is a file that does not exist"),
        (["deploy", "--event", "/"], "argument --event: `/` is not a file"),
        (["deploy"], "the following arguments are required: --event"),
        (["call", "foo"], ("argument URL: `foo` is not of the form http://host:port/path, with a port to 65535 and without "
                          "spaces; characters beyond ASCII are written as %XX")),
        (["call", "http://h/", "--count", "0"],
         "argument --count: `0` is not a number of requests from 1 to 1000000"),
        (["call", "http://h/", "--host-header", "a\nb"],
         "argument --host-header: `a\\nb` is not a host: allowed are visible ASCII characters without spaces"),
        (["logs", "--lines", "-1"], "argument --lines: `-1` is not a whole number from 1 to 1000000"),
        ([], "the following arguments are required: command"),
    ],
)  # fmt: skip
def test_an_argument_that_makes_no_sense_is_named_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2
    assert capsys.readouterr().err == f"error: {complaint}\n"


@pytest.mark.parametrize("command", ["up", "down", "status", "env", "deploy", "repair", "call", "logs"])
def test_every_command_says_what_it_takes_and_how_it_ends(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main([command, "--help"])
    assert ending.value.code == 0
    shown = capsys.readouterr().out
    assert re.match(rf"usage: make {command}[ \n]", shown)
    assert "\nexit status:\n  0    done;" in shown


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout with everything that `up` looks for, all of it empty."""
    monkeypatch.delenv(ZIPS_VARIABLE, raising=False)
    made = Checkout(tmp_path)
    for path, _ in made._needed():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    made.check()
    return made


def test_what_is_missing_is_named_with_its_remedy(checkout: Checkout) -> None:
    program = checkout.dataplane.with_name(HELLO[0])
    program.unlink()
    checkout.check(())
    with pytest.raises(LocalError, match=r"^`target/debug/hello-web` is missing: run `make build`$"):
        checkout.check()
    checkout.dataplane.unlink()
    with pytest.raises(LocalError, match=r"^`target/debug/local-dataplane` is missing: run `make build`$"):
        checkout.check()
    checkout.package(FUNCTIONS[-1]).unlink()
    with pytest.raises(LocalError, match=r"^`target/functions/rollback.zip` is missing: run `make build`$"):
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
