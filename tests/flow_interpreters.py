"""The state machine alone, with scripted functions, on two interpreters that share no code: every way through it, every
error of every Task, time-outs, retries and their intervals. What is expected is written here and in docs/semantics.md.

Pauses before retries take no time here: moto's are noted instead of slept, ministack's are shortened by its own setting.
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
from flows import CHECKED, DEPLOYED, FINAL, LAMBDA_ERRORS, PROMOTED, TASKS, THROTTLED, WALKS
from interpreters import DEFINITION, ROOT, Interpreter, Pauses, interpreter, pauses_noted, waits_noted
from second_interpreter import running
from stand_in import AT_WORK, USUAL, Answer, Fails, Hangs, Refused, Script, StandIn, ministack

STATES = json.loads(DEFINITION)["States"]
# Of docs/semantics.md, `Errors`: each name, and whether it is tried again.
OURS = dict(
    re.findall(r"^\| `(Canary\.\w+)` \|.*\| (yes|no) \|$", (ROOT / "docs" / "semantics.md").read_text(), re.MULTILINE)
)
TRANSIENT = [name for name, again in OURS.items() if again == "yes"]
WORTH_ANOTHER_TRY = {*TRANSIENT, *LAMBDA_ERRORS, THROTTLED}
START = "Check Deployment Version"


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


# The seconds of the waits as the scripts say them: one between two looks at something, and these.
WAITS = {"Wait": 3, "Wait for Turn": 5}
# A busy machine is this much too late at most.
LATE_SECONDS = 1.9


def check_waits(ending: Ending) -> None:
    """Each Wait lasted as long as it should."""
    steps = [event for event in ending.events if STATES.get(event.state, {}).get("Type") == "Wait"]
    for entered, left in zip(steps[::2], steps[1::2]):
        seconds, expected = (left.at - entered.at).total_seconds(), WAITS.get(entered.state, 1)
        assert expected <= seconds < expected + LATE_SECONDS, entered.state


def failures(ending: Ending, state: str) -> list[str]:
    """The errors that a state's function failed with, one after the other."""
    return [event.error for event in ending.events if event.kind == "failed" and event.state == state]


def comparable(cause: str) -> str:
    """Interpreters differ in the spaces of the JSON that a failed function's cause is, and in the account that they have."""
    return re.sub(r":\d{12}:", ":(account):", "".join(cause.split()))


def failing(state: str, *answers: Answer) -> Script:
    """A script in which a Task answers so."""
    return {**TASKS[state].script, state: answers}


def check_failed(ending: Ending, state: str, errors: list[str]) -> None:
    """The execution went as it should when a Task's function fails with these errors, one after the other."""
    task, last = TASKS[state], TASKS[state].caught(errors, WORTH_ANOTHER_TRY)
    error = errors[last]
    assert failures(ending, state) == errors[: last + 1]
    assert ending.entered() == [*task.before, state, *task.after]
    assert (ending.status, ending.error) == ("FAILED", task.error(error))
    # A refusal is the function's own error, of which `Ending` tells the message.
    cause = "scripted" if state == START else json.dumps({"errorType": error, "errorMessage": "scripted"})
    assert comparable(ending.cause).startswith(comparable(task.cause(error, cause)))
    if task.after[0].endswith("Incomplete"):
        repair = json.dumps(
            {"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web"}, separators=(",", ":")
        )
        assert ending.cause.endswith(f" --input '{repair}'")


def courses(state: str) -> list[list[str]]:
    """Errors of a Task's function, one after the other: every kind, and every name that is tried again."""
    if TASKS[state].forgiving:
        everything = [name for name in (*OURS, *LAMBDA_ERRORS, THROTTLED, "Error") if name not in FINAL]
        return [(everything * 61)[:61], *([name] for name in FINAL)]
    return [
        TRANSIENT * 2,
        # The sixth is caught, whatever it is.
        [*LAMBDA_ERRORS[:6]],
        [*LAMBDA_ERRORS[:0:-1]],
        [THROTTLED] * 31,
        ["Canary.Rejected"],
        ["Canary.Conflict", "Error"],
    ]


def test_the_tables_name_every_state() -> None:
    assert set(TASKS) == set(USUAL) == {name for name, state in STATES.items() if state["Type"] == "Task"}
    walked = {state for walk in WALKS.values() for state in walk.states}
    assert walked | {state for task in TASKS.values() for state in task.after} == set(STATES)
    assert {STATES[name]["TimeoutSeconds"] for name in TASKS} == {60}


@pytest.fixture(scope="module")
def walked(stand_in: StandIn, first: Interpreter, second: Interpreter) -> dict[str, tuple[Ending, Ending]]:
    """Every way on both, side by side, because ways wait."""
    with ThreadPoolExecutor(len(WALKS)) as pool:
        events = [lambda walk=walk: stand_in.event(walk.script, wait_time=3, poll_seconds=1) for walk in WALKS.values()]
        return dict(zip(WALKS, pool.map(lambda event: both(first, second, event), events)))


@pytest.mark.parametrize("name", WALKS)
def test_every_way_is_the_same_on_both(name: str, walked: dict[str, tuple[Ending, Ending]]) -> None:
    """Each weight's wait is a part of it: promise 5."""
    walk = WALKS[name]
    for ending in walked[name]:
        assert ending.entered() == walk.states
        assert (ending.status, ending.error) == ("FAILED" if walk.error else "SUCCEEDED", walk.error)
        assert ending.cause == walk.cause
    # ministack's are shortened.
    check_waits(walked[name][1])


# `PollSeconds` by default, and as many looks as are 50 minutes then.
POLL_SECONDS = 15
LOOKS = 200


