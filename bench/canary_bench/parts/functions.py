"""Start, invocations, memory and size of the functions, beside the floor."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from canary_bench import lambdas
from canary_bench.document import ROOT
from canary_bench.lambdas import FLOOR, Measured
from canary_bench.progress import say
from canary_bench.tables import table

WHAT = "start, first and later invocations, memory and size of the functions, beside a function without SDK"
TOOL = ROOT / "target" / "release" / "bench-functions"
# Invocations after the first, in each round.
WARM = 300

# A column's head, what it shows of a function's rounds, how it is counted and how many decimals it has.
COLUMNS = (
    ("calls", "calls", 1, 0),
    ("start ms", "start", 1, 2),
    ("first ms", "first", 1, 2),
    ("first CPU ms", "first_cpu", 1, 2),
    ("warm p50 ms", "warm_p50", 1, 3),
    ("warm p99 ms", "warm_p99", 1, 3),
    ("warm CPU ms", "warm_cpu", 1, 3),
    ("memory MB", "peak_memory", 1e6, 1),
    ("own MB", "own_memory", 1e6, 1),
)


def add_options(parser: ArgumentParser) -> None:
    """Nothing beside the rounds."""


def measure(options: Namespace) -> str:
    """One row a function: medians of the rounds."""
    measured = lambdas.measure(
        TOOL, options.rounds, WARM, each=lambda done: say(f"functions: round {done} of {options.rounds}")
    )
    floor = measured[FLOOR]
    rows = []
    for name, of in measured.items():
        cells = [f"{of.median(what) / unit:.{decimals}f}" for _, what, unit, decimals in COLUMNS]
        ratio = of.median("start") / floor.median("start")
        rows.append([f"`{name}`", *cells, _a_call(of, floor), f"{ratio:.2f}", f"{of.zip_size / 1e6:.2f}"])
    return table(["", *(head for head, *_ in COLUMNS), "a call ms", "start ÷ floor", "zip MB"], rows)


def _a_call(of: Measured, floor: Measured) -> str:
    """What each call of AWS adds to a later invocation, in milliseconds."""
    calls = of.median("calls")
    return f"{(of.median('warm_p50') - floor.median('warm_p50')) / calls:.3f}" if calls else ""
