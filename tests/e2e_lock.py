"""One deployment of a service at a time, and what is repaired when one was ended before its end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deployments import UNTIL_STOPPED, Ending, deploy, fresh, lock, not_invoked, world

from canary_local import hello
from canary_local.environment import Environment
from canary_local.mesh import make_router

SERVICE = "locked"


def event(env: Environment, sha: str, service: str = SERVICE, **changes: Any) -> dict[str, Any]:
    """A version of hello-backend under another service's name, which nobody calls."""
    usual = {**hello.event(env.checkout, "hello-backend", sha), "MicroserviceName": service}
    return {**usual, "PercentageStep": 50, "WaitTime": 2, "OnNoData": "Proceed", **changes}


def follow(env: Environment, arn: str) -> Ending:
    return Ending(list(env.follow(arn)))


def stacks(env: Environment, service: str = SERVICE) -> set[str]:
    """The service's stacks that are there."""
    return {name for name in world(env, service).stacks if name.startswith(f"demo-{service}-")}


def weights(env: Environment, service: str = SERVICE) -> dict[str, int]:
    return world(env, service).targets()


def stop_at(env: Environment, arn: str, moment: Callable[[Any], bool]) -> None:
    """Stops an execution by hand, at a moment of its history."""
    next(step for step in env.follow(arn) if moment(step))
    env.client("stepfunctions").stop_execution(executionArn=arn)


def first(env: Environment, service: str) -> str:
    """Deploys a first version of a service; returns its name."""
    make_router(env, service, 8080, "http")
    ending = deploy(env, event(env, "first", service))
    assert ending.status == "SUCCEEDED", ending.cause
    return f"{service}-first"


@pytest.fixture(scope="module", autouse=True)
def _live(env: Environment) -> None:
    """The service has a version."""
    first(env, SERVICE)


def test_a_second_deployment_is_refused_at_once_and_one_that_queues_comes_after(env: Environment) -> None:
    """Promise 12."""
    one, two, three = fresh("one"), fresh("two"), fresh("three")
    with not_invoked(env, "gather-health"):
        running = env.deploy(event(env, one))
        next(step for step in env.follow(running) if at_half(step))
        refused = deploy(env, event(env, two))
        queued = env.deploy(event(env, three, OnRunning="Queue"))
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
        started = list(pool.map(lambda sha: env.deploy(event(env, sha)), shas))
    endings = [follow(env, arn) for arn in started]
    won = [sha for sha, ending in zip(shas, endings) if ending.status == "SUCCEEDED"]
    assert len(won) == 1, [(ending.status, ending.error, ending.cause) for ending in endings]
    assert {ending.error for ending in endings if ending.status != "SUCCEEDED"} == {"Canary.AlreadyRunning"}
    assert weights(env) == {f"{SERVICE}-{won[0]}": 100}
    assert stacks(env) == {f"demo-{SERVICE}-{won[0]}"}
    assert lock(env, SERVICE) is None


def at_half(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait"


def while_the_stack_is_made(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait for New Version"


def while_the_old_version_goes(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait for Removal"


def while_it_is_rolled_back(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait for Rollback"


def stop_and_deploy(env: Environment, service: str, stop: tuple[Callable[[Any], bool], str, bool]) -> list[str]:
    """Stops a deployment at a moment, deploys the next version, and says what is not as it should be."""
    moment, kind, promoted = stop
    stable, left = first(env, service), f"{kind}stopped"
    # It comes to the removal by itself, or stays at half until it is stopped.
    wait_time = 1 if promoted else UNTIL_STOPPED
    stop_at(env, env.deploy(event(env, left, service, WaitTime=wait_time)), moment)
    held = lock(env, service)
    ending = deploy(env, event(env, "next", service))
    plan = ending.outputs("Check Deployment Version")[-1].get("plan", {})
    expected = {
        "the lock had a plan": (bool(held and "plan" in held), True),
        "ending": ((ending.status, ending.cause), ("SUCCEEDED", "")),
        "what was stopped was waited for and repaired": (
            {"Wait for Turn", "Roll Back"} <= set(ending.entered()), True,
        ),
        "stable": (plan.get("deployment", {}).get("stable", {}).get("name"), f"{service}-{left}" if promoted else stable),
        "weights": (weights(env, service), {f"{service}-next": 100}),
        "stacks": (stacks(env, service), {f"demo-{service}-next"}),
        "lock": (lock(env, service), None),
    }  # fmt: skip
    return [f"{what}: {found} and not {wanted}" for what, (found, wanted) in expected.items() if found != wanted]


STOPS = {
    "stopped-while-made": (while_the_stack_is_made, "good", False),
    "stopped-at-half": (at_half, "good", False),
    "stopped-rolling-back": (while_it_is_rolled_back, "crashes", False),
    "stopped-removing": (while_the_old_version_goes, "good", True),
}


def test_what_a_stopped_deployment_left_is_repaired_by_the_next_one(env: Environment) -> None:
    """Promise 13."""
    with ThreadPoolExecutor(len(STOPS)) as pool:
        found = dict(zip(STOPS, pool.map(lambda service: stop_and_deploy(env, service, STOPS[service]), STOPS)))
    assert found == {service: [] for service in STOPS}


def test_a_repair_alone_puts_everything_back_and_is_done_when_nothing_is_left(env: Environment) -> None:
    """Promise 13."""
    before = world(env, SERVICE)
    stop_at(env, env.deploy(event(env, fresh("good"), WaitTime=UNTIL_STOPPED)), at_half)
    assert world(env, SERVICE) != before
    for expected in (["Roll Back", "Repaired"], ["Repaired"]):
        ending = follow(env, env.repair("demo", SERVICE))
        assert ending.status == "SUCCEEDED", ending.cause
        assert (
            list(dict.fromkeys(state for state in ending.entered() if state in ("Roll Back", "Repaired"))) == expected
        )
    assert world(env, SERVICE) == before
    assert lock(env, SERVICE) is None
