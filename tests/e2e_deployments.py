"""Whole deployments through the real state machine, over real Envoys, with requests flowing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from deployments import Callers, Ending, deploy, fresh, through_gateway, world

from canary_local import hello
from canary_local.environment import Environment

SERVICE = "hello-backend"


def deploy_backend(env: Environment, sha: str, **changes: Any) -> Ending:
    """Deploys a version of hello-backend, quickly."""
    usual = {"PercentageStep": 50, "WaitTime": 3, "FailureThresholdValue": 0}
    return deploy(env, {**hello.event(env.checkout, SERVICE, sha), **usual, **changes})


def live(env: Environment) -> str:
    """The commit that SSM records."""
    return world(env, SERVICE).parameter[0]


@pytest.fixture
def callers(env: Environment) -> Iterator[Callers]:
    with Callers(through_gateway(env)) as running:
        yield running


def test_a_good_version_is_promoted_step_by_step_without_a_failed_request(env: Environment, callers: Callers) -> None:
    before, sha = world(env, SERVICE), fresh("good")
    old = before.parameter[0]
    ending = deploy_backend(env, sha, PercentageStep=40)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.weights() == [40, 80, 100]
    assert ending.verdicts() == {"Healthy"}
    after = world(env, SERVICE)
    assert after.parameter == (sha, before.parameter[1] + 1)
    assert f"demo-{SERVICE}-{sha}" in after.stacks
    assert f"demo-{SERVICE}-{old}" not in after.stacks
    assert after.targets() == {f"{SERVICE}-{sha}": 100}
    assert callers.answered > 100
    assert callers.failed == []


def test_a_bad_version_is_rolled_back_and_leaves_everything_as_it_was(env: Environment, callers: Callers) -> None:
    before = world(env, SERVICE)
    ending = deploy_backend(env, fresh("errors"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert f"all traffic of `{SERVICE}` is on `{SERVICE}-{live(env)}`" in ending.cause
    assert world(env, SERVICE) == before
    failed, answered = len(callers.failed), callers.answered
    callers.wait_for_answers(answered + 50)
    assert len(callers.failed) == failed, "callers are well again"


def test_a_version_that_cannot_start_is_rolled_back_with_its_own_words(env: Environment) -> None:
    before = world(env, SERVICE)
    ending = deploy_backend(env, fresh("crashes"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert "is ROLLBACK_COMPLETE: Service: " in ending.cause
    assert f"task exited: `{SERVICE}` exited with 3; its log ends: no database" in ending.cause
    assert "Canary & Switch Traffic" not in ending.entered()
    assert world(env, SERVICE) == before


def test_a_version_that_does_not_listen_on_its_port_gets_no_traffic(env: Environment, callers: Callers) -> None:
    before = world(env, SERVICE)
    ending = deploy_backend(env, fresh("wrongport"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert "Task failed container health checks" in ending.cause
    assert "Canary & Switch Traffic" not in ending.entered()
    assert world(env, SERVICE) == before
    assert callers.failed == []


def test_a_version_that_nobody_calls_is_waited_for_and_then_rolled_back(env: Environment) -> None:
    """Promise 10."""
    before = world(env, SERVICE)
    ending = deploy_backend(env, fresh("quiet"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy")
    assert "no request was measured at this weight" in ending.cause
    assert "Wait for Data" in ending.entered()
    assert ending.verdicts() == {"Inconclusive"}
    assert world(env, SERVICE) == before


def test_a_version_that_nobody_calls_is_promoted_if_the_team_says_so_and_the_verdict_says_it(env: Environment) -> None:
    """Promise 10."""
    ending = deploy_backend(env, fresh("quiet"), OnNoData="Proceed", PercentageStep=100)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.verdicts() == {"Inconclusive"}
    assert "says nothing about its health" in ending.outputs("Gather Health Check Status")[-1]["health"]["why"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("PercentageStep", 0, "`PercentageStep` is `0`: allowed is a whole number from 1 to 100"),
        ("Protocol", "udp", "`Protocol` is `udp`"),
        ("Protocol", "tcp", "`Protocol` is `tcp`: allowed is what the router of `hello-backend` listens for, `http`"),
        ("Namespace", "shop.local", "`Namespace` is `shop.local`: allowed is the namespace of the live version"),
        (
            "Port",
            9901,
            "`Port` is `9901`: allowed is a whole number from 1 to 65535, but 9901, 15000 and 15001 are Envoy's",
        ),
        ("Port", 10**400, "the input cannot be read: number out of range"),
        ("Sha", "a/b", "`Sha` is `a/b`"),
        ("CanaryTemplate", "bm90IGEgdGVtcGxhdGU=", "`CanaryTemplate`"),
        ("CanaryTemplate", "UmVzb3VyY2VzOiBb", "`CanaryTemplate` is not a valid CloudFormation template"),
    ],
)
def test_bad_input_is_refused_in_the_first_state_and_touches_nothing(
    env: Environment, field: str, value: object, named: str
) -> None:
    """Promise 15."""
    before = world(env, SERVICE)
    ending = deploy_backend(env, fresh("bad"), **{field: value})
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput")
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert named in ending.cause
    assert world(env, SERVICE) == before


def test_deploying_the_live_version_is_refused(env: Environment) -> None:
    before = world(env, SERVICE)
    ending = deploy_backend(env, live(env))
    assert (ending.status, ending.error) == ("FAILED", "Canary.AlreadyDeployed")
    assert world(env, SERVICE) == before


def test_a_service_without_a_router_is_refused_in_the_first_state(env: Environment) -> None:
    event = {**hello.event(env.checkout, SERVICE, fresh("bad")), "MicroserviceName": "nobodys"}
    ending = deploy(env, event)
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput")
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert "`MicroserviceName` is `nobodys`: mesh `demo` has no virtual router `nobodys-vr`" in ending.cause


@pytest.fixture
def beta_route(env: Environment) -> Iterator[str]:
    """A route of the team's own that sends testers to the live version; gone afterwards, with what it kept alive."""
    old = live(env)
    appmesh, names = env.client("appmesh"), {"meshName": "demo", "virtualRouterName": f"{SERVICE}-vr"}
    testers = {"prefix": "/", "headers": [{"name": "x-tester", "match": {"exact": "yes"}}]}
    action = {"weightedTargets": [{"virtualNode": f"{SERVICE}-{old}", "weight": 1}]}
    spec = {"priority": 1, "httpRoute": {"match": testers, "action": action}}
    appmesh.create_route(**names, routeName="beta", spec=spec)
    yield old
    appmesh.delete_route(**names, routeName="beta")
    cloudformation = env.client("cloudformation")
    cloudformation.delete_stack(StackName=f"demo-{SERVICE}-{old}")
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=f"demo-{SERVICE}-{old}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def test_an_old_version_that_another_route_needs_stays_and_the_new_one_is_live(
    env: Environment, beta_route: str
) -> None:
    """Promise 7."""
    before, sha = world(env, SERVICE), fresh("good")
    ending = deploy_backend(env, sha, PercentageStep=100, OnNoData="Proceed")
    assert (ending.status, ending.error) == ("FAILED", "Canary.StillReceivingTraffic"), ending.cause
    assert ending.entered()[-1] == "Old Version Not Removed"
    assert f"will not remove `{SERVICE}-{beta_route}`: still named by `beta`" in ending.cause
    after = world(env, SERVICE)
    assert after.parameter == (sha, before.parameter[1] + 1)
    assert after.targets() == {f"{SERVICE}-{sha}": 100}
    assert {f"demo-{SERVICE}-{beta_route}", f"demo-{SERVICE}-{sha}"} <= set(after.stacks)