def events_of_a_look() -> int:
    """As functions/core/src/limits.rs counts them."""
    counts: dict[str, int] = {}
    limits = (ROOT / "functions" / "core" / "src" / "limits.rs").read_text()
    for name, value in re.findall(r"^const (\w+_EVENTS): u64 = (.+);$", limits, re.MULTILINE):
        counts[name] = eval(value, {}, counts)
    return counts["LOOK_EVENTS"]


def test_a_stack_that_takes_fifty_minutes_is_waited_for_with_the_events_that_are_counted_for_it(
    stand_in: StandIn, second: Interpreter
) -> None:
    """Promises 14 and 19. In moto, whose history has every event that AWS writes; ministack's lacks a function's start."""
    looks = [*[AT_WORK] * LOOKS, {"status": "Ready"}]
    slow = stand_in.event({"Deploy New Version": looks}, wait_time=60, poll_seconds=POLL_SECONDS)
    with waits_noted() as waited:
        history = second.history(second.start(slow))
        quick = second.history(second.start(stand_in.event({})))
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if event["type"].endswith("StateEntered")]
    assert entered == [*CHECKED, *[*DEPLOYED, "Wait for New Version"] * LOOKS, *PROMOTED]
    assert history[-1]["type"] == "ExecutionSucceeded"
    assert waited == [*[POLL_SECONDS] * LOOKS, 60, 0]
    assert sum(waited[:LOOKS]) == 50 * 60
    assert len(history) - len(quick) == LOOKS * events_of_a_look()


@pytest.mark.parametrize("state", TASKS)
def test_every_task_tries_again_and_is_caught_as_promised_on_both(
    state: str, stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    for errors in courses(state):
        script = failing(state, *(Fails(error) for error in errors))
        pauses.ranges.clear()
        pauses.slept.clear()
        endings = both(first, second, lambda: stand_in.event(script))  # noqa: B023
        for ending in endings:
            check_failed(ending, state, errors)
        assert comparable(endings[0].cause) == comparable(endings[1].cause)
        # 2 s, 4 s, 8 s ... at most 30 s, or 60 s after a throttle and where everything is tried again; of it, any part.
        longest, tries = 60 if TASKS[state].forgiving or THROTTLED in errors else 30, len(failures(endings[1], state))
        assert pauses.ranges == [(0, min(2 * 2**n, longest)) for n in range(tries - 1)]
        assert len(pauses.slept) == tries - 1


def test_of_our_errors_only_the_transient_ones_are_tried_again(
    stand_in: StandIn, second: Interpreter, pauses: Pauses
) -> None:
    for error in OURS:
        check_failed(second.run(stand_in.event(failing(START, Fails(error)))), START, [error] * 6)


def test_pauses_are_really_made(stand_in: StandIn, second: Interpreter) -> None:
    script = failing(START, *[Fails("Canary.Unavailable")] * 3, *USUAL[START])
    history = second.history(second.start(stand_in.event(script)))
    scheduled = [event for event in history if event["type"] == "LambdaFunctionScheduled"]
    assert {event["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] for event in scheduled} == {60}
    failed = [event["timestamp"] for event in history if event["type"] == "LambdaFunctionFailed"]
    again = [event["timestamp"] for event in scheduled][1:4]
    paused = [(after - before).total_seconds() for before, after in zip(failed, again)]
    assert len(paused) == 3
    assert all(0 < seconds < longest + 1 for seconds, longest in zip(paused, (2, 4, 8)))
    assert sum(paused) > 0.1, "three are hardly all so short"


def test_lambda_itself_refusing_is_tried_again(stand_in: StandIn, second: Interpreter, pauses: Pauses) -> None:
    for code, status in (("TooManyRequestsException", 429), ("ServiceException", 500)):
        ending = second.run(stand_in.event(failing(START, Refused(code, status))))
        check_failed(ending, START, [f"Lambda.{code}"] * 31)


def test_a_task_that_recovers_goes_on_and_the_next_visit_has_all_its_tries(
    stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    fails = [Fails("Canary.Conflict")] * 5
    shifts = [*fails, {"weight": 50, "target": 100}, *fails, {"weight": 100, "target": None}]
    for ending in both(first, second, lambda: stand_in.event({"Canary & Switch Traffic": shifts})):
        assert ending.status == "SUCCEEDED", ending.cause
        assert len(failures(ending, "Canary & Switch Traffic")) == 10


# Where an execution ends whose Task, of those that try for half an hour, was answered at last.
RECOVERED = {"Roll Back": "Deployment Failed & Rolled Back", "Repair": "Deployment Succeeded"}


def test_a_function_that_hangs_is_timed_out_and_tried_again(
    stand_in: StandIn, first: Interpreter, second: Interpreter, pauses: Pauses
) -> None:
    runs = [(on, state) for on in (first, second) for state in TASKS]
    # Those that try for half an hour are answered at last.
    hangs = {state: 2 if TASKS[state].forgiving else 6 for state in TASKS}
    events = [stand_in.event(failing(state, *[Hangs] * hangs[state], *USUAL[state])) for _, state in runs]
    with ThreadPoolExecutor(len(runs)) as pool:
        endings = list(pool.map(lambda run, event: run[0].run(event, run[0].impatient), runs, events))
    for (on, state), ending in zip(runs, endings):
        where, task = f"{state} on {on.name}", TASKS[state]
        failed = failures(ending, state)
        assert set(failed) == {"States.Timeout"}, where
        if task.forgiving:
            assert len(failed) >= hangs[state], where
            assert ending.entered()[-1] == RECOVERED[state], where
        else:
            assert len(failed) == hangs[state], where
            assert ending.entered() == [*task.before, state, *task.after], where
            assert ending.error == "States.Timeout", where
