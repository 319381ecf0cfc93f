"""What a command starts ends with it, however that ends, and what is left all the same the next one removes."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canary_local import processes, state
from canary_local.commands import main
from canary_local.environment import _make_room
from canary_local.errors import LocalError
from canary_local.processes import Process

PACKAGE = Path(__file__).resolve().parents[1]
# As the data plane does: a child in a process group of its own, which shares no more than the session.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=os.setpgrp)
print(child.pid, flush=True)
time.sleep(600)
"""
# Tests may run where somebody ignores the signal that a closed terminal sends, and what is started inherits that.
COMMAND = """
import json, os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from dataclasses import asdict
from pathlib import Path
from canary_local import processes
place = Path(sys.argv[1])
process = processes.start("parent", [sys.executable, "-c", sys.argv[2]], os.environ, place, place / "parent.log")
processes.await_ready([process], lambda: "\\n" in (place / "parent.log").read_text(), "starting", 20)
if sys.argv[3] == "release":
    processes.release(process)
print(json.dumps(asdict(process)), flush=True)
time.sleep(600)
"""
SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


def command(place: Path, then: str = "") -> tuple[subprocess.Popen[str], Process, list[int]]:
    """A command that has started a process, which has started another; handles on both."""
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    arguments = [sys.executable, "-c", COMMAND, str(place), PARENT, then]
    running = subprocess.Popen(arguments, env=variables, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert running.stdout is not None
    process = Process(**json.loads(running.stdout.readline()))
    child = int((place / "parent.log").read_text())
    return running, process, [os.pidfd_open(process.pid), os.pidfd_open(child)]


def gone(handles: list[int], seconds: float) -> bool:
    """Whether all of the processes end within that time."""
    try:
        return all(select.select([handle], [], [], seconds)[0] for handle in handles)
    finally:
        for handle in handles:
            os.close(handle)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_what_a_killed_command_started_ends_with_all_its_children(tmp_path: Path, number: signal.Signals) -> None:
    running, _, handles = command(tmp_path)
    # The whole group, as a terminal does that is closed.
    os.killpg(running.pid, number)
    running.wait()
    assert gone(handles, 20)


def test_what_is_released_outlives_its_command(tmp_path: Path) -> None:
    running, process, handles = command(tmp_path, "release")
    running.kill()
    running.wait()
    assert not gone(handles[:1], 0.5)
    os.close(handles[1])
    processes.stop(process)


def test_what_a_process_that_was_killed_left_ends_too(tmp_path: Path) -> None:
    running, process, handles = command(tmp_path, "release")
    os.kill(process.pid, signal.SIGKILL)
    assert gone(handles[:1], 20)
    processes.stop(process)
    assert gone(handles[1:], 20)
    running.kill()
    running.wait()


@pytest.fixture
def sleepers(tmp_path: Path) -> Iterator[list[Process]]:
    found = [processes.start(name, SLEEPS, os.environ, tmp_path, tmp_path / f"{name}.log") for name in "abc"]
    yield found
    for process in found:
        processes.stop(process)


def test_down_ends_every_environment_of_the_state_folder(
    tmp_path: Path, sleepers: list[Process], capsys: pytest.CaptureFixture[str]
) -> None:
    local = tmp_path / "local"
    for place, process in zip((local, local / "demo", local / "load" / "state"), sleepers):
        state.save(place, state.State(1, 2, [process], ready=True))

    assert main(["--state-dir", str(local), "down"]) == 0

    assert not any(process.alive() for process in sleepers)
    assert state.directories(local) == []
    assert capsys.readouterr().out.splitlines() == [
        "the environment has ended",
        f"the environment in `{local / 'demo'}` has ended",
        f"the environment in `{local / 'load' / 'state'}` has ended",
    ]


def test_status_tells_of_the_demo_s_environment(
    tmp_path: Path, sleepers: list[Process], capsys: pytest.CaptureFixture[str]
) -> None:
    state.save(tmp_path / "demo", state.State(1, 2, sleepers, ready=True))
    assert main(["--state-dir", str(tmp_path), "status"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"another environment runs in `{tmp_path / 'demo'}`: `make down` ends it",
        "nothing is running: `make up` starts the environment",
    ]


def test_an_environment_of_a_command_that_is_gone_is_ended_by_the_next(tmp_path: Path, sleepers: list[Process]) -> None:
    said: list[str] = []
    dead = replace(processes.this(), started=1)
    state.save(tmp_path, state.State(1, 2, sleepers, ready=True, owner=dead))
    _make_room(tmp_path, said.append)
    assert not any(process.alive() for process in sleepers)
    assert said == ["ending the environment that an earlier command left"]
    assert state.load(tmp_path) is None


@pytest.mark.parametrize("owner", [None, processes.this()])
def test_an_environment_that_is_in_use_is_left_alone(
    tmp_path: Path, sleepers: list[Process], owner: Process | None
) -> None:
    state.save(tmp_path, state.State(1, 2, sleepers, owner=owner))
    with pytest.raises(LocalError, match=r"^an environment runs already \(state in `.*`\): `make down` ends it$"):
        _make_room(tmp_path, print)
    assert all(process.alive() for process in sleepers)


@pytest.mark.parametrize("ending", [False, True])
def test_an_environment_that_was_ended_does_not_come_back(tmp_path: Path, ending: bool) -> None:
    started = state.State(1, 2)
    if ending:
        state.save(tmp_path, replace(started, ending=True))
    with pytest.raises(LocalError, match=f"^{state.ENDED}$"):
        state.update(tmp_path, started)
    state.save(tmp_path, started)
    state.update(tmp_path, replace(started, ready=True))
    known = state.load(tmp_path)
    assert known is not None and known.ready


def test_two_commands_do_not_start_in_the_same_place(tmp_path: Path) -> None:
    refused = pytest.raises(LocalError, match="^another command is starting an environment in `.*mine`: `make down`")
    with state.starting(tmp_path / "mine"), state.starting(tmp_path / "other"), refused:
        state.starting(tmp_path / "mine").__enter__()
    with state.starting(tmp_path / "mine"):
        pass


def test_a_state_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    # Not even root writes there.
    refused = pytest.raises(LocalError, match="^state folder `/sys/canary-local` cannot be written: [A-Z][a-z -]+$")
    with refused, state.starting(Path("/sys/canary-local")):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be written: File exists$"):
        state.save(tmp_path / "file", state.State(1, 2))
    assert state.load(tmp_path / "file" / "below") is None


def test_a_state_folder_without_room_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(8_000_000, 0, 8_000_000))
    with pytest.raises(LocalError, match=r"has 8 MB free and an environment needs \d+: free some, or choose another"):
        state.prepare(tmp_path)
