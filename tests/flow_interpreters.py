"""The state machine alone, with scripted functions, on two interpreters that share no code: every way through it, every
error of every Task, time-outs, retries and their intervals. What is expected is written here and in docs/semantics.md.

Waits and pauses take no time here: moto's are noted instead of slept, ministack's are shortened by its own setting.
Time-outs are real: for them the definition is given with `TimeoutSeconds` 3 instead of 60, and nothing else changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deployments import Ending
from faults.rules import tries_in
from flows import CHECKED, DEPLOYED, DOUBTFUL, FINAL, PASSING, PROMOTED, REPAIR, SLOW, TASKS, WALKS
from interpreters import DEFINITION, ROOT, Interpreter, Pauses, interpreter, pauses_noted, waits_noted
from second_interpreter import running
from stand_in import IN_PROGRESS, USUAL, Answer, Fails, Hangs, Refused, Script, StandIn, ministack, progress

pytestmark = pytest.mark.xdist_group("flow")
STATES = json.loads(DEFINITION)["States"]
# Of docs/semantics.md, `Errors`: each name, and whether it is tried again.
OURS = dict(
    re.findall(r"^\| `(Canary\.\w+)` \|.*\| (yes|no) \|$", (ROOT / "docs" / "semantics.md").read_text(), re.MULTILINE)
)
START = "Check Deployment Version"
NOT_CHECKED = "Deployment Not Checked"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with StandIn().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def second(stand_in: StandIn) -> Iterator[Interpreter]:
    """moto, whose Tasks call the stand-in."""
    with running(stand_in.endpoint) as moto:
        yield interpreter("moto", moto.endpoint)


@pytest.fixture(scope="module")
def first(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """ministack, with a function for each Task that passes its calls to the stand-in."""
    with ministack(stand_in, tmp_path_factory.mktemp("ministack")) as endpoint:
        yield interpreter("ministack", endpoint)


@pytest.fixture
def pauses() -> Iterator[Pauses]:
    with pauses_noted() as noted:
        yield noted


def both(first: Interpreter, second: Interpreter, event: Callable[[], Mapping[str, Any]]) -> tuple[Ending, Ending]:
    """Runs the same script on both, side by side."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda on: on.run(event()), (first, second))
    return one, other


def failures(ending: Ending, state: str) -> list[str]:
    """The errors that a state's function failed with, one after the other."""
    return [event.error for event in ending.events if event.kind == "failed" and event.state == state]


def comparable(cause: str) -> str:
    """Interpreters differ in the spaces of the JSON that a failed function's cause is, and in the account that they have."""
    return re.sub(r":\d{12}:", ":(account):", "".join(cause.split()))


def failing(state: str, *answers: Answer) -> Script:
    """A script in which a Task answers so."""
    return {**TASKS[state].script, state: answers}


def check_failed(ending: Ending, state: str, errors: list[str]) -> list[int]:
    """The execution went as it should when a Task's function fails with these errors, one after the other. Gives the longest
    pause before each try."""
    task = TASKS[state]
    pauses = list(task.pauses(errors))
    error = errors[len(pauses)]
    assert failures(ending, state) == errors[: len(pauses) + 1]
    assert ending.entered() == [*task.before, state, *task.after]
    assert (ending.status, ending.error) == ("FAILED", task.error.format(error=error))
    # A refusal is the function's own error, of which `Ending` tells the message.
    cause = "scripted" if state == START else json.dumps({"errorType": error, "errorMessage": "scripted"})
    assert comparable(ending.cause).startswith(comparable(task.cause.format(error=error, cause=cause)))
    if task.after[-1].endswith("Incomplete"):
        assert ending.cause.endswith(f" --input {REPAIR}")
    return pauses


def courses(state: str) -> list[list[str]]:
    """Errors of a Task's function, one after the other: every kind, and every name that is tried again."""
    if TASKS[state].forgiving:
        names = [*OURS, *PASSING.errors, SLOW.errors[0], *DOUBTFUL.errors, "Error"]
        everything = [name for name in dict.fromkeys(names) if name not in FINAL]
        return [(everything * 61)[:61], *([name] for name in FINAL)]
    return [
        [*PASSING.errors * 11],
        # A function cannot fail with the name of Step Functions' own time-out.
        [SLOW.errors[0]] * 21,
        # The sixth is caught, and the other retriers' tries do not count.
        [*DOUBTFUL.errors, PASSING.errors[0], SLOW.errors[0], *DOUBTFUL.errors],
        ["Canary.Rejected"],
        ["Canary.Conflict", "Error"],
    ]


