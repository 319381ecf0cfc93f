"""Whole deployments through the real state machine, over real Envoys, with requests flowing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from deployments import CHECK, Callers, Ending, deploy, fresh, standing, through_gateway

from canary_local import hello
from canary_local.environment import Environment
from canary_local.mesh import make_router

SERVICE = "hello-backend"


def deploy_backend(env: Environment, sha: str, **changes: Any) -> Ending:
    """Deploys a version of hello-backend, quickly."""
    usual = {"PercentageStep": 50, "WaitTime": 3, "FailureThresholdValue": 0}
    return deploy(env, {**hello.event(env.checkout, SERVICE, sha), **usual, **changes})


def live(env: Environment) -> str:
    """The commit that SSM records."""
    return standing(env, SERVICE).parameter[0]


@pytest.fixture
def callers(env: Environment) -> Iterator[Callers]:
    with Callers(through_gateway(env)) as running:
        yield running


def test_a_good_version_is_promoted_step_by_step_without_a_failed_request(env: Environment, callers: Callers) -> None:
    before, sha = standing(env, SERVICE), fresh("good")
    old = before.parameter[0]
    ending = deploy_backend(env, sha, PercentageStep=40)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.weights() == [40, 80, 100]
    assert ending.verdicts() == {"Healthy"}
    after = standing(env, SERVICE)
    assert after.parameter == (sha, before.parameter[1] + 1)
    assert f"demo-{SERVICE}-{sha}" in after.stacks
    assert f"demo-{SERVICE}-{old}" not in after.stacks
    assert after.targets() == {f"{SERVICE}-{sha}": 100}
    assert callers.answered > 100
    assert callers.failed == []


def test_a_bad_version_is_rolled_back_and_leaves_everything_as_it_was(env: Environment, callers: Callers) -> None:
    before = standing(env, SERVICE)
    ending = deploy_backend(env, fresh("errors"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert f"all traffic of `{SERVICE}` is on `{SERVICE}-{live(env)}`" in ending.cause
    assert standing(env, SERVICE) == before
    failed, answered = len(callers.failed), callers.answered
    callers.wait_for_answers(answered + 50)
    assert len(callers.failed) == failed, "callers are well again"


def test_a_version_that_cannot_start_is_rolled_back_with_its_own_words(env: Environment) -> None:
    before = standing(env, SERVICE)
    ending = deploy_backend(env, fresh("crashes"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert "is ROLLBACK_COMPLETE: Service: " in ending.cause
    assert f"task exited: `{SERVICE}` exited with 3; its log ends: no database" in ending.cause
    assert "Canary & Switch Traffic" not in ending.entered()
    assert standing(env, SERVICE) == before


def test_a_version_that_does_not_listen_on_its_port_gets_no_traffic(env: Environment, callers: Callers) -> None:
    before = standing(env, SERVICE)
    ending = deploy_backend(env, fresh("wrongport"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert "Task failed container health checks" in ending.cause
    assert "Canary & Switch Traffic" not in ending.entered()
    assert standing(env, SERVICE) == before
    assert callers.failed == []


def test_a_version_that_nobody_calls_is_waited_for_and_then_rolled_back(env: Environment) -> None:
    """Promise 10."""
    before = standing(env, SERVICE)
    ending = deploy_backend(env, fresh("quiet"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy")
    assert "no request was measured at this weight" in ending.cause
    assert ending.entered().count(CHECK) > 1, "its data was waited for"
    assert ending.verdicts() == {"Inconclusive"}
    assert standing(env, SERVICE) == before


def test_a_version_that_nobody_calls_is_promoted_if_the_team_says_so_and_the_verdict_says_it(env: Environment) -> None:
    """Promise 10."""
    ending = deploy_backend(env, fresh("quiet"), OnNoData="Proceed", PercentageStep=100)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.verdicts() == {"Inconclusive"}
    assert "says nothing about its health" in ending.checks()[-1]["reason"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("PercentageStep", 0, "`PercentageStep` is `0`: allowed is a whole number from 1 to 100"),
        ("Protocol", "tcp", "`Protocol` is `tcp`: allowed is what the router of `hello-backend` listens for, `http`"),
        (
            "Namespace",
            "demo.locl",
            "`Namespace` is `demo.locl`: allowed is a Cloud Map namespace that exists: `demo.local`",
        ),
        ("Port", 10**400, "the input cannot be read: number out of range"),
        ("CanaryTemplate", "UmVzb3VyY2VzOiBb", "`CanaryTemplate` is not a valid CloudFormation template"),
    ],
)
def test_bad_input_is_refused_in_the_first_state_and_touches_nothing(
    env: Environment, field: str, value: object, named: str
) -> None:
    """Promise 15."""
    before = standing(env, SERVICE)
    ending = deploy_backend(env, fresh("bad"), **{field: value})
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput")
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert named in ending.cause
    assert standing(env, SERVICE) == before


def test_deploying_the_live_version_is_refused(env: Environment) -> None:
    before = standing(env, SERVICE)
    ending = deploy_backend(env, live(env))
    assert (ending.status, ending.error) == ("FAILED", "Canary.AlreadyDeployed")
    assert standing(env, SERVICE) == before


def test_a_service_without_a_router_is_refused_in_the_first_state(env: Environment) -> None:
    event = {**hello.event(env.checkout, SERVICE, fresh("bad")), "MicroserviceName": "nobodys"}
    ending = deploy(env, event)
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput")
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert "`MicroserviceName` is `nobodys`: mesh `demo` has no virtual router `nobodys-vr`" in ending.cause


def target_ports(env: Environment) -> dict[str, int | None]:
    """The port of each target of the service's route."""
    route = standing(env, SERVICE).route or {}
    return {each["virtualNode"]: each.get("port") for each in route["httpRoute"]["action"]["weightedTargets"]}


