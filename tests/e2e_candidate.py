"""The candidate goes while it has traffic: its stack, or its tasks. The stable version keeps the traffic or gets it back, and is
never deleted. Of TCP versions nothing is known but their stacks and tasks, and `OnNoData` is `Proceed`.

The second interpreter runs these executions, because a state can be met there in the moment before its function is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from deployments import Ending, deploy, lock, quiet, standing, stop_tasks
from second_interpreter import beside
from stopped import Moments

from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.world import World


def delete_stack(env: Environment, version: str) -> None:
    env.client("cloudformation").delete_stack(StackName=f"demo-{version}")


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
