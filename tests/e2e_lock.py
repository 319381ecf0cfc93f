"""One deployment of a service at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest
from deployments import LIMIT_SECONDS, Ending, deploy, fresh, lock, not_invoked, quiet, world

from canary_local.environment import Environment
from canary_local.mesh import make_router

SERVICE = "locked"


def follow(env: Environment, arn: str) -> Ending:
    return Ending(list(env.follow(arn)))


def stacks(env: Environment) -> set[str]:
    """The service's stacks that are there."""
    return {name for name in world(env, SERVICE).stacks if name.startswith(f"demo-{SERVICE}-")}


def weights(env: Environment) -> dict[str, int]:
    return world(env, SERVICE).targets()


def at_half(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait"


@pytest.fixture(scope="module", autouse=True)
def _live(env: Environment) -> None:
    """The service has a version."""
    make_router(env, SERVICE, 8080, "http")
    ending = deploy(env, quiet(env, SERVICE, "first"))
    assert ending.status == "SUCCEEDED", ending.cause


def test_a_second_deployment_is_refused_at_once_and_one_that_queues_comes_after(env: Environment) -> None:
    """Promise 12."""
    one, two, three = fresh("one"), fresh("two"), fresh("three")
    with not_invoked(env, "gather-health"):
        running = env.deploy(quiet(env, SERVICE, one))
        next(step for step in env.follow(running) if at_half(step))
        refused = deploy(env, quiet(env, SERVICE, two))
        queued = env.deploy(quiet(env, SERVICE, three, OnRunning="Queue"))
        next(step for step in env.follow(queued) if step.kind == "entered" and step.state == "Wait for Turn")
    assert (refused.status, refused.error) == ("FAILED", "Canary.AlreadyRunning")
    assert refused.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert f"another deployment of `{SERVICE}` is running: {running}" in refused.cause

    ended, second = follow(env, running), follow(env, queued)
    assert (ended.status, second.status) == ("SUCCEEDED", "SUCCEEDED"), (ended.cause, second.cause)
    assert second.outputs("Check Deployment Version")[-1]["plan"]["deployment"]["stable"]["sha"] == one
    assert weights(env) == {f"{SERVICE}-{three}": 100}
    assert stacks(env) == {f"demo-{SERVICE}-{three}"}
    assert lock(env, SERVICE) is None


def test_of_deployments_that_start_at_the_same_time_one_goes_on(env: Environment) -> None:
    """Promise 12."""
    shas = [fresh("race") for _ in range(6)]
    with ThreadPoolExecutor(len(shas)) as pool:
        # The one that goes on does not end before the others have asked for the lock.
        with not_invoked(env, "gather-health"):
            running = {pool.submit(deploy, env, quiet(env, SERVICE, sha)): sha for sha in shas}
            ended = as_completed(running, timeout=LIMIT_SECONDS)
            refused = [next(ended).result() for _ in shas[1:]]
        last = next(ended)
    assert [(ending.status, ending.error) for ending in refused] == [("FAILED", "Canary.AlreadyRunning")] * len(refused)
    won = last.result()
    assert (won.status, won.cause) == ("SUCCEEDED", "")
    assert weights(env) == {f"{SERVICE}-{running[last]}": 100}
    assert stacks(env) == {f"demo-{SERVICE}-{running[last]}"}
    assert lock(env, SERVICE) is None