@pytest.fixture
def named_port(env: Environment) -> Iterator[None]:
    """The route's target has a port, as a team may have set it, which is the live version's."""
    old, appmesh = live(env), env.client("appmesh")
    names = {"meshName": "demo", "virtualRouterName": f"{SERVICE}-vr", "routeName": f"{SERVICE}-route"}

    def set_target(**target: Any) -> None:
        spec = appmesh.describe_route(**names)["route"]["spec"]
        spec["httpRoute"]["action"] = {"weightedTargets": [{"weight": 100, **target}]}
        appmesh.update_route(**names, spec=spec)

    set_target(virtualNode=f"{SERVICE}-{old}", port=8080)
    yield
    set_target(virtualNode=f"{SERVICE}-{live(env)}")


@pytest.mark.usefixtures("named_port")
def test_a_target_with_a_port_gets_the_candidates_port_and_callers_are_answered(
    env: Environment, callers: Callers
) -> None:
    for port in (8090, 8080):
        sha = fresh("good")
        ending = deploy_backend(env, sha, Port=port)
        assert ending.status == "SUCCEEDED", ending.cause
        assert ending.verdicts() == {"Healthy"}
        assert target_ports(env) == {f"{SERVICE}-{sha}": port}
    assert callers.failed == []


@pytest.fixture
def newcomer(env: Environment) -> Iterator[str]:
    """A service that has a router and no version yet; its name."""
    name = fresh("newcomer")
    make_router(env, name, 8080, "http")
    yield name


def test_a_first_deployment_into_a_namespace_that_is_not_there_is_refused_and_the_right_one_is_not(
    env: Environment, newcomer: str
) -> None:
    """Nobody could reach the version, and the service could not be deployed into the right one any more."""
    event = {**hello.event(env.checkout, SERVICE, "first"), "MicroserviceName": newcomer, "WaitTime": 1}
    ending = deploy(env, {**event, "Namespace": "demo.locl"})
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput"), ending.cause
    assert "`Namespace` is `demo.locl`: allowed is a Cloud Map namespace that exists: `demo.local`" in ending.cause
    right = deploy(env, event)
    assert right.status == "SUCCEEDED", right.cause


