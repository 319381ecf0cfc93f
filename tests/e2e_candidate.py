"""The candidate goes while it has traffic: its stack, its ECS service, its tasks, or one task's app. The stable version keeps the
traffic or gets it back, and is never deleted. Of TCP versions nothing is known but their stacks and tasks, and `OnNoData` is
`Proceed`.

The second interpreter runs these executions, because a state can be met there in the moment before its function is called.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deployments import Ending, deploy, lock, quiet, standing, stop_tasks
from second_interpreter import beside
from stopped import Moments

from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.world import World

REPLACED_SECONDS = 60


def delete_stack(env: Environment, version: str) -> None:
    env.client("cloudformation").delete_stack(StackName=f"demo-{version}")


def delete_service(env: Environment, version: str) -> None:
    env.client("ecs").delete_service(cluster="demo", service=version, force=True)


def end_app(env: Environment, version: str) -> None:
    """Ends the app of a version's only task, and waits until ECS has another task in its place."""
    (before,) = running_tasks(env, version)
    host = f"HOST={address(before)}".encode()
    os.kill(next(pid for pid, variables in programs() if host in variables), signal.SIGKILL)
    deadline = time.monotonic() + REPLACED_SECONDS
    while [task["taskArn"] for task in running_tasks(env, version)] in ([], [before["taskArn"]]):
        assert time.monotonic() < deadline, f"{before['taskArn']} is not replaced"
        time.sleep(0.1)


def running_tasks(env: Environment, version: str) -> list[dict[str, Any]]:
    """The tasks that run and are healthy: the environment says RUNNING of no other."""
    ecs = env.client("ecs")
    arns = ecs.list_tasks(cluster="demo", serviceName=version)["taskArns"]
    tasks = ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"] if arns else []
    return [task for task in tasks if task["lastStatus"] == "RUNNING"]


def address(task: Mapping[str, Any]) -> str:
    (attachment,) = task["attachments"]
    return next(detail["value"] for detail in attachment["details"] if detail["name"] == "privateIPv4Address")


def programs() -> Iterator[tuple[int, list[bytes]]]:
    """The ids of this machine's processes, with their environment variables."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            yield int(path.parent.name), path.read_bytes().split(b"\0")


@dataclass(frozen=True)
class Loss:
    """What goes when, and how the deployment of `two` beside `one` then ends."""

    act: Callable[[Environment, str], None]
    state: str
    visit: int
    weights: list[int]
    error: str
    cause: str


LOSSES = {
    "stackgone": Loss(delete_stack, "Wait", 1, [25], "Canary.Unhealthy", "`{0}-two` is gone: stack `demo-{0}-two` is DELETE_"),
    "idle": Loss(stop_tasks, "Wait", 4, [25, 50, 75, 100], "Canary.Unhealthy", "`{0}-two` has no healthy task, and ECS is to run 0"),
    "servicegone": Loss(delete_service, "Wait", 1, [25], "Canary.Unhealthy", "`{0}-two` is gone: ECS service "),
    "replaced": Loss(end_app, "Wait", 4, [25, 50, 75, 100], "Canary.Unhealthy", "1 task has failed since `{0}-two` received traffic: "),
    "recorded": Loss(
        stop_tasks, "Remove Old Version", 1, [25, 50, 75, 100], "Canary.CandidateNotRunning",
        "will not remove `{0}-one`: `{0}-two` has no healthy task, and ECS is to run 0",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Played:
    """How a deployment ended, and how its service stood before and after it."""

    ending: Ending
    before: World
    after: World


@pytest.fixture(scope="module")
def played(env: Environment) -> Iterator[dict[str, Played]]:
    """All losses, side by side."""
    moments = Moments()

    def play(service: str) -> Played:
        loss = LOSSES[service]
        make_router(env, service, 8080, "tcp")
        first = deploy(env, quiet(env, service, "one", Protocol="tcp"))
        assert first.status == "SUCCEEDED", first.cause
        before = standing(env, service)
        moments.arm(service, loss.state, lambda _: loss.act(env, f"{service}-two"), loss.visit)
        ending = deploy(moments.second, quiet(env, service, "two", Protocol="tcp", PercentageStep=25))
        return Played(ending, before, standing(env, service))

    with beside(env, moments.entered) as moments.second, ThreadPoolExecutor(len(LOSSES)) as pool:
        yield dict(zip(LOSSES, pool.map(play, LOSSES)))


@pytest.mark.parametrize("service", LOSSES)
def test_a_candidate_that_goes_is_rolled_back_and_the_old_version_has_all_traffic(
    env: Environment, played: dict[str, Played], service: str
) -> None:
    """Promises 8 and 20."""
    loss, (ending, before, after) = LOSSES[service], vars(played[service]).values()
    assert (ending.status, ending.error) == ("FAILED", loss.error), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert loss.cause.format(service) in ending.cause
    assert list(dict.fromkeys(ending.weights())) == loss.weights
    assert after.route == before.route
    assert after.stacks == before.stacks
    assert lock(env, service) is None


def test_the_record_names_the_version_that_has_the_traffic(played: dict[str, Played]) -> None:
    """Promise 8."""
    for service, each in played.items():
        assert each.before.parameter and each.after.parameter
        # Each write raises the number: the candidate's, and the one that takes it back.
        writes = 2 if service == "recorded" else 0
        assert each.after.parameter == (each.before.parameter[0], each.before.parameter[1] + writes)
