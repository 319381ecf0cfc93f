"""The state machine on a second Step Functions interpreter, with the same functions in the same environment: whatever becomes
of a deployment on one, the same becomes of it on the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from deployments import UNTIL_STOPPED, Ending, called_directly, deploy, world
from second_interpreter import beside

from canary_local import hello
from canary_local.environment import Environment
from canary_local.executions import Event
from canary_local.mesh import make_router


class Interpreter(Protocol):
    """What drives executions: the environment, or the second interpreter beside it."""

    def client(self, service: str) -> Any: ...
    def deploy(self, event: Mapping[str, Any]) -> str: ...
    def repair(self, environment_name: str, service: str) -> str: ...
    def follow(self, arn: str) -> Iterator[Event]: ...


@dataclass
class Case:
    """A service of its own for one course of events on one interpreter."""

    env: Environment
    on: Interpreter
    service: str

    def event(self, sha: str, **changes: Any) -> dict[str, Any]:
        usual = {**hello.event(self.env.checkout, "hello-backend", sha), "MicroserviceName": self.service}
        return {**usual, "PercentageStep": 50, "WaitTime": 2, "OnNoData": "Proceed", **changes}

    def deploy(self, sha: str, **changes: Any) -> Ending:
        return deploy(self.on, self.event(sha, **changes))

    def first(self) -> Ending:
        make_router(self.env, self.service, 8080, "http")
        return self.deploy("one")

    def running(self, sha: str, **changes: Any) -> str:
        """Starts a deployment; returns its ARN once it waits at its first weight."""
        arn = self.on.deploy(self.event(sha, **changes))
        next(step for step in self.on.follow(arn) if (step.kind, step.state) == ("entered", "Wait"))
        return arn

    def stop(self, arn: str) -> None:
        """Stops a deployment that waits at its first weight."""
        states = self.on.client("stepfunctions")
        assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
        states.stop_execution(executionArn=arn)

    def end(self, arn: str) -> Ending:
        return Ending(list(self.on.follow(arn)))

    def found(self) -> tuple[Any, ...]:
        """Where the service stands: weights, recorded version, stacks."""
        now = world(self.env, self.service)
        return now.targets(), now.parameter, sorted(name for name in now.stacks if f"-{self.service}-" in name)


def promoted(case: Case) -> list[Ending]:
    return [case.first(), case.deploy("two")]


def unhealthy(case: Case) -> list[Ending]:
    before = case.first()
    with called_directly(case.env, f"{case.service}-errors"):
        return [before, case.deploy("errors", WaitTime=4, OnNoData="RollBack", FailureThresholdValue=0)]


def crashing(case: Case) -> list[Ending]:
    return [case.first(), case.deploy("crashes")]


def misspelt(case: Case) -> list[Ending]:
    return [case.first(), case.deploy("two", PercentageStep=0, Protocol="udp")]


def second_while_one_runs(case: Case) -> list[Ending]:
    before, running = case.first(), case.running("two", WaitTime=UNTIL_STOPPED)
    refused = case.deploy("three")
    assert running in refused.cause
    case.stop(running)
    return [before, refused, case.end(running)]


def repaired(case: Case) -> list[Ending]:
    before, running = case.first(), case.running("two", WaitTime=UNTIL_STOPPED)
    case.stop(running)
    repair = case.end(case.on.repair("demo", case.service))
    return [before, case.end(running), repair, case.deploy("three")]


SUCCEEDED = ("SUCCEEDED", "", "Deployment Succeeded")
STOPPED = ("ABORTED", "", "Wait")
# The course of events, and how each of its executions ends: status, error, last state.
CASES: dict[str, tuple[Callable[[Case], list[Ending]], list[tuple[str, str, str]]]] = {
    "promoted": (promoted, [SUCCEEDED, SUCCEEDED]),
    "unhealthy": (unhealthy, [SUCCEEDED, ("FAILED", "Canary.Unhealthy", "Deployment Failed & Rolled Back")]),
    "crashing": (crashing, [SUCCEEDED, ("FAILED", "Canary.StackFailed", "Deployment Failed & Rolled Back")]),
    "misspelt": (misspelt, [SUCCEEDED, ("FAILED", "Canary.InvalidInput", "Deployment Refused")]),
    "second-while-one-runs": (
        second_while_one_runs,
        [SUCCEEDED, ("FAILED", "Canary.AlreadyRunning", "Deployment Refused"), STOPPED],
    ),
    "repaired": (repaired, [SUCCEEDED, STOPPED, ("SUCCEEDED", "", "Repaired"), SUCCEEDED]),
}


def told(ending: Ending, case: Case) -> dict[str, Any]:
    """What an execution comes to, without what only says which one it was and how often something was looked at."""
    cause = re.sub(r"arn:aws:states:[\w:-]+|RequestToken: [\w-]+", "(which)", ending.cause)
    # Which of its tasks was the last one, and how far its log had come, is a matter of time as well.
    cause = re.sub(r"Last stopped task: .*", "(task)", cause)
    return {
        "status": ending.status,
        "error": ending.error,
        "cause": re.sub(r"\d+", "(number)", cause.replace(case.service, "(service)")),
        "states": without_repeats(ending.entered()),
    }


def without_repeats(states: list[str]) -> list[str]:
    """The states without rounds of a loop that looks, chooses and waits: whether and how often it waits is a matter of time."""
    kept: list[str] = []
    for state in states:
        kept.append(state)
        if kept[-4:-3] == [state]:
            del kept[-3:]
    return kept


@pytest.fixture(scope="module")
def courses(env: Environment) -> Iterator[dict[tuple[str, str], tuple[Case, list[Ending]]]]:
    """All courses of events on both interpreters, side by side."""
    with beside(env) as second, ThreadPoolExecutor(2 * len(CASES)) as pool:
        both: dict[str, Interpreter] = {"one": env, "other": second}
        cases = {(name, key): Case(env, both[key], f"{name}-{key}") for name in CASES for key in both}
        endings = pool.map(lambda at: CASES[at[0]][0](cases[at]), cases)
        yield {at: (cases[at], found) for at, found in zip(cases, endings)}


@pytest.mark.parametrize("name", CASES)
def test_both_interpreters_come_to_the_same(
    courses: dict[tuple[str, str], tuple[Case, list[Ending]]], name: str
) -> None:
    (one, endings), (other, other_endings) = courses[name, "one"], courses[name, "other"]
    expected = CASES[name][1]
    for found in (endings, other_endings):
        assert [(ending.status, ending.error, ending.entered()[-1]) for ending in found] == expected
    assert [told(ending, one) for ending in endings] == [told(ending, other) for ending in other_endings]
    assert str(one.found()).replace(one.service, "") == str(other.found()).replace(other.service, "")


def test_rounds_of_waiting_are_not_told() -> None:
    looked = ["Look", "Is it there?", "Wait for It"]
    expected = ["Check", "Look", "Is it there?", "End"]
    for rounds in (0, 1, 3):
        assert without_repeats(["Check", *looked * rounds, "Look", "Is it there?", "End"]) == expected
        assert without_repeats(["Shift", *looked[::-1] * rounds, "Wait for It", "Is it there?", "Look", "Shift"]) == [
            "Shift", "Wait for It", "Is it there?", "Look", "Shift",
        ]  # fmt: skip
    steps = ["Shift", "Wait", "Look", "Is it good?", "Shift", "Wait", "Look", "Is it good?"]
    assert without_repeats(steps) == steps
