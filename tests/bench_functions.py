"""No function has become much heavier beside one that does nothing: ratios within one run, so the machine does not matter.

What the figures are on a quiet machine: docs/measurements.md. Here the least of the rounds counts, because what else the
machine does only adds, and but for the start CPU time, because waiting for a processor is not in it.
"""

from __future__ import annotations

import pytest

from canary_bench import lambdas
from canary_bench.document import ROOT
from canary_bench.lambdas import FLOOR, Measured
from canary_local.checkout import FUNCTIONS

TOOL = ROOT / "target" / "debug" / "bench-functions"

# How many times the floor's a function's may be: about twice what it is for the heaviest of them on a quiet machine, and half as
# much again for the zip, which is the same each time. The floor's own first invocation makes no call of AWS: handshakes and calls
# are held against what the floor needs to start.
BOUNDS = {
    "time to start": (lambda of, floor: of.least("start") / floor.least("start"), 5),
    "CPU time to start": (lambda of, floor: of.least("start_cpu") / floor.least("start_cpu"), 6),
    "CPU time of the first invocation": (lambda of, floor: of.least("first_cpu") / floor.least("start_cpu"), 6),
    "CPU time of a later one, a call": (
        lambda of, floor: of.least("warm_cpu") / of.least("calls") / floor.least("warm_cpu"),
        6,
    ),
    "memory": (lambda of, floor: of.least("peak_memory") / floor.least("peak_memory"), 6),
    "zip": (lambda of, floor: of.zip_size / floor.zip_size, 6),
}


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    """A short run of all functions."""
    return lambdas.measure(TOOL, rounds=5, warm=50)


@pytest.mark.parametrize("what", BOUNDS)
def test_no_function_is_much_heavier_than_one_that_does_nothing(measured: dict[str, Measured], what: str) -> None:
    ratio, bound = BOUNDS[what]
    ratios = {function: round(ratio(measured[function], measured[FLOOR]), 2) for function in FUNCTIONS}
    print(ratios)
    assert {function: found for function, found in ratios.items() if found > bound} == {}, f"allowed is {bound}"