def test_a_first_deployment_of_a_service_whose_traffic_flows_over_another_route_is_refused(
    env: Environment, newcomer: str
) -> None:
    route(env, f"{newcomer}-vr", f"to-{newcomer}", f"{SERVICE}-{live(env)}")
    event = {**hello.event(env.checkout, SERVICE, "first"), "MicroserviceName": newcomer}
    ending = deploy(env, event)
    assert (ending.status, ending.error) == ("FAILED", "Canary.UnexpectedRoute"), ending.cause
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert f"there is no `{newcomer}-route`, and `to-{newcomer}` on the same router has" in ending.cause
    assert f"demo-{newcomer}-first" not in standing(env, newcomer).stacks
    unroute(env, f"{newcomer}-vr", f"to-{newcomer}")


def route(env: Environment, router: str, name: str, version: str) -> None:
    """Makes a route of the team's own that sends testers to a version."""
    testers = {"prefix": "/", "headers": [{"name": "x-tester", "match": {"exact": "yes"}}]}
    action = {"weightedTargets": [{"virtualNode": version, "weight": 1}]}
    spec = {"priority": 1, "httpRoute": {"match": testers, "action": action}}
    env.client("appmesh").create_route(meshName="demo", virtualRouterName=router, routeName=name, spec=spec)


def unroute(env: Environment, router: str, name: str) -> None:
    env.client("appmesh").delete_route(meshName="demo", virtualRouterName=router, routeName=name)


@dataclass(frozen=True)
class User:
    """Something of the team's own that needs a version, and how it is named."""

    add: Callable[[Environment, str], None]
    remove: Callable[[Environment], None]
    named: str


def provide(env: Environment, version: str) -> None:
    provider = {"virtualNode": {"virtualNodeName": version}}
    env.client("appmesh").create_virtual_service(
        meshName="demo", virtualServiceName="testers.demo.local", spec={"provider": provider}
    )


def unprovide(env: Environment) -> None:
    env.client("appmesh").delete_virtual_service(meshName="demo", virtualServiceName="testers.demo.local")


USERS = {
    "a route of its router": User(
        lambda env, version: route(env, f"{SERVICE}-vr", "beta", version),
        lambda env: unroute(env, f"{SERVICE}-vr", "beta"),
        "`beta`",
    ),
    "a route of another router": User(
        lambda env, version: route(env, "hello-web-vr", "beta", version),
        lambda env: unroute(env, "hello-web-vr", "beta"),
        "`hello-web-vr/beta`",
    ),
    "a virtual service": User(provide, unprovide, "`virtual service testers.demo.local`"),
}


@pytest.fixture
def user(env: Environment, request: pytest.FixtureRequest) -> Iterator[tuple[User, str]]:
    """A user of the live version, and that version; gone afterwards, with the version that it kept."""
    found, old = USERS[request.param], live(env)
    found.add(env, f"{SERVICE}-{old}")
    yield found, old
    found.remove(env)
    cloudformation = env.client("cloudformation")
    cloudformation.delete_stack(StackName=f"demo-{SERVICE}-{old}")
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=f"demo-{SERVICE}-{old}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


@pytest.mark.parametrize("user", USERS, indirect=True)
def test_an_old_version_that_something_else_names_stays_whole_and_the_new_one_is_live(
    env: Environment, user: tuple[User, str]
) -> None:
    """Promise 7."""
    named, old = user[0].named, user[1]
    before, sha = standing(env, SERVICE), fresh("good")
    ending = deploy_backend(env, sha, PercentageStep=100, OnNoData="Proceed")
    assert (ending.status, ending.error) == ("FAILED", "Canary.StillReceivingTraffic"), ending.cause
    assert ending.entered()[-1] == "Old Version Not Removed"
    assert f"will not remove `{SERVICE}-{old}`: still named by {named}" in ending.cause
    after = standing(env, SERVICE)
    assert after.parameter == (sha, before.parameter[1] + 1)
    assert after.targets() == {f"{SERVICE}-{sha}": 100}
    assert after.stacks[f"demo-{SERVICE}-{old}"] == before.stacks[f"demo-{SERVICE}-{old}"], "nothing of it was deleted"
    assert f"demo-{SERVICE}-{sha}" in after.stacks