def test_the_tables_name_every_state() -> None:
    assert set(TASKS) == set(USUAL) == {name for name, state in STATES.items() if state["Type"] == "Task"}
    walked = {state for walk in WALKS.values() for state in walk.states}
    assert walked | {state for task in TASKS.values() for state in task.after} | {NOT_CHECKED} == set(STATES)
    assert {STATES[name]["TimeoutSeconds"] for name in TASKS} == {60}


def test_the_errors_that_are_tried_again_are_those_of_the_promises() -> None:
    again = {name for name, answer in OURS.items() if answer == "yes"}
    assert again == {name for name in (*PASSING.errors, *DOUBTFUL.errors) if name.startswith("Canary.")}


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.usefixtures("pauses")
def test_every_way_is_the_same_on_both(name: str, stand_in: StandIn, first: Interpreter, second: Interpreter) -> None:
    """Each weight's wait is a part of it: promise 5."""
    walk = WALKS[name]
    with waits_noted() as waited:
        endings = both(first, second, lambda: stand_in.event(walk.script, poll_seconds=1))
    for ending in endings:
        assert ending.entered() == walk.states
        assert (ending.status, ending.error) == ("FAILED" if walk.error else "SUCCEEDED", walk.error)
        assert ending.cause.startswith(walk.cause)
        assert bool(ending.cause) == bool(walk.cause)
        if walk.states[-1].endswith("Incomplete"):
            assert ending.cause.endswith(f" --input {REPAIR}")
    # ministack's are shortened.
    assert waited == walk.waits


# `PollSeconds` by default, and as many polls as are 50 minutes then.
POLL_SECONDS = 15
POLLS = 200


def events_of_a_poll() -> int:
    """As functions/core/src/limits.rs counts them."""
    counts: dict[str, int] = {}
    limits = (ROOT / "functions" / "core" / "src" / "limits.rs").read_text()
    for name, value in re.findall(r"^const (\w+_EVENTS): u64 = (.+);$", limits, re.MULTILINE):
        counts[name] = eval(value, {}, counts)
    return counts["POLL_EVENTS"]


def test_a_stack_that_takes_fifty_minutes_is_waited_for_with_the_events_that_are_counted_for_it(
    stand_in: StandIn, second: Interpreter
) -> None:
    """Promises 14 and 19. In moto, whose history has every event that AWS writes; ministack's lacks a function's start."""
    polls = [*[IN_PROGRESS] * POLLS, {"status": "Ready"}]
    shift = {"Canary & Switch Traffic": [progress("Watching", wait=60)]}
    slow = stand_in.event({"Deploy New Version": polls, **shift}, poll_seconds=POLL_SECONDS)
    with waits_noted() as waited:
        history = second.history(second.start(slow))
        quick = second.history(second.start(stand_in.event({})))
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if event["type"].endswith("StateEntered")]
    assert entered == [*CHECKED, *[*DEPLOYED, "Wait for New Version"] * POLLS, *PROMOTED]
    assert history[-1]["type"] == "ExecutionSucceeded"
    assert waited == [*[POLL_SECONDS] * POLLS, 60, 0]
    assert sum(waited[:POLLS]) == 50 * 60
    assert len(history) - len(quick) == POLLS * events_of_a_poll()


