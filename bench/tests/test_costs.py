"""The arithmetic of costs, against a recorded execution: a canary in four steps of 4 s in the local environment."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from canary_bench.costs import machine, ours, prices, recorded, seeds
from canary_bench.costs.overhead import overhead, per_step
from canary_bench.costs.recorded import Span
from canary_bench.costs.scenario import Scenario
from canary_bench.costs.usage import Runtime, Usage

RECORDED = Path(__file__).parent / "recorded"
# Looks every 2 s, stacks that take 3 s to come and less than 2 s to go, and metrics that are there before the wait is over.
LOCAL = Scenario(4, 4, poll=2, create=3, delete=2, late=0)


def history() -> list[dict[str, object]]:
    return [json.loads(line) for line in (RECORDED / "history.jsonl").read_text().splitlines()]


def test_the_walk_goes_through_the_states_of_the_real_execution() -> None:
    visits, usage = ours.deploy(LOCAL)
    assert [visit.state for visit in visits] == [span.state for span in recorded.spans(history())]
    assert usage.transitions == recorded.transitions(history()) == 37


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


def test_looks_at_late_data_are_in_the_walk() -> None:
    in_time, late = (ours.deploy(Scenario(10, 60, late=seconds))[1] for seconds in (60, 120))
    assert in_time.seconds == 180 + 10 * 60 + 120
    # Wait for Data, Gather Health Check Status, Is Healthy?: four times more in each of ten steps.
    assert late.transitions - in_time.transitions == 10 * 4 * 3
    assert late.metrics - in_time.metrics == 10 * 4 * 5
    assert late.seconds - in_time.seconds == 10 * 60


def test_the_transitions_of_each_step_are_the_same_however_many_there_are() -> None:
    two, ten, hundred = (ours.deploy(Scenario(steps, 300))[1].transitions for steps in (2, 10, 100))
    assert (ten - two) / 8 == (hundred - ten) / 90 == 5


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


def test_the_seeds_design_waits_in_its_functions_and_looks_once_a_wait() -> None:
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
        Span("Wait", "Wait", 2.3, 6.4),
        Span("Gather Health Check Status", "Task", 6.4, 6.5),
        Span("Is All Traffic Watched?", "Choice", 6.5, 6.5),
    ]
    found = overhead(spans, 4.0, [(0.15, 1.2), (0.5, 1.0)], 0.0, 6.5)
    assert found.tasks == pytest.approx(0.05 + 0.1 + 0.1)
    assert found.polling == pytest.approx(1.0)
    assert found.interpreter == pytest.approx(0.1 + 0.1)
    assert found.total == pytest.approx(6.5 - 4.0 - 1.05)
    (step,) = per_step(spans, 4.0)
    assert (step.total, step.tasks) == (pytest.approx(0.3), pytest.approx(0.2))
