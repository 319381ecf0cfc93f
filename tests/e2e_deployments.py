"""Whole deployments through the real state machine, over real Envoys, with requests flowing."""

from __future__ import annotations

import itertools
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from canary_local import hello
from canary_local.environment import Environment
from canary_local.executions import Event

SERVICE = "hello-backend"
PARAMETER = f"demo-canary-{SERVICE}-version"


@dataclass
class Ending:
    """How an execution went."""

    events: list[Event] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.events[-1].status

    @property
    def error(self) -> str:
        return self.events[-1].error

    @property
    def cause(self) -> str:
        return self.events[-1].cause

    def entered(self) -> list[str]:
        """The names of the states, in order."""
        return [event.state for event in self.events if event.kind == "entered"]

    def outputs(self, state: str) -> list[Any]:
        """What a state put out, each time."""
        return [event.data for event in self.events if event.kind == "exited" and event.state == state]


def deploy(env: Environment, sha: str, **changes: Any) -> Ending:
    """Deploys a version of hello-backend and waits for the end."""
    event = {**hello.event(env.checkout, SERVICE, sha), "PercentageStep": 50, "WaitTime": 3, **changes}
    return Ending(list(env.follow(env.deploy(event))))


def world(env: Environment) -> dict[str, Any]:
    """Everything that a deployment may change."""
    route = env.client("appmesh").describe_route(
        meshName="demo", virtualRouterName=f"{SERVICE}-vr", routeName=f"{SERVICE}-route"
    )
    parameter = env.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]
    stacks = env.client("cloudformation").describe_stacks()["Stacks"]
    return {
        "route": route["route"]["spec"],
        "parameter": (parameter["Value"], parameter["Version"]),
        "stacks": sorted((stack["StackId"], stack["StackStatus"]) for stack in stacks),
    }


def live(env: Environment) -> str:
    """The commit that SSM records."""
    return world(env)["parameter"][0]


class Callers:
    """Requests through the gateway, one after the other on each of a few threads, until the block ends."""

    def __init__(self, env: Environment, threads: int = 4) -> None:
        self.url = f"{env.gateway_url}/hello-service/hello/test"
        self.failed: list[str] = []
        self.answered = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(threads)]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        # A pause between requests, so that a few threads make a load and not a flood.
        while not self._ended.wait(0.02):
            try:
                with urllib.request.urlopen(self.url, timeout=10) as answer:
                    answer.read()
                self.answered += 1
            except (urllib.error.URLError, OSError) as error:
                self.failed.append(str(error))


@pytest.fixture
def callers(env: Environment) -> Iterator[Callers]:
    with Callers(env) as running:
        yield running


_shas = itertools.count(1)


def fresh(kind: str) -> str:
    """A commit that was not deployed before."""
    return f"{kind}{next(_shas)}"


def test_a_good_version_is_promoted_step_by_step_without_a_failed_request(env: Environment, callers: Callers) -> None:
    before, sha = world(env), fresh("good")
    ending = deploy(env, sha, PercentageStep=40)
    assert ending.status == "SUCCEEDED", ending.cause
    shifts = [data["traffic"]["weight"] for data in ending.outputs("Canary & Switch Traffic")]
    assert shifts == [40, 80, 100]
    looks = [data["health"] for data in ending.outputs("Gather Health Check Status")]
    assert {look["verdict"] for look in looks if look["decision"] != "LookAgain"} == {"Healthy"}
    assert looks[-1]["requests"] > 0
    after = world(env)
    assert after["parameter"] == (sha, before["parameter"][1] + 1)
    names = [stack_id.split("/")[1] for stack_id, _ in after["stacks"]]
    assert f"demo-{SERVICE}-{sha}" in names
    assert f"demo-{SERVICE}-{before['parameter'][0]}" not in names
    targets = after["route"]["httpRoute"]["action"]["weightedTargets"]
    assert targets == [{"virtualNode": f"{SERVICE}-{sha}", "weight": 100}]
    assert callers.answered > 100
    assert callers.failed == []


@pytest.mark.parametrize("kind", ["wrongport", "errors"])
def test_a_bad_version_is_rolled_back_and_leaves_everything_as_it_was(
    env: Environment, callers: Callers, kind: str
) -> None:
    before = world(env)
    ending = deploy(env, fresh(kind))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert "answered" in ending.cause
    assert f"all traffic of `{SERVICE}` is on `{SERVICE}-{live(env)}`" in ending.cause
    assert world(env) == before


def test_a_version_that_cannot_start_is_rolled_back_with_the_resources_reason(env: Environment) -> None:
    before = world(env)
    ending = deploy(env, fresh("crashes"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert "ROLLBACK_COMPLETE" in ending.cause
    assert "Canary & Switch Traffic" not in ending.entered()
    assert world(env) == before


def test_a_version_that_nobody_calls_is_not_taken_for_a_healthy_one(env: Environment) -> None:
    ending = deploy(env, fresh("quiet"), OnNoData="Proceed")
    assert ending.status == "SUCCEEDED", ending.cause
    verdicts = {data["health"]["verdict"] for data in ending.outputs("Gather Health Check Status")}
    assert verdicts == {"Inconclusive"}


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("PercentageStep", 0, "`PercentageStep` is `0`: allowed is a whole number from 1 to 100"),
        ("Protocol", "udp", "`Protocol` is `udp`"),
        ("Sha", "a/b", "`Sha` is `a/b`"),
        ("CanaryTemplate", "bm90IGEgdGVtcGxhdGU=", "`CanaryTemplate`"),
        ("CanaryTemplate", "UmVzb3VyY2VzOiBb", "`CanaryTemplate` is not a valid CloudFormation template"),
    ],
)
def test_bad_input_is_refused_in_the_first_state_and_touches_nothing(
    env: Environment, field: str, value: object, named: str
) -> None:
    before = world(env)
    ending = deploy(env, fresh("bad"), **{field: value})
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput")
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert named in ending.cause
    assert world(env) == before


def test_deploying_the_live_version_is_refused(env: Environment) -> None:
    before = world(env)
    ending = deploy(env, live(env))
    assert (ending.status, ending.error) == ("FAILED", "Canary.AlreadyDeployed")
    assert world(env) == before
