"""Somebody changes the route while a deployment is under way: the table of docs/semantics.md, promise 4, row by row.

The second interpreter runs these deployments, because a wait can be held there until the change is made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from deployments import Ending, deploy, quiet, world
from second_interpreter import beside
from stopped import Moments

from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.world import World

Weights = dict[str, int]
CHANGED = "Canary.UnexpectedRoute"
BACK = "Deployment Failed & Rolled Back"


@dataclass
class Drift:
    """What somebody does while the candidate `two` has 25 % beside `one`, and what has to come of it."""

    change: Callable[[Any, str], None]
    ending: str
    cause: str
    after: Weights | None
    left: str = "one"
    step: int = 25


def names(service: str, route: str = "") -> dict[str, str]:
    return {"meshName": "demo", "virtualRouterName": f"{service}-vr", "routeName": route or f"{service}-route"}


def spec(appmesh: Any, service: str) -> dict[str, Any]:
    return copy.deepcopy(appmesh.describe_route(**names(service))["route"]["spec"])


def targets(service: str, weights: Weights) -> dict[str, Any]:
    return {"weightedTargets": [{"virtualNode": f"{service}-{sha}", "weight": share} for sha, share in weights.items()]}


def give(weights: Weights) -> Callable[[Any, str], None]:
    """Sets these weights, by version. `third` is a virtual node that somebody made for it."""

    def change(appmesh: Any, service: str) -> None:
        if "third" in weights:
            appmesh.create_virtual_node(meshName="demo", virtualNodeName=f"{service}-third", spec={})
        changed = spec(appmesh, service)
        changed["httpRoute"]["action"] = targets(service, weights)
        appmesh.update_route(**names(service), spec=changed)

    return change


def change_everything_else(appmesh: Any, service: str) -> None:
    changed = spec(appmesh, service)
    changed["priority"] = 7
    changed["httpRoute"]["match"] = {"prefix": "/api"}
    changed["httpRoute"]["retryPolicy"] = {
        "maxRetries": 1, "perRetryTimeout": {"unit": "s", "value": 3}, "httpRetryEvents": ["server-error"],
    }  # fmt: skip
    appmesh.update_route(**names(service), spec=changed)


def add_route(sha: str) -> Callable[[Any, str], None]:
    """Makes a second route on the service's router, to a version."""

    def change(appmesh: Any, service: str) -> None:
        rule = {"match": {"prefix": "/testers"}, "action": targets(service, {sha: 1})}
        appmesh.create_route(**names(service, "testers"), spec={"priority": 1, "httpRoute": rule})

    return change


def remove(appmesh: Any, service: str) -> None:
    appmesh.delete_route(**names(service))


def back(cause: str, after: Weights) -> tuple[str, str, Weights]:
    return BACK, cause, after


