"""A deployment or repair that is stopped by hand, in every state that takes time: a repair alone puts everything back, or
finishes what was recorded, and so does the next deployment before it begins.

A Task is stopped with its function at work, which goes on; what was before its effect is the moment after the state before
it. The second interpreter runs these executions, because it can be stopped at exactly these moments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from second_interpreter import beside
from stopped import BROKEN, TEMPLATE, Course, Kind, Moments

from canary_local.environment import Environment

pytestmark = pytest.mark.xdist_group("stopped")
STATES = json.loads((Path(__file__).resolve().parents[1] / "statemachine" / "canary.asl.json").read_text())["States"]
TAKING_TIME = {name for name, state in STATES.items() if state["Type"] in ("Task", "Wait")}
CANARIED = (
    "Check Deployment Version", "Deploy New Version", "Wait for New Version", "Canary & Switch Traffic", "Wait",
    "Gather Health Check Status", "Record New Version", "Remove Old Version",
)  # fmt: skip
KINDS = {
    "promoted": Kind((*CANARIED, "Wait for Removal")),
    "atall": Kind(("Canary & Switch Traffic", "Wait", "Gather Health Check Status"), visit=2),
    "unhealthy": Kind(("Roll Back", "Wait for Rollback"), on_no_data="RollBack"),
    # Its first wait takes no time, so its first check is early on any machine and its second visit waits for data.
    "undecided": Kind(("Wait",), protocol="http", visit=2, wait_time=600),
    "broken": Kind(("Roll Back", "Wait for Rollback"), template=TEMPLATE + BROKEN),
    "first": Kind(CANARIED, stable=False),
    "firstbad": Kind(("Roll Back", "Wait for Rollback"), on_no_data="RollBack", stable=False),
    "repair": Kind(("Check Deployment Version", "Wait for Turn", "Roll Back", "Wait for Rollback"), left="Wait"),
    "finish": Kind(("Roll Back", "Remove Old Version"), left="Remove Old Version"),
    "finishlate": Kind(("Wait for Removal",), left="Remove Old Version", held=True),
}
# Whoever deletes a version reads every route of the mesh: the calls grow with the square of the services in it.
SIDE_BY_SIDE = 14
Wrong = dict[tuple[str, str, str], BaseException | None]
WAYS = {"a repair": Course.mended_by_a_repair, "the next deployment": Course.mended_by_the_next_deployment}


@pytest.fixture(scope="module")
def courses(env: Environment) -> Iterator[Wrong]:
    """All courses of events, side by side: kind, state and way to what was not as it should be, if anything."""
    moments = Moments()
    everything = [(kind, state, way) for kind in KINDS for state in KINDS[kind].states for way in WAYS]
    with beside(env, moments.entered) as moments.second, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        runs = {}
        for number, (kind, state, way) in enumerate(everything):
            course = Course(env, moments, KINDS[kind], state, f"{kind}{number}")
            runs[kind, state, way] = pool.submit(course.play, WAYS[way])
        yield {at: run.exception() for at, run in runs.items()}


def test_every_state_that_takes_time_is_stopped() -> None:
    assert {state for kind in KINDS.values() for state in kind.states} == TAKING_TIME


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_stopped_is_repaired(courses: Wrong, kind: str, way: str) -> None:
    """Promise 13."""
    wrong = {state: courses[kind, state, way] for state in KINDS[kind].states if courses[kind, state, way]}
    assert wrong == {}
