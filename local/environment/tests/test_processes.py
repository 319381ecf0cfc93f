"""Processes and the state file: only what was started here is ever ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canary_local import processes, state
from canary_local.errors import LocalError
from canary_local.processes import Process

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    yield from started(SLEEPS, tmp_path)


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[Process]:
    yield from started(STUBBORN, tmp_path)


def started(command: list[str], tmp_path: Path) -> Iterator[Process]:
    process = processes.start("thing", command, os.environ, tmp_path, tmp_path / "thing.log")
    processes.await_ready([process], lambda: "up" in (tmp_path / "thing.log").read_text(), "starting", 10)
    yield process
    processes.stop(process)


def test_a_process_runs_until_it_is_stopped(sleeper: Process) -> None:
    assert sleeper.alive()
    processes.stop(sleeper)
    assert not sleeper.alive()
    processes.stop(sleeper)


def test_a_process_that_ignores_the_request_is_killed(stubborn: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.3)
    processes.stop(stubborn)
    assert not stubborn.alive()


def test_its_children_end_with_it(tmp_path: Path) -> None:
    parent = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); " \
        "print(p.pid, flush=True); p.wait()"  # fmt: skip
    log = tmp_path / "parent.log"
    process = processes.start("parent", [sys.executable, "-c", parent], os.environ, tmp_path, log)
    processes.await_ready([process], lambda: log.read_text().strip() != "", "starting", 10)
    child = os.pidfd_open(int(log.read_text()))
    processes.stop(process)
    import select

    assert select.select([child], [], [], 5)[0] == [child]
    os.close(child)


def test_a_pid_that_now_belongs_to_someone_else_is_left_alone(sleeper: Process) -> None:
    stranger = replace(sleeper, started=sleeper.started - 1)
    assert not stranger.alive()
    processes.stop(stranger)
    assert sleeper.alive()


def test_a_process_of_an_earlier_boot_is_not_the_one_that_has_its_pid_and_ticks_now(sleeper: Process) -> None:
    earlier = replace(sleeper, boot="9c0d1c1e-0000-4000-8000-000000000000")
    assert not earlier.alive()
    processes.stop(earlier)
    assert sleeper.alive()


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="dataplane cannot be started: .*nothing-here"):
        processes.start("dataplane", ["/nothing-here"], {}, tmp_path, tmp_path / "x.log")


def test_a_process_that_ends_while_it_is_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('port 1 is taken'); raise SystemExit(1)"]
    process = processes.start("ministack", command, os.environ, tmp_path, tmp_path / "m.log")

    with pytest.raises(LocalError, match="ministack ended while starting") as failure:
        processes.await_ready([process], lambda: False, "starting", 10)

    assert failure.value.log is not None
    assert processes.last_lines(failure.value.log, 5) == ["port 1 is taken"]


def test_something_that_never_gets_ready(sleeper: Process) -> None:
    with pytest.raises(LocalError, match="starting took more than"):
        processes.await_ready([sleeper], lambda: False, "starting", 0.2)


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes._start_time(child.pid) is None
    child.wait()


def test_the_state_file_is_read_as_it_was_written(tmp_path: Path, sleeper: Process) -> None:
    saved = state.State(4566, 4567, [sleeper], ready=True)
    state.save(tmp_path, saved)
    loaded = state.load(tmp_path)
    assert loaded == saved
    assert loaded.in_use()
    os.kill(sleeper.pid, signal.SIGKILL)
    os.waitpid(sleeper.pid, 0)
    assert not loaded.in_use()
    state.remove(tmp_path)
    assert state.load(tmp_path) is None
    state.remove(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"gateway_port": 1}', '{"processes": [{"pid": 1}]}', '{"processes": 3}'])
def test_a_damaged_state_file_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / state.FILE).write_text(text)
    with pytest.raises(LocalError, match=r"state.json` is damaged"):
        state.load(tmp_path)
