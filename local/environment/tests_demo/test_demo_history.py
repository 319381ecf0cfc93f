"""History to steps, weights and verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from demo_recordings import BEGIN, History, check, promoted, reached, rolled_back

from canary_local.demo.history import LOOK, ROLLED_BACK, SHIFT, SUCCEEDED, parse_time


def test_a_promotion_has_a_step_per_weight_each_watched_once() -> None:
    progress = promoted().progress()
    assert progress.outcome == SUCCEEDED
    assert [step.weight for step in progress.steps] == [25, 50, 75, 100]
    assert [len(step.looks) for step in progress.steps] == [1, 1, 1, 1]
    assert progress.candidate == "hello-backend-new"
    assert progress.stable == "hello-backend-old"


def test_a_step_lasts_from_the_routers_report_to_the_next_one() -> None:
    first, second = promoted().progress().steps[:2]
    assert first.since - BEGIN == pytest.approx(6.4)
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
    assert progress.look is not None and (progress.look.verdict, progress.look.errors) == ("Unhealthy", 17)


def test_a_look_again_adds_a_verdict_to_the_same_step() -> None:
    history = History()
    history.step(6.0, 25, "Inconclusive", "Watching")
    history.state(15.0, 23.0, "Wait", "Wait")
    history.state(23.0, 23.5, LOOK, progress=reached("Shifting", 25, 6.4, check("Healthy", 6.4)))
    assert [look.verdict for look in history.progress().steps[0].looks] == ["Inconclusive", "Healthy"]


def test_a_shift_or_look_that_failed_is_no_step_and_no_verdict() -> None:
    history = History()
    second = history.step(6.0, 25)
    history.state(second, second + 1, SHIFT, failure={"Error": "Canary.RouteConflict", "Cause": "changed"})
    progress = history.progress()
    assert [step.weight for step in progress.steps] == [25]
    first = History()
    first.state(6.0, 7.0, SHIFT, failure={"Error": "Canary.RouteConflict", "Cause": "changed"})
    assert first.progress().steps == []
    assert progress.failure == {"Error": "Canary.RouteConflict", "Cause": "changed"}
    history.state(second + 1, second + 2, LOOK, failure={"Error": "Canary.MetricsUnavailable", "Cause": "no"})
    assert len(history.progress().steps[0].looks) == 1


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
