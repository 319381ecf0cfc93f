"""One deployment of a service at a time, and what is repaired when one was ended before its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deployments import Ending, deploy, fresh, make_router, world

from canary_local import hello
from canary_local.environment import Environment

SERVICE = "locked"


def event(env: Environment, sha: str, **changes: Any) -> dict[str, Any]:
    """A version of hello-backend under another service's name, which nobody calls."""
    usual = hello.event(env.checkout, "hello-backend", sha)
    return {
        **usual, "MicroserviceName": SERVICE, "PercentageStep": 50, "WaitTime": 2, "OnNoData": "Proceed", **changes,
    }  # fmt: skip


def follow(env: Environment, arn: str) -> Ending:
    return Ending(list(env.follow(arn)))


def stacks(env: Environment) -> set[str]:
    """The service's stacks that are there."""
    return {name for name in world(env, SERVICE).stacks if name.startswith(f"demo-{SERVICE}-")}


def weights(env: Environment) -> dict[str, int]:
    return world(env, SERVICE).targets()


def locks(env: Environment) -> list[dict[str, Any]]:
    """Every lock of the service that somebody has."""
    dynamodb = env.client("dynamodb")
    (table,) = dynamodb.list_tables()["TableNames"]
    key = {"service": {"S": f"demo/{SERVICE}"}}
    found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    return [found] if found else []


def stop_at(env: Environment, arn: str, moment: Callable[[Any], bool]) -> None:
    """Stops an execution by hand, at a moment of its history."""
    next(step for step in env.follow(arn) if moment(step))
    env.client("stepfunctions").stop_execution(executionArn=arn)


@pytest.fixture
def live(env: Environment) -> str:
    """The version of the service that has all traffic; the first one is deployed when there is none."""
    routers = env.client("appmesh").list_virtual_routers(meshName="demo")["virtualRouters"]
    if f"{SERVICE}-vr" not in {router["virtualRouterName"] for router in routers}:
        make_router(env, SERVICE, 8080, "http")
        first = deploy(env, event(env, fresh("first")))
        assert first.status == "SUCCEEDED", first.cause
    (version,) = weights(env)
    return version


def test_a_second_deployment_is_refused_at_once_and_one_that_queues_comes_after(env: Environment, live: str) -> None:
    one, two, three = fresh("one"), fresh("two"), fresh("three")
    running = env.deploy(event(env, one, WaitTime=8))
    next(step for step in env.follow(running) if step.kind == "entered" and step.state == "Wait")

    refused = deploy(env, event(env, two))
    assert (refused.status, refused.error) == ("FAILED", "Canary.AlreadyRunning")
    assert refused.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert f"another deployment of `{SERVICE}` is running: {running}" in refused.cause
    queued = env.deploy(event(env, three, OnRunning="Queue"))

    first, second = follow(env, running), follow(env, queued)
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED"), (first.cause, second.cause)
    assert "Wait for Turn" in second.entered()
    assert second.outputs("Check Deployment Version")[-1]["plan"]["deployment"]["stable"]["sha"] == one
    assert weights(env) == {f"{SERVICE}-{three}": 100}
    assert stacks(env) == {f"demo-{SERVICE}-{three}"}
    assert locks(env) == []


def test_of_deployments_that_start_at_the_same_time_one_goes_on(env: Environment, live: str) -> None:
    shas = [fresh("race") for _ in range(6)]
    with ThreadPoolExecutor(len(shas)) as pool:
        started = list(pool.map(lambda sha: env.deploy(event(env, sha)), shas))
    endings = [follow(env, arn) for arn in started]
    won = [sha for sha, ending in zip(shas, endings) if ending.status == "SUCCEEDED"]
    assert len(won) == 1, [(ending.status, ending.error, ending.cause) for ending in endings]
    assert {ending.error for ending in endings if ending.status != "SUCCEEDED"} == {"Canary.AlreadyRunning"}
    assert weights(env) == {f"{SERVICE}-{won[0]}": 100}
    assert stacks(env) == {f"demo-{SERVICE}-{won[0]}"}


def at_half(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait"


def while_the_stack_is_made(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait for New Version"


def while_the_old_version_goes(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait for Removal"


def while_it_is_rolled_back(step: Any) -> bool:
    return step.kind == "entered" and step.state == "Wait for Rollback"


@pytest.mark.parametrize(
    ("moment", "kind", "promoted"),
    [
        (while_the_stack_is_made, "good", False),
        (at_half, "good", False),
        (while_it_is_rolled_back, "crashes", False),
        (while_the_old_version_goes, "good", True),
    ],
)
def test_what_a_stopped_deployment_left_is_repaired_by_the_next_one(
    env: Environment, live: str, moment: Callable[[Any], bool], kind: str, promoted: bool
) -> None:
    left, sha = fresh(kind), fresh("good")
    stop_at(env, env.deploy(event(env, left, WaitTime=3)), moment)
    assert len(locks(env)) == 1

    ending = deploy(env, event(env, sha))
    assert ending.status == "SUCCEEDED", ending.cause
    assert "Repair" in ending.entered()
    before = f"{SERVICE}-{left}" if promoted else live
    assert ending.outputs("Check Deployment Version")[-1]["plan"]["deployment"]["stable"]["name"] == before
    assert weights(env) == {f"{SERVICE}-{sha}": 100}
    assert stacks(env) == {f"demo-{SERVICE}-{sha}"}
    assert locks(env) == []


def test_a_repair_alone_puts_everything_back_and_is_done_when_nothing_is_left(env: Environment, live: str) -> None:
    before = world(env, SERVICE)
    stop_at(env, env.deploy(event(env, fresh("good"), WaitTime=3)), at_half)
    assert world(env, SERVICE) != before
    repair = {"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": SERVICE}
    for expected in (["Repair", "Repaired"], ["Repaired"]):
        answer = env.client("stepfunctions").start_execution(
            stateMachineArn=env.state_machine_arn, input=json.dumps(repair)
        )
        ending = follow(env, answer["executionArn"])
        assert ending.status == "SUCCEEDED", ending.cause
        assert [state for state in ending.entered() if state in ("Repair", "Repaired")][-len(expected) :] == expected
    assert world(env, SERVICE) == before
    assert locks(env) == []
