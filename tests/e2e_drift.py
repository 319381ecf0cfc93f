"""Somebody changes the route while a deployment is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployments import Ending, deploy, make_router, world

from canary_local import hello
from canary_local.environment import Environment

SERVICE = "drifting"


def event(env: Environment, sha: str) -> dict[str, Any]:
    """A version of hello-backend under another service's name, which nobody calls."""
    usual = hello.event(env.checkout, "hello-backend", sha)
    return {**usual, "MicroserviceName": SERVICE, "PercentageStep": 50, "WaitTime": 3, "OnNoData": "Proceed"}


def deploy_and(env: Environment, sha: str, interfere: Callable[[], object]) -> Ending:
    """Deploys a version, and interferes as soon as the first weight is set."""
    events = []
    for step in env.follow(env.deploy(event(env, sha))):
        if step.kind == "exited" and step.state == "Canary & Switch Traffic":
            interfere()
            interfere = _nothing
        events.append(step)
    return Ending(events)


def _nothing() -> None:
    pass


def test_changed_weights_are_noticed_and_a_missing_route_is_said_with_what_to_do(env: Environment) -> None:
    make_router(env, SERVICE, 8080, "http")
    assert deploy(env, event(env, "aaa")).status == "SUCCEEDED"
    appmesh = env.client("appmesh")
    route = {"meshName": "demo", "virtualRouterName": f"{SERVICE}-vr", "routeName": f"{SERVICE}-route"}
    before = world(env, SERVICE)

    def change_weights() -> None:
        targets = [{"virtualNode": f"{SERVICE}-{sha}", "weight": weight} for sha, weight in (("aaa", 90), ("bbb", 10))]
        spec = {"httpRoute": {**before["route"]["httpRoute"], "action": {"weightedTargets": targets}}}
        appmesh.update_route(**route, spec=spec)

    changed = deploy_and(env, "bbb", change_weights)
    assert (changed.status, changed.error) == ("FAILED", "Canary.UnexpectedRoute"), changed.cause
    assert changed.entered()[-1] == "Deployment Failed & Rolled Back"
    assert f"it has `{SERVICE}-aaa`: 90, `{SERVICE}-bbb`: 10, and this deployment left it with" in changed.cause
    assert world(env, SERVICE) == before

    gone = deploy_and(env, "ccc", lambda: appmesh.delete_route(**route))
    assert (gone.status, gone.error) == ("FAILED", "Canary.RollbackIncomplete"), gone.cause
    assert gone.entered()[-1] == "Rollback Incomplete"
    assert f"the route is gone, so `{SERVICE}-aaa` receives no traffic" in gone.cause
    assert f"Look at the route of {SERVICE} and at stack demo-{SERVICE}-ccc" in gone.cause
    stacks = {stack["StackName"] for stack in env.client("cloudformation").describe_stacks()["Stacks"]}
    assert {f"demo-{SERVICE}-aaa", f"demo-{SERVICE}-ccc"} <= stacks
