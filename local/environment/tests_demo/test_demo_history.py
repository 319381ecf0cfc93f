"""History to steps, weights and verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from demo_recordings import BEGIN, History, promoted, rolled_back

from canary_local.demo.history import CHECK, ROLLED_BACK, SHIFT, SUCCEEDED, Tasks, parse_time


def test_a_promotion_has_a_step_per_weight_each_checked_once() -> None:
    progress = promoted().progress()
    assert progress.outcome == SUCCEEDED
    assert [step.weight for step in progress.steps] == [25, 50, 75, 100]
    assert [len(step.checks) for step in progress.steps] == [1, 1, 1, 1]
    assert progress.candidate == "hello-backend-new"
    assert progress.stable == "hello-backend-old"


def test_a_step_lasts_from_its_shift_to_the_next_one() -> None:
    first, second = promoted().progress().steps[:2]
    assert first.since - BEGIN == pytest.approx(6.0)
    assert first.reported - BEGIN == pytest.approx(6.5)
    assert first.left is not None and first.left - BEGIN == pytest.approx(15.0)
    assert first.until == second.since


def test_the_last_step_lasts_to_the_end_of_the_execution() -> None:
    progress = promoted().progress()
    assert progress.steps[-1].until == progress.finished
    assert progress.steps[-1].left == progress.finished


def test_a_rollback_ends_the_step_when_the_traffic_is_back() -> None:
    progress = rolled_back().progress()
    assert progress.outcome == ROLLED_BACK
    assert [step.weight for step in progress.steps] == [25]
    assert progress.restored is not None and progress.restored - BEGIN == pytest.approx(15.5)
    assert progress.steps[0].until == progress.restored
    assert progress.steps[0].left is not None and progress.steps[0].left - BEGIN == pytest.approx(15.0)
    assert progress.weight == 0
    check = progress.check
    assert check is not None and (check.verdict, check.errors, check.threshold) == ("Unhealthy", 17, 5)
    assert (check.requests, check.settled, check.tasks) == (160, 120, Tasks(healthy=2, desired=2))
    assert check.words == (
        "Unhealthy (2 of 2 tasks healthy): `hello-backend-new` answered 17 of 160 requests with 5xx; allowed are 5"
    )


def test_a_check_again_adds_a_verdict_to_the_same_step() -> None:
    history = History()
    history.step(6.0, 25, "Inconclusive")
    for second in range(15, 50, 5):
        history.state(second, second + 4.0, "Wait", "Wait")
        history.check(second + 4.0, second + 4.5, "Inconclusive")
    history.check(50.0, 50.5, "Healthy")
    assert [check.verdict for check in history.progress().steps[0].checks] == ["Inconclusive"] * 8 + ["Healthy"]


def test_a_check_of_tasks_that_nobody_knows_has_none() -> None:
    history = History()
    history.step(6.0, 25, "Inconclusive")
    history.check(15.0, 15.5, "Unhealthy", tasks=None, reason="there is no stack `s`\x1b[2J")
    check = history.progress().check
    assert check is not None and check.words == r"Unhealthy: there is no stack `s`\x1b[2J"


def test_a_shift_or_check_that_failed_is_no_step_and_no_verdict() -> None:
    history = History()
    second = history.step(6.0, 25)
    history.state(second, second + 1, SHIFT, failure={"Error": "Canary.RouteConflict", "Cause": "changed"})
    progress = history.progress()
    assert [step.weight for step in progress.steps] == [25]
    first = History()
    first.state(6.0, 7.0, SHIFT, failure={"Error": "Canary.RouteConflict", "Cause": "changed"})
    assert first.progress().steps == []
    assert progress.failure == {"Error": "Canary.RouteConflict", "Cause": "changed"}
    history.state(second + 1, second + 2, CHECK, failure={"Error": "Canary.Unavailable", "Cause": "no"})
    assert len(history.progress().steps[0].checks) == 1


def test_an_execution_that_timed_out_says_so() -> None:
    history = History()
    history._add(9.0, "ExecutionTimedOut", executionTimedOutEventDetails={})
    progress = history.progress()
    assert progress.outcome == "timed out"
    assert not progress.running


def test_events_seen_before_change_nothing() -> None:
    history = promoted()
    progress = history.progress()
    for event in history.events:
        progress.apply(event)
    assert len(progress.steps) == 4


@pytest.mark.parametrize(
    "value",
    [1_800_000_000.25, "2027-01-15T08:00:00.25Z", "2027-01-15T08:00:00.250000000Z", "2027-01-15T09:00:00.25+01:00"],
)
def test_times_are_read_however_they_are_written(value: Any) -> None:
    assert parse_time(value) == 1_800_000_000.25


def test_no_time_stays_none() -> None:
    assert parse_time(None) is None
