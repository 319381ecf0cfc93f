"""Somebody changes the route while a deployment is under way."""

from __future__ import annotations

from typing import Any

from deployments import SHIFT, deploy, deploy_and, make_router, world

from canary_local import hello
from canary_local.environment import Environment

SERVICE = "drifting"


def event(env: Environment, sha: str) -> dict[str, Any]:
    """A version of hello-backend under another service's name, which nobody calls."""
    usual = hello.event(env.checkout, "hello-backend", sha)
    return {**usual, "MicroserviceName": SERVICE, "PercentageStep": 50, "WaitTime": 3, "OnNoData": "Proceed"}


def test_changed_weights_are_noticed_and_a_missing_route_is_said_with_what_to_do(env: Environment) -> None:
    make_router(env, SERVICE, 8080, "http")
    assert deploy(env, event(env, "aaa")).status == "SUCCEEDED"
    appmesh = env.client("appmesh")
    route = {"meshName": "demo", "virtualRouterName": f"{SERVICE}-vr", "routeName": f"{SERVICE}-route"}
    before = world(env, SERVICE)

    def change_weights(_: str) -> None:
        targets = [{"virtualNode": f"{SERVICE}-{sha}", "weight": weight} for sha, weight in (("aaa", 90), ("bbb", 10))]
        spec = {"httpRoute": {**before.route["httpRoute"], "action": {"weightedTargets": targets}}}
        appmesh.update_route(**route, spec=spec)

    changed = deploy_and(env, event(env, "bbb"), SHIFT, change_weights)
    assert (changed.status, changed.error) == ("FAILED", "Canary.UnexpectedRoute"), changed.cause
    assert changed.entered()[-1] == "Deployment Failed & Rolled Back"
    assert f"it has `{SERVICE}-aaa`: 90, `{SERVICE}-bbb`: 10, and this deployment left it with" in changed.cause
    assert world(env, SERVICE) == before

    gone = deploy_and(env, event(env, "ccc"), SHIFT, lambda _: appmesh.delete_route(**route))
    assert (gone.status, gone.error) == ("FAILED", "Canary.RollbackIncomplete"), gone.cause
    assert gone.entered()[-1] == "Rollback Incomplete"
    assert f"the route is gone, so `{SERVICE}-aaa` receives no traffic" in gone.cause
    assert f"Look at the route of {SERVICE} and at stack demo-{SERVICE}-ccc" in gone.cause
    assert {f"demo-{SERVICE}-aaa", f"demo-{SERVICE}-ccc"} <= set(world(env, SERVICE).stacks)
