"""The functions' zips, measured by bench/functions beside the floor, a function with no SDK."""

from __future__ import annotations

import json
import subprocess
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import botocore

from canary_bench.document import ROOT
from canary_bench.errors import BenchError
from canary_local.checkout import FUNCTIONS

FLOOR = "floor"
# A bundle of about the size that Lambda has: reading it is a part of a function's start.
ROOTS = Path(botocore.__file__).parent / "cacert.pem"
CASES = ROOT / "bench" / "functions" / "cases"


@dataclass(frozen=True)
class Measured:
    """All rounds of one function. Times are in milliseconds, sizes in bytes."""

    rounds: list[dict[str, float]]
    zip_size: int

    def and_rounds(self, more: Measured) -> Measured:
        """Its rounds and those of another run."""
        return Measured(self.rounds + more.rounds, self.zip_size)

    def median(self, what: str) -> float:
        """The middle one of the rounds' values."""
        return median(values(self.rounds, what))

    def least(self, what: str) -> float:
        """The least of the rounds' values: what else the machine does only ever adds."""
        return min(values(self.rounds, what))


def values(rounds: Sequence[dict[str, float]], what: str) -> list[float]:
    return [each[what] for each in rounds]


def zip_of(function: str) -> Path:
    """Where `make package` leaves it."""
    folder = ROOT / "target"
    path = folder / "lambda" / FLOOR / "bootstrap.zip" if function == FLOOR else folder / "package" / f"{function}.zip"
    if not path.exists():
        raise BenchError(f"`{path.relative_to(ROOT)}` is missing: `make package BESIDE={FLOOR}` builds it")
    return path


def measure(
    tool: Path,
    rounds: int,
    warm: int,
    functions: Sequence[str] = FUNCTIONS,
    each: Callable[[int], None] = lambda _: None,
) -> dict[str, Measured]:
    """Starts the floor and every function `rounds` times, in turn, and calls `each` after every turn."""
    zips = {function: zip_of(function) for function in (FLOOR, *functions)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = [f"{function}={unpacked(path, folder / function)}" for function, path in zips.items()]
        command = [str(tool), "--rounds", str(rounds), "--warm", str(warm), "--cases", str(CASES)]
        command += ["--roots", str(ROOTS), "--bundle", str(folder / "roots.pem"), *arguments]
        found: dict[str, list[dict[str, float]]] = defaultdict(list)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            for line in running.stdout or ():
                measured = json.loads(line)
                found[measured.pop("function")].append(measured)
                if all(len(found[function]) == len(found[FLOOR]) for function in zips):
                    each(len(found[FLOOR]))
    if running.returncode:
        raise BenchError(f"`{tool.name}` failed; the line above says why")
    return {function: Measured(found[function], path.stat().st_size) for function, path in zips.items()}


def unpacked(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as package:
        package.extract("bootstrap", folder)
    (folder / "bootstrap").chmod(0o755)
    return folder / "bootstrap"
