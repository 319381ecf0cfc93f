"""Ctrl-C at any moment: one line at once, everything ended, exit status 130."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from canary_local import state
from canary_local.ending import end
from canary_local.interrupts import MESSAGE

PACKAGE = Path(__file__).resolve().parents[1]
ONE_LINE = f"{MESSAGE}\n"
SLOW = """
import threading
from canary_local.interrupts import held

def wait(seconds=60):
    print("waiting", flush=True)
    threading.Event().wait(seconds)
"""
IN_MAIN = """
def main(arguments):
    wait()
"""
WHILE_LOADING = "wait()"
WHILE_CLEANING_UP = """
def main(arguments):
    try:
        wait()
    finally:
        threading.Event().wait(0.3)
        print("cleaned up", flush=True)
"""
WHILE_HELD = """
def main(arguments):
    with held():
        wait(0.3)
        print("remembered", flush=True)
    print("went on", flush=True)
"""


@pytest.fixture(autouse=True)
def _not_ignored() -> Iterator[None]:
    """What runs these tests in the background ignores Ctrl-C, and what is started inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def launch(*arguments: str, path: str = "") -> subprocess.Popen[str]:
    variables = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{PACKAGE}"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *arguments], env=variables, stdout=pipe, stderr=pipe, text=True)


def interrupted(process: subprocess.Popen[str], ready: Callable[[], bool], signals: int = 1) -> tuple[int, str, str]:
    """The exit status, output and complaints of a program that is interrupted when it is `ready`."""
    try:
        while not ready():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("body", "says"),
    [(IN_MAIN, ""), (WHILE_LOADING, ""), (WHILE_CLEANING_UP, "cleaned up\n"), (WHILE_HELD, "remembered\n")],
)
@pytest.mark.parametrize("signals", [1, 2])
def test_an_interruption_is_one_line_whatever_goes_on(tmp_path: Path, body: str, says: str, signals: int) -> None:
    (tmp_path / "slow.py").write_text(SLOW + textwrap.dedent(body))
    program = "import sys; from canary_local.interrupts import run; sys.exit(run('slow'))"
    process = launch("-c", program, path=str(tmp_path))
    assert process.stdout is not None
    waiting = process.stdout.readline
    assert interrupted(process, lambda: waiting() == "waiting\n", signals) == (130, says, ONE_LINE)


def test_output_that_nobody_reads_any_more_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("def main(arguments):\n    while True: print('more', flush=True)\n")
    process = launch(
        "-c", "import sys; from canary_local.interrupts import run; sys.exit(run('slow'))", path=str(tmp_path)
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == "more\n"
    process.stdout.close()
    assert process.wait(timeout=20) == 141
    assert process.stderr.read() == ""


def test_what_takes_long_to_load_is_loaded_when_interruptions_are_taken() -> None:
    program = (
        "import sys, canary_local.__main__, canary_local.demo.__main__; "
        "print([name for name in ('boto3', 'rich') if name in sys.modules])"
    )
    assert launch("-c", program).communicate(timeout=20) == ("[]\n", "")


def test_an_interruption_that_was_held_back_while_python_started_is_taken(tmp_path: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        process = launch("-m", "canary_local", "--state-dir", str(tmp_path), "status")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    assert interrupted(process, lambda: True) == (130, "", ONE_LINE)


class Starting:
    """An environment that a command is starting: what its state file says of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process = launch("-m", "canary_local", "--state-dir", str(directory), "up", "--bare", path=str(PACKAGE))
        self.found: state.State | None = None

    def both_started(self) -> bool:
        self.found = state.load(self.directory)
        return self.found is not None and len(self.found.processes) == 2

    def alive(self) -> list[str]:
        assert self.found is not None
        return [known.name for known in self.found.processes if known.alive()]


def test_an_environment_that_is_interrupted_while_it_starts_is_ended(tmp_path: Path) -> None:
    starting = Starting(tmp_path)
    code, out, err = interrupted(starting.process, starting.both_started)
    assert (code, err) == (130, ONE_LINE)
    assert out.splitlines()[-1].endswith("starting ministack (the other AWS services)")
    assert state.load(tmp_path) is None
    assert starting.alive() == []


def test_an_environment_whose_command_is_killed_is_ended(tmp_path: Path) -> None:
    starting = Starting(tmp_path)
    while not starting.both_started():
        assert starting.process.poll() is None, starting.process.communicate()
        time.sleep(0.02)
    handles = [os.pidfd_open(known.pid) for known in (starting.found.processes if starting.found else [])]
    starting.process.kill()
    starting.process.communicate()
    for handle in handles:
        assert select.select([handle], [], [], 30)[0], "it still runs"
        os.close(handle)


def test_an_environment_that_another_command_ends_while_it_starts_says_so(tmp_path: Path) -> None:
    starting = Starting(tmp_path)
    while not starting.both_started():
        assert starting.process.poll() is None, starting.process.communicate()
        time.sleep(0.02)
    assert starting.found is not None
    # What `make down` does, without the time that it takes to load.
    end(tmp_path, starting.found)
    _, err = starting.process.communicate(timeout=60)
    assert (starting.process.returncode, err) == (1, f"error: {state.ENDED}\n")
    assert state.load(tmp_path) is None
    assert starting.alive() == []
