"""A first deployment that goes wrong leaves nothing behind."""

from __future__ import annotations

from deployments import called_directly, deploy, standing

from canary_local import hello
from canary_local.environment import Environment
from canary_local.mesh import make_router

SERVICE = "newcomer"
# The test's image map makes this version of hello-backend answer 500 to everything.
SHA = "errorsatfirst"


def test_route_stack_and_record_are_gone_again(env: Environment) -> None:
    make_router(env, SERVICE, 8080, "http")
    before = standing(env, SERVICE)
    assert (before.route, before.parameter) == (None, None)
    event = {**hello.event(env.checkout, "hello-backend", SHA), "MicroserviceName": SERVICE, "FailureThresholdValue": 0}
    with called_directly(env, f"{SERVICE}-{SHA}"):
        ending = deploy(env, event)
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.weights() == [100], "it had the route"
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert f"`{SERVICE}` has no route, as before" in ending.cause
    assert standing(env, SERVICE) == before