DONE = ("Deployment Succeeded", "", {"two": 100})
ALL_BACK = "all traffic of `{0}` is on `{0}-one`. "
OTHERS = "somebody else changed the route of `{0}`, which has `{0}-one`: "
# By the row of the table. No name is the beginning of another one: stacks are looked for by it.
DRIFTS = {
    "a-weights": Drift(give({"one": 90, "two": 10}), *back(ALL_BACK, {"one": 100})),
    "a-relative": Drift(give({"one": 3, "two": 1}), *back(ALL_BACK, {"one": 100})),
    "b-back": Drift(give({"one": 100}), *back(ALL_BACK, {"one": 100})),
    "b-zero": Drift(give({"one": 100, "two": 0}), *back(ALL_BACK, {"one": 100})),
    "c-ahead": Drift(give({"two": 100}), *back(ALL_BACK, {"one": 100})),
    "c-last": Drift(give({"two": 100}), *DONE, left="two", step=50),
    "d-third": Drift(
        give({"one": 60, "two": 25, "third": 15}), *back(OTHERS + "85, `{0}-third`: 15. ", {"one": 85, "third": 15})
    ),
    "d-spare": Drift(
        give({"one": 75, "two": 25, "third": 0}), *back(OTHERS + "100, `{0}-third`: 0. ", {"one": 100, "third": 0})
    ),
    "e-relative": Drift(
        give({"one": 3, "two": 1, "third": 1}), "Rollback Incomplete",
        "take `{0}-two` off it, then delete stack `demo-{0}-two`", {"one": 3, "two": 1, "third": 1}, left="one two",
    ),
    "f-gone": Drift(
        remove, "Rollback Incomplete", "the route is gone, so `{0}-one` receives no traffic", None, left="one two"
    ),
    "g-rest": Drift(change_everything_else, *DONE, left="two", step=50),
    "h-testers-two": Drift(add_route("two"), *DONE, left="two", step=50),
    "h-testers-one": Drift(
        add_route("one"), "Old Version Not Removed", "still named by `testers`", {"two": 100}, left="one two", step=50
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def moments(env: Environment) -> Iterator[Moments]:
    moments = Moments()
    with beside(env, moments.entered) as moments.second:
        yield moments


def drift(
    env: Environment, moments: Moments, service: str, change: Callable[[Any, str], None], **event: Any
) -> tuple[Ending, World]:
    """Deploys `one`, and then `two`, whose first watch time begins when the change is made; and what there is at the end."""
    make_router(env, service, 8080, "http")
    first = deploy(env, quiet(env, service, "one"))
    assert first.status == "SUCCEEDED", first.cause
    moments.arm(service, "Wait", lambda _: change(env.client("appmesh"), service))
    return deploy(moments.second, quiet(env, service, "two", **event)), world(env, service)


@pytest.fixture(scope="module")
def drifted(env: Environment, moments: Moments) -> dict[str, tuple[Ending, World]]:
    def play(service: str) -> tuple[Ending, World]:
        case = DRIFTS[service]
        return drift(env, moments, service, case.change, PercentageStep=case.step)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(DRIFTS, pool.map(play, DRIFTS)))


@pytest.mark.parametrize("service", DRIFTS)
def test_what_somebody_changes_is_noticed_told_and_not_overwritten(
    drifted: dict[str, tuple[Ending, World]], service: str
) -> None:
    case, (ending, after) = DRIFTS[service], drifted[service]
    assert ending.entered()[-1] == case.ending, ending.cause
    assert case.cause.format(service) in ending.cause
    if case.ending in (BACK, "Rollback Incomplete"):
        assert ending.weights() == [case.step]
        assert f"route of `{service}` is not this deployment's to change: it " in ending.cause
    expected = case.after and {f"{service}-{sha}": weight for sha, weight in case.after.items()}
    assert (after.targets() or None) == expected
    stacks = {name for name in after.stacks if name.startswith(f"demo-{service}-")}
    assert stacks == {f"demo-{service}-{sha}" for sha in case.left.split()}


def test_what_else_somebody_changes_on_the_route_stays_as_changed(drifted: dict[str, tuple[Ending, World]]) -> None:
    """Row g, and promise 2."""
    route = drifted["g-rest"][1].route
    assert route
    assert (route["priority"], route["httpRoute"]["match"]["prefix"]) == (7, "/api")
    assert route["httpRoute"]["retryPolicy"]["httpRetryEvents"] == ["server-error"]


def test_a_candidate_that_a_second_route_names_stays_when_it_is_rolled_back(env: Environment, moments: Moments) -> None:
    """Row h."""
    service = "h-rolled-back"
    ending, after = drift(env, moments, service, add_route("two"), OnNoData="RollBack")
    assert ending.entered()[-1] == "Rollback Incomplete"
    assert f"`{service}-one`, but stack `demo-{service}-two` could not be deleted (will not remove" in ending.cause
    assert "still named by `testers`" in ending.cause
    assert after.targets() == {f"{service}-one": 100}
