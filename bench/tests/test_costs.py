"""The arithmetic of costs, against a recorded execution: a canary in four steps of 4 s in the local environment."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from canary_bench.costs import machine, ours, prices, recorded, seeds
from canary_bench.costs.overhead import overhead, per_step
from canary_bench.costs.recorded import Span
from canary_bench.costs.scenario import Mesh, Scenario
from canary_bench.costs.usage import Runtime, Usage

RECORDED = Path(__file__).parent / "recorded"
# Polls every 5 s, which is longer than data are late, so that there are two checks of each weight, whatever the machine does
# meanwhile. Stacks take 3 s to come and less than 2 s to go, and metrics are as `make up` has them.
LOCAL = Scenario(4, 4, poll=5, create=3, delete=2, period=1, delay=3)


def history() -> list[dict[str, object]]:
    return [json.loads(line) for line in (RECORDED / "history.jsonl").read_text().splitlines()]


def test_the_walk_goes_through_the_states_of_the_real_execution() -> None:
    visits, usage = ours.deploy(LOCAL)
    assert [visit.state for visit in visits] == [span.state for span in recorded.spans(history())]
    assert usage.transitions == recorded.transitions(history()) == 42


def test_the_walk_makes_the_calls_of_the_real_execution() -> None:
    events = history()
    start, end = (recorded.moment(str(event["timestamp"])) for event in (events[0], events[-1]))
    counted = recorded.calls(RECORDED / "aws-calls.jsonl", start, end)
    _, usage = ours.deploy(LOCAL)
    assert counted == usage.calls
    assert counted["appmesh:UpdateRoute"] == 4
    assert recorded.calls(RECORDED / "aws-calls.jsonl", start - 10, start - 1) == Counter()


def test_events_are_those_of_the_history_and_one_more_for_each_task() -> None:
    visits, _ = ours.deploy(LOCAL)
    # AWS has LambdaFunctionStarted as well, the local environment has not.
    tasks = sum(visit.kind == "Task" for visit in visits)
    assert machine.history_events(visits) == len(history()) + tasks


def test_a_try_again_is_a_transition() -> None:
    again = [*history(), {"type": "TaskFailed"}, {"type": "TaskScheduled"}]
    assert recorded.transitions(again) == recorded.transitions(history()) + 1


@pytest.mark.parametrize(("shifted", "complete"), [(0, 240), (1, 300), (59, 300), (60, 300)])
def test_data_are_complete_when_the_functions_say_so(shifted: int, complete: int) -> None:
    """The figures of `a_data_point_counts_only_if_all_its_answers_were_given_at_the_present_weight`."""
    assert Scenario(1, 60).complete_at(shifted) == complete
    assert Scenario(1, 60, begun=shifted).complete_at(0) == complete - shifted
    assert Scenario(1, 60, counted=False).complete_at(shifted) == shifted


def test_a_short_watch_time_waits_for_a_whole_data_point_too() -> None:
    assert Scenario(1, 1).complete_at(1) == 120 + 60 + 120


def test_checks_of_late_data_are_in_the_walk() -> None:
    (early, at_once), (_, late) = (ours.deploy(Scenario(10, 60, counted=counted)) for counted in (False, True))
    # Wait, Gather Health Check Status, Is Healthy?: at 60 s of each of ten steps, and at 120, 180, 240 and just below 300.
    assert late.transitions - at_once.transitions == 10 * 4 * 3
    assert late.metrics - at_once.metrics == 10 * 4 * 5
    # Data are complete at the beginning of a minute: what a weight is reported after one, and what the functions take, is not added.
    reported, recorded_at = (
        next(visit.at for visit in early if visit.state == state) for state in (recorded.WAIT, "Record New Version")
    )
    not_added = reported % 60 + (recorded_at - reported - 10 * 60)
    assert late.seconds - at_once.seconds == pytest.approx(10 * 240 - not_added, abs=2), "waits are whole seconds"


@pytest.mark.parametrize(("poll", "checks"), [(15, 5), (60, 5), (100, 3), (300, 2)])
def test_a_check_comes_once_a_period_and_no_more_often_than_polls(poll: int, checks: int) -> None:
    _, usage = ours.deploy(Scenario(1, 60, poll=poll, create=poll))
    assert usage.calls["cloudwatch:GetMetricData"] == checks


def test_the_transitions_of_each_step_are_the_same_however_many_there_are() -> None:
    two, ten, hundred = (ours.deploy(Scenario(steps, 300))[1].transitions for steps in (2, 10, 100))
    assert (ten - two) / 8 == (hundred - ten) / 90 == 1 + 5 * 3


def test_everything_that_can_name_the_old_version_is_looked_through_once() -> None:
    small, large = (ours.deploy(Scenario(4, 60, mesh=mesh))[1].calls for mesh in (Mesh.of(2), Mesh(12, 32, 102)))
    assert large - small == Counter(
        {"appmesh:ListRoutes": 10, "appmesh:DescribeRoute": 30, "appmesh:DescribeVirtualService": 100}
    )


def test_money_is_amount_times_price() -> None:
    usage = Usage(transitions=1_000, metrics=1_000, write_units=1_000_000, seconds=61)
    dollars = usage.dollars()
    assert dollars[prices.TRANSITION] == pytest.approx(0.025)
    assert dollars[prices.METRIC] == pytest.approx(0.01)
    assert dollars[prices.WRITE_UNIT] == pytest.approx(0.625)
    assert usage.total() == pytest.approx(0.025 + 0.01 + 0.625 + 0.000_005)
    assert usage.pipeline() == pytest.approx(0.004)


def test_lambda_is_charged_by_the_millisecond_and_anew_after_a_pause() -> None:
    usage, runtime = Usage(), Runtime(start=2, first=3, call=1)
    for at in (0, 60, 360):
        usage.invoke("function", at, ("call", "call"), runtime, memory=1769, waited=1)
    assert usage.lambda_ms == (3 + 2 + 80 + 1_000) + (2 + 80 + 1_000) + (3 + 2 + 80 + 1_000)
    assert usage.gb_seconds == pytest.approx(usage.lambda_ms / 1_000 * 1769 / 1024)
    assert usage.invocations["function"] == 3


def test_the_seeds_design_waits_in_its_functions_and_checks_once_a_wait() -> None:
    usage = seeds.deploy(Scenario(4, 300, create=170, delete=100))
    # In front 2, behind 7, three watched steps of 5 and the last shift.
    assert usage.transitions == 2 + 3 * 5 + 1 + 6
    assert usage.metrics == usage.invocations["gather healthcheck status"] == 3
    assert usage.calls["cloudformation:DescribeStacks"] == (180 / 30 + 1) + (120 / 30 + 1)
    assert usage.seconds == 180 + 3 * 300 + 120
    with pytest.raises(ValueError, match="takes longer than 900 s"):
        seeds.deploy(Scenario(4, 300, create=901))


def test_overhead_is_what_neither_the_waits_nor_the_stacks_asked_for() -> None:
    spans = [
        Span("Deploy New Version", "Task", 0.1, 0.2),
        Span("Wait for New Version", "Wait", 0.2, 2.2),
        Span("Canary & Switch Traffic", "Task", 2.2, 2.3),
        Span("Wait", "Wait", 2.3, 6.4, asked=4.0),
        Span("Gather Health Check Status", "Task", 6.4, 6.5),
        Span("Is Healthy?", "Choice", 6.5, 6.5),
        Span("Wait", "Wait", 6.5, 8.6, asked=2.0),
        Span("Gather Health Check Status", "Task", 8.6, 8.7),
        Span("Is Healthy?", "Choice", 8.7, 8.7),
        Span("Canary & Switch Traffic", "Task", 8.7, 8.9),
        Span("Record New Version", "Task", 8.9, 9.0),
    ]
    found = overhead(spans, [(0.15, 1.2), (0.5, 1.0)], 0.0, 9.0)
    assert found.tasks == pytest.approx(0.05 + 0.3 + 0.3)
    assert found.polling == pytest.approx(1.0)
    assert found.interpreter == pytest.approx(0.1 + 0.1 + 0.1)
    assert found.total == pytest.approx(9.0 - 6.0 - 1.05)
    first, last = per_step(spans)
    assert (first.total, first.tasks, first.invocations) == (pytest.approx(0.5), pytest.approx(0.3), 3)
    assert (last.total, last.tasks, last.invocations) == (pytest.approx(0.2), pytest.approx(0.2), 1)
    assert per_step(spans, scale=0.5)[0].total == pytest.approx(0.5 + 3.0)
