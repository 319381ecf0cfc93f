"""What the parts make of what they are given, without an environment."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from typing import Any

import pytest

from canary_bench import callers, lambdas
from canary_bench.costs import ours
from canary_bench.costs.scenario import Mesh, Scenario
from canary_bench.errors import BenchError
from canary_bench.parts import costs, deployment, environment, growth
from canary_bench.stage import Run
from canary_local.calls import Request
from canary_local.checkout import FUNCTIONS


def event(kind: str, at: float, state: str = "", asked: float = 0.0) -> dict[str, Any]:
    details = {"name": state, "input": json.dumps({"progress": {"waitSeconds": asked}})}
    entered = {"stateEnteredEventDetails": details} if state and kind.endswith("Entered") else {}
    return {"type": kind, "timestamp": datetime.fromtimestamp(at, timezone.utc), **entered}


def played(scenario: Scenario) -> Run:
    """An execution as the arithmetic expects it: each task takes 0.1 s, the start 0.2 s, and nothing else any time beyond its own."""
    visits, usage = ours.deploy(scenario)
    now, history = 0.2, [event("ExecutionStarted", 0.0)]
    for visit, after in zip(visits, [*visits[1:], visits[-1]]):
        asked = after.at - visit.at
        history.append(event(f"{visit.kind}StateEntered", now, visit.state, asked))
        now += 0.1 if visit.kind == "Task" else asked
        history += [event("TaskScheduled", now)] * (visit.kind == "Task")
        history.append(event(f"{visit.kind}StateExited", now))
    return Run([*history, event("ExecutionSucceeded", now)], Counter(usage.calls), [])


MESH = Mesh(13, 11, 13)
GROWN = Scenario(4, growth.WAIT, poll=growth.POLL, create=2 * growth.POLL, delete=growth.POLL, counted=False, mesh=MESH)


def test_what_was_counted_is_compared_with_the_arithmetic() -> None:
    run = played(GROWN)
    growth.agree([run, run], run.calls + run.calls, 4, MESH)
    with pytest.raises(BenchError, match=r"2 deployment\(s\) in 4 steps: .* {'ssm:GetParameter': \(7, 6\)}"):
        growth.agree([run, run], run.calls + run.calls + Counter({"ssm:GetParameter": 1}), 4, MESH)
    with pytest.raises(BenchError, match="33 transitions were counted and 37 computed"):
        growth.agree([run], run.calls, 5, MESH)


@pytest.mark.parametrize("function", (*FUNCTIONS, lambdas.FLOOR))
def test_every_function_has_a_case_with_a_sample(function: str) -> None:
    case = json.loads((lambdas.CASES / f"{function}.json").read_text())
    assert (lambdas.CASES / case["event"]).resolve().is_file()


def test_causes_add_up_to_the_whole() -> None:
    table = deployment.causes(
        played(Scenario(10, deployment.WAIT, period=1, delay=3, create=20, delete=20)), [50.0, 10.0, 10.0]
    )
    rows = {
        cells[0]: cells[1:]
        for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:])
    }
    whole = rows.pop("all")
    assert rows.pop("all, in the slowest of the 10 steps") == ["", "300"]
    assert rows.pop("Lambda: the start of a function that is not running, more than a warm one") == ["40", ""]
    # A shift and two checks, because data are 3 s late.
    assert whole[1] == "300"
    for column in (0, 1):
        assert sum(int(cells[column]) for cells in rows.values()) == pytest.approx(int(whole[column]), abs=2)
    assert rows["Lambda: to a warm function and back"][1] == "30"
    assert rows["interpreter: the start of the execution"][0] == "200"


def test_changes_of_weights_are_told_in_milliseconds() -> None:
    *_, row = environment.flip_table([0.010] * 90 + [0.030] * 10).splitlines()
    assert [cell.strip() for cell in row.split("|")[1:-1]] == ["100", "10.0", "30.0", "30.0"]


def test_only_what_was_answered_with_200_was_carried() -> None:
    answered = [Request(0.0, 200, "v", 0.001 * number) for number in range(1, 102)]
    failed = [Request(0.0, 503, None, 5.0), Request(0.0, None, None, 5.0, "refused")]
    assert callers.summed([*answered, *failed], 10.0) == callers.Load(
        10.1, pytest.approx(0.051), pytest.approx(0.100), 2
    )


def test_the_default_interval_between_polls_costs_within_a_tenth_of_the_least() -> None:
    totals = {}
    for line in costs.intervals().splitlines()[2:]:
        poll, *_, together = [cell.strip() for cell in line.split("|")[1:-1]]
        totals[int(poll)] = float(together)
    assert totals[Scenario(1, 1).poll] <= 1.1 * min(totals.values())
