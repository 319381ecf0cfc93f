"""The make targets as a user calls them, as far as they do something of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from canary_local import state
from canary_local.checkout import Checkout


def make(*arguments: str, **variables: str) -> str:
    """What make prints; it inherits nothing from a make that runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(
        command, cwd=Checkout.here().root, env={**inherited, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("target", "says"),
    [("status", "nothing is running: `make up` starts the environment\n"), ("down", "nothing is running\n")],
)
def test_nothing_is_installed_to_say_that_nothing_runs(tmp_path: Path, target: str, says: str) -> None:
    venv = tmp_path / "venv"
    assert make(target, f"VENV={venv}", CANARY_STATE_DIR=str(tmp_path)) == says
    assert not venv.exists()


@pytest.mark.parametrize("target", ["status", "down"])
def test_what_runs_is_looked_at(tmp_path: Path, target: str) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(AssertionError, match="state.json` is damaged"):
        make(target, CANARY_STATE_DIR=str(tmp_path))


@pytest.mark.parametrize("place", [Path("demo"), Path("load") / "state"])
def test_down_ends_what_demo_and_load_have_left(tmp_path: Path, place: Path) -> None:
    state.save(tmp_path / place, state.State(1, 2))
    assert make("down", CANARY_STATE_DIR=str(tmp_path)) == f"the environment in `{tmp_path / place}` has ended\n"
    assert make("down", CANARY_STATE_DIR=str(tmp_path)) == "nothing is running\n"


@pytest.mark.parametrize("target", ["up", "demo"])
def test_help_is_given_without_a_build(target: str) -> None:
    shown = make(target, f"{target.upper()}_OPTIONS=--help")
    assert shown.startswith("usage: ")
    assert "exit status:" in shown


def test_a_log_s_name_is_given_to_make_and_not_found_in_the_environment() -> None:
    assert make("-n", "logs", "NAME=a b").splitlines()[-1].endswith('canary_local logs "a b"')
    # Some systems set NAME to the machine's.
    assert make("-n", "logs", NAME="machine").splitlines()[-1].rstrip().endswith("canary_local logs")


@pytest.mark.parametrize("target", ["package", "package-cli"])
def test_an_architecture_that_lambda_does_not_have_is_refused_before_anything_is_built(target: str) -> None:
    with pytest.raises(AssertionError, match="error: ARCH is x86_64 or arm64, not 'riscv64'"):
        make(target, "ARCH=riscv64", "TOOLS=")


def advisories(tmp_path: Path, **tools: str) -> subprocess.CompletedProcess[str]:
    """`make advisories` with stand-ins for the tools: what they do, as shell."""
    paths = {}
    for name, does in tools.items():
        paths[name] = tmp_path / name
        paths[name].write_text(f"#!/bin/sh\n{does}\n")
        paths[name].chmod(0o755)
    given = [f"{name}={path}" for name, path in paths.items()] + [f"ADVISORIES={tmp_path / 'found'}"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", "advisories", *given], cwd=Checkout.here().root, env=inherited,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


# pip-audit writes its report once it has asked about every package, whatever it found.
_REPORT = 'while [ "$1" != --output ]; do shift; done; echo "{}" > "$2"'


def test_advisories_that_cannot_be_checked_are_said_not_to_be(tmp_path: Path) -> None:
    done = advisories(tmp_path, DENY="exit 1", AUDIT="echo 'ERROR: no connection' >&2; exit 1")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "advisories about crates: NOT checked, their database cannot be reached from here",
        "advisories about Python packages: NOT checked, their database cannot be reached from here: ERROR: no connection",
    ]


def test_advisories_that_apply_fail(tmp_path: Path) -> None:
    none = advisories(tmp_path, DENY='test "$1" = fetch || echo "advisories ok"', AUDIT=_REPORT)
    assert (none.returncode, none.stdout.splitlines()) == (
        0,
        ["advisories ok", "advisories about Python packages: none"],
    )
    crates = advisories(tmp_path, DENY='test "$1" = fetch', AUDIT=_REPORT)
    assert crates.returncode != 0
    packages = advisories(tmp_path, DENY="exit 0", AUDIT=f"echo 'Found 1 known vulnerability'; {_REPORT}; exit 1")
    assert packages.returncode != 0
    assert "Found 1 known vulnerability" in packages.stdout
