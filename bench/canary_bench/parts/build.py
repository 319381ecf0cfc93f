"""How long builds of the functions take: clean, and after a change of one of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from canary_bench.document import ROOT
from canary_bench.errors import BenchError
from canary_bench.progress import say
from canary_bench.tables import table
from canary_local.checkout import FUNCTIONS

WHAT = "clean and one-function-changed builds of the functions, development and release (20 minutes)"
TOUCHED = Path("functions/rollback/src/lib.rs")
PACKAGES = [argument for function in FUNCTIONS for argument in ("-p", function)]


def add_options(parser: ArgumentParser) -> None:
    """Nothing of its own: a build is measured once, whatever the rounds."""


def measure(_options: Namespace) -> str:
    """Builds in a copy of the checkout, so that neither its files nor its build are touched."""
    with tempfile.TemporaryDirectory(dir=ROOT / "target", prefix="bench-build-") as name:
        checkout = copied(Path(name) / "checkout")
        rows = [
            timed("development: `cargo build`", ["cargo", "build", *PACKAGES], checkout),
            timed("development: `cargo test --no-run`, one function", ["cargo", "test", "--no-run", "-p", "rollback"], checkout),
            timed("release: as `make package`", packaging(), checkout),
        ]  # fmt: skip
    return table(["", "clean s", "one function changed s"], rows)


def packaging() -> list[str]:
    """What `make package` runs."""
    said = subprocess.run(["make", "--dry-run", "package"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in said.replace("\\\n", " ").splitlines():
        if "cargo lambda build" in line:
            return ["sh", "-c", line]
    raise BenchError("`make package` runs no `cargo lambda build`")


def timed(name: str, command: Sequence[str], checkout: Path) -> list[str]:
    """Seconds of a clean build, then of one after a change of a function."""
    say(f"build: {name}, clean")
    shutil.rmtree(checkout / "target", ignore_errors=True)
    clean = seconds(command, checkout)
    say(f"build: {name}, {TOUCHED} changed")
    with (checkout / TOUCHED).open("a") as source:
        source.write("\n// Changed.\n")
    return [name, f"{clean:.0f}", f"{seconds(command, checkout):.1f}"]


def seconds(command: Sequence[str], checkout: Path) -> float:
    """How long a command takes that succeeds."""
    # What cargo would take from the checkout that this runs in.
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    started = time.monotonic()
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")
    return time.monotonic() - started


def copied(checkout: Path) -> Path:
    """The files of the checkout as they are, without what is built of them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    return checkout