@pytest.mark.parametrize("state", TASKS)
def test_every_task_tries_again_and_is_caught_as_promised_on_both(
    state: str, stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    for errors in courses(state):
        script = failing(state, *(Fails(error) for error in errors))
        pauses.ranges.clear()
        pauses.slept.clear()
        endings = both(first, second, lambda: stand_in.event(script))  # noqa: B023
        expected = [check_failed(ending, state, errors) for ending in endings]
        assert comparable(endings[0].cause) == comparable(endings[1].cause)
        # Of each pause, any part.
        assert pauses.ranges == [(0, longest) for longest in expected[1]]
        assert len(pauses.slept) == len(expected[1])


def test_an_aws_service_that_is_away_for_ten_minutes_fails_no_deployment(
    stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    """Promise 21."""
    away = [Fails("Canary.Unavailable")] * tries_in(10)
    states = ("Deploy New Version", "Gather Health Check Status", "Remove Old Version")
    for ending in both(first, second, lambda: stand_in.event({state: [*away, *USUAL[state]] for state in states})):
        assert ending.entered() == [*CHECKED, *PROMOTED]
        assert {len(failures(ending, state)) for state in states} == {len(away)}
    # A pause is any part of its length, so their sum is about normal, with a twelfth of each square as its variance.
    longest = list(TASKS["Deploy New Version"].pauses(["Canary.Unavailable"] * (PASSING.tries + 1)))
    mean, deviation = sum(longest) / 2, (sum(seconds**2 for seconds in longest) / 12) ** 0.5
    assert mean > 15 * 60
    assert mean - 3 * deviation > 10 * 60, "in most of a thousand deployments, and not on average only"


def test_of_our_errors_only_the_transient_ones_are_tried_again(
    stand_in: StandIn, second: Interpreter, pauses: Pauses
) -> None:
    for error in OURS:
        check_failed(second.run(stand_in.event(failing(START, Fails(error)))), START, [error] * (PASSING.tries + 1))


def test_pauses_are_really_made(stand_in: StandIn, second: Interpreter) -> None:
    script = failing(START, *[Fails("Canary.Unavailable")] * 3, *USUAL[START])
    history = second.history(second.start(stand_in.event(script)))
    scheduled = [event for event in history if event["type"] == "LambdaFunctionScheduled"]
    assert {event["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] for event in scheduled} == {60}
    failed = [event["timestamp"] for event in history if event["type"] == "LambdaFunctionFailed"]
    again = [event["timestamp"] for event in scheduled][1:4]
    paused = [(after - before).total_seconds() for before, after in zip(failed, again)]
    assert len(paused) == 3
    assert sum(paused) > 0.1, "three are hardly all so short"


def test_lambda_itself_refusing_is_tried_again(stand_in: StandIn, second: Interpreter, pauses: Pauses) -> None:
    for code, status in (("TooManyRequestsException", 429), ("ServiceException", 500)):
        ending = second.run(stand_in.event(failing(START, Refused(code, status))))
        check_failed(ending, START, [f"Lambda.{code}"] * (PASSING.tries + 1))


def test_a_task_that_recovers_goes_on_and_the_next_visit_has_all_its_tries(
    stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    fails = [Fails("Canary.Conflict")] * DOUBTFUL.tries
    shifts = [*fails, progress("Watching", 50), *fails, progress("Watching", 100)]
    checks = [progress("Shifting", 50), progress("Promoting")]
    script = {"Canary & Switch Traffic": shifts, "Gather Health Check Status": checks}
    for ending in both(first, second, lambda: stand_in.event(script)):
        assert ending.status == "SUCCEEDED", ending.cause
        assert len(failures(ending, "Canary & Switch Traffic")) == 2 * DOUBTFUL.tries


def test_a_function_that_hangs_is_timed_out_tried_again_and_told_as_no_name_of_step_functions(
    stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    """The first try hangs and so does the last one that there is; those between fail sooner, and count as much."""
    runs = [(on, state) for on in (first, second) for state in TASKS]
    between = [Fails(SLOW.errors[0])] * (SLOW.tries - 1)
    # Roll Back tries on, and is answered at last.
    answers = {state: [Hangs, *between, Hangs, *USUAL[state]] for state in TASKS}
    events = [stand_in.event(failing(state, *answers[state])) for _, state in runs]
    with ThreadPoolExecutor(len(runs)) as pool:
        endings = list(pool.map(lambda run, event: run[0].run(event, run[0].impatient), runs, events))
    for (on, state), ending in zip(runs, endings):
        where, task, failed = f"{state} on {on.name}", TASKS[state], failures(ending, state)
        assert failed[0] == "States.Timeout", where
        if task.forgiving:
            assert len(failed) >= SLOW.tries + 1, where
            assert ending.entered()[-1] == "Deployment Failed & Rolled Back", where
            continue
        assert len(failed) == SLOW.tries + 1, where
        assert failed[-1] == "States.Timeout", where
        after = [NOT_CHECKED] if state == START else task.after
        assert ending.entered() == [*task.before, state, *after], where
        assert (ending.status, ending.error) == ("FAILED", "Canary.StateFailed"), where
