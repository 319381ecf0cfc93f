"""No function has become much heavier beside one that does nothing: ratios within one run, so the machine does not matter.

What the figures are on a quiet machine: docs/measurements.md. Here the least of the rounds counts, and CPU time instead of time,
because what else the machine does only adds. How many rounds it takes until one is free of that depends on the machine, so
rounds are added until the bounds hold; a function that is too heavy is so in every round.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from canary_bench import lambdas
from canary_bench.document import ROOT
from canary_bench.lambdas import FLOOR, Measured
from canary_local.checkout import FUNCTIONS

TOOL = ROOT / "target" / "debug" / "bench-functions"
ROUNDS, WARM = 5, 50
# Of so many rounds each, at most.
BATCHES = 8

# How many times the floor's a function's may be: about twice what it is for the heaviest of them on a quiet machine, and half as
# much again for the zip, which is the same each time. The floor's own first invocation makes no call of AWS: handshakes and calls
# are held against what the floor needs to start.
BOUNDS = {
    "CPU time to start": (lambda of, floor: of.least("start_cpu") / floor.least("start_cpu"), 6),
    "CPU time of the first invocation": (lambda of, floor: of.least("first_cpu") / floor.least("start_cpu"), 6),
    "CPU time of a later one, a call": (
        lambda of, floor: of.least("warm_cpu") / of.least("calls") / floor.least("warm_cpu"),
        6,
    ),
    "memory": (lambda of, floor: of.least("peak_memory") / floor.least("peak_memory"), 6),
    "zip": (lambda of, floor: of.zip_size / floor.zip_size, 6),
}


def exceeding(measured: dict[str, Measured], what: str) -> dict[str, float]:
    """The functions that are above a bound, and how many times the floor's they need."""
    ratio, bound = BOUNDS[what]
    ratios = {function: round(ratio(measured[function], measured[FLOOR]), 2) for function in FUNCTIONS}
    print(what, ratios)
    return {function: found for function, found in ratios.items() if found > bound}


def measure(batch: Callable[[], dict[str, Measured]]) -> dict[str, Measured]:
    """Batches of rounds, taken together, until every bound holds or there is no hope."""
    measured = batch()
    for _ in range(BATCHES - 1):
        if not any(exceeding(measured, what) for what in BOUNDS):
            break
        measured = {name: of.and_rounds(added) for (name, of), added in zip(measured.items(), batch().values())}
    return measured


@pytest.fixture(scope="module")
def measured() -> dict[str, Measured]:
    """All functions, in rounds that are interleaved."""
    return measure(lambda: lambdas.measure(TOOL, rounds=ROUNDS, warm=WARM))


@pytest.mark.parametrize("what", BOUNDS)
def test_no_function_is_much_heavier_than_one_that_does_nothing(measured: dict[str, Measured], what: str) -> None:
    assert exceeding(measured, what) == {}, f"allowed is {BOUNDS[what][1]}"


@pytest.mark.parametrize(("quiet", "batches", "heavy"), [(1, 1, False), (3, 3, False), (99, BATCHES, True)])
def test_rounds_are_added_until_one_is_quiet(quiet: int, batches: int, heavy: bool) -> None:
    taken = 0

    def batch() -> dict[str, Measured]:
        nonlocal taken
        taken += 1
        usual = dict.fromkeys(("start_cpu", "first_cpu", "warm_cpu", "calls", "peak_memory"), 1.0)
        one = {name: Measured([usual], 1) for name in (FLOOR, *FUNCTIONS)}
        return {**one, FUNCTIONS[0]: Measured([{**usual, "first_cpu": 1.0 if taken >= quiet else 9.0}], 1)}

    found = measure(batch)
    assert taken == batches
    assert bool(exceeding(found, "CPU time of the first invocation")) == heavy
