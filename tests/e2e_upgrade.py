"""A release is installed while deployments run: each goes on with the release that it began with, and what a release left
the next one repairs. Both are real builds, whose plans have different formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from deployments import UNTIL_STOPPED, Ending, deploy, lock, not_invoked, quiet, undeletable, world
from image_maps import ROOT, image_map
from upgrades import Release, following, present

from canary_local.checkout import FUNCTIONS
from canary_local.environment import Environment
from canary_local.executions import history
from canary_local.mesh import make_router
from canary_local.stacks import SHARED_STACK
from canary_local.world import World, differences

# The first test waits for a build of all functions.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("upgrade")]
# What each deployment does when nobody calls the candidate. One is stopped at half, and one after
# its version was recorded, when CloudFormation could not delete the old one.
SERVICES = {
    "upgrade-promoted": "Proceed",
    "upgrade-back": "RollBack",
    "upgrade-repaired": "Proceed",
    "upgrade-finished": "Proceed",
}
PROMOTED, BACK, REPAIRED, FINISHED = SERVICES


@dataclass
class Run:
    """An execution, and how it went."""

    arn: str
    ending: Ending


@dataclass
class Played:
    """Everything that the tests look at, by service."""

    published: tuple[list[str], set[str]]
    before: dict[str, World]
    when_installed: dict[str, dict[str, int]]
    canaries: dict[str, Run]
    repairs: dict[str, Run]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment of these tests' own, because another release is installed in it."""
    directory = tmp_path_factory.mktemp("upgrade")
    with Environment.start(ROOT, images=[image_map(directory)], state_dir=directory / "state") as running:
        yield running


@pytest.fixture(scope="module")
def following_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return following(tmp_path_factory.mktemp("following"))


def published(env: Environment) -> tuple[list[str], set[str]]:
    """The versions of the state machine, and those of the functions."""
    states, functions = env.client("stepfunctions"), env.client("lambda")
    machine = states.list_state_machine_versions(stateMachineArn=env.state_machine_arn)["stateMachineVersions"]
    found = {
        each["Version"]
        for function in FUNCTIONS
        for each in functions.list_versions_by_function(FunctionName=f"{SHARED_STACK}-{function}")["Versions"]
    }
    return sorted(version["stateMachineVersionArn"].rsplit(":", 1)[-1] for version in machine), found - {"$LATEST"}


def started_by(env: Environment, run: Run) -> str:
    """The version of the state machine that an execution runs."""
    described = env.client("stepfunctions").describe_execution(executionArn=run.arn)
    assert described["stateMachineAliasArn"] == env.state_machine_alias_arn
    return described["stateMachineVersionArn"].rsplit(":", 1)[-1]


def invoked(env: Environment, run: Run) -> set[str]:
    """The functions that an execution invoked, with their versions: `promote:1`."""
    events = history(env.client("stepfunctions"), run.arn)
    scheduled = [event["taskScheduledEventDetails"] for event in events if event["type"] == "TaskScheduled"]
    return {details["resource"].split(f":function:{SHARED_STACK}-")[-1] for details in scheduled}


def followed(env: Environment, execution: str) -> Run:
    return Run(execution, Ending(list(env.follow(execution))))


def stop_in(env: Environment, execution: str, state: str) -> None:
    """Stops an execution once it is in a state."""
    next(step for step in env.follow(execution) if (step.kind, step.state) == ("entered", state))
    env.client("stepfunctions").stop_execution(executionArn=execution)


@pytest.fixture(scope="module")
def played(own: Environment, following_release: Release) -> Played:
    """Four canaries that are at 50 % when the next release is installed; then the repairs of the two that are stopped."""

    def first(service: str) -> World:
        make_router(own, service, 8080, "http")
        ending = deploy(own, quiet(own, service, "one", PercentageStep=100))
        assert ending.status == "SUCCEEDED", ending.cause
        return world(own, service)

    def canary(service: str) -> dict[str, Any]:
        wait_time = UNTIL_STOPPED if service == REPAIRED else 1
        return quiet(own, service, "two", WaitTime=wait_time, OnNoData=SERVICES[service])

    with ThreadPoolExecutor(len(SERVICES)) as pool:
        before = dict(zip(SERVICES, pool.map(first, SERVICES)))
        with undeletable(own, f"{FINISHED}-one"):
            with not_invoked(own, "gather-health"):
                executions = {service: own.deploy(canary(service)) for service in SERVICES}
                for execution in executions.values():
                    next(step for step in own.follow(execution) if step.state == "Wait")
                following_release.install(own)
                found = published(own)
                when_installed = {service: world(own, service).targets() for service in SERVICES}
                stop_in(own, executions[REPAIRED], "Wait")
            stop_in(own, executions[FINISHED], "Wait for Removal")
        canaries = dict(zip(SERVICES, pool.map(lambda service: followed(own, executions[service]), SERVICES)))
        stopped = (REPAIRED, FINISHED)
        repairs = dict(zip(stopped, pool.map(lambda service: followed(own, own.repair("demo", service)), stopped)))
    return Played(found, before, when_installed, canaries, repairs)


def test_the_release_was_installed_while_all_were_at_half(played: Played) -> None:
    expected = {service: {f"{service}-one": 50, f"{service}-two": 50} for service in SERVICES}
    assert played.when_installed == expected
    assert played.published == (["1", "2"], {"1", "2"})


def test_an_execution_invokes_the_functions_of_the_release_it_began_with(own: Environment, played: Played) -> None:
    assert {"promote:1", "remove-old:1"} <= invoked(own, played.canaries[PROMOTED])
    assert "rollback:1" in invoked(own, played.canaries[BACK])
    for release, runs in (("1", played.canaries), ("2", played.repairs)):
        for run in runs.values():
            assert started_by(own, run) == release
            assert {name.rsplit(":", 1)[-1] for name in invoked(own, run)} == {release}


def test_a_canary_of_the_earlier_release_ends_promoted(own: Environment, played: Played) -> None:
    ending = played.canaries[PROMOTED].ending
    assert (ending.status, ending.entered()[-1]) == ("SUCCEEDED", "Deployment Succeeded"), ending.cause
    after = world(own, PROMOTED)
    assert after.targets() == {f"{PROMOTED}-two": 100}
    assert after.parameter is not None and after.parameter[0] == "two"
    assert lock(own, PROMOTED) is None


def test_a_canary_of_the_earlier_release_ends_rolled_back(own: Environment, played: Played) -> None:
    ending = played.canaries[BACK].ending
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert of_service(differences(played.before[BACK], world(own, BACK)), BACK) == []
    assert lock(own, BACK) is None


def test_the_next_release_takes_back_what_the_earlier_one_left(own: Environment, played: Played) -> None:
    repair = played.repairs[REPAIRED].ending
    assert played.canaries[REPAIRED].ending.status == "ABORTED"
    assert (repair.status, repair.entered()[-1]) == ("SUCCEEDED", "Repaired"), repair.cause
    assert of_service(differences(played.before[REPAIRED], world(own, REPAIRED)), REPAIRED) == []
    assert lock(own, REPAIRED) is None


def test_the_next_release_finishes_what_the_earlier_one_recorded(own: Environment, played: Played) -> None:
    stopped, repair = played.canaries[FINISHED].ending, played.repairs[FINISHED].ending
    assert (stopped.status, stopped.entered()[-1]) == ("ABORTED", "Wait for Removal")
    assert (repair.status, repair.entered()[-1]) == ("SUCCEEDED", "Repaired"), repair.cause
    assert {"rollback:2", "remove-old:2"} <= invoked(own, played.repairs[FINISHED])
    after = world(own, FINISHED)
    assert after.targets() == {f"{FINISHED}-two": 100}
    assert after.parameter is not None and after.parameter[0] == "two"
    assert [name for name in after.stacks if FINISHED in name] == [f"demo-{FINISHED}-two"]
    assert lock(own, FINISHED) is None


def of_service(found: list[str], service: str) -> list[str]:
    """The differences that concern a service: the others' stacks come and go meanwhile."""
    return [each for each in found if not each.startswith("stack ") or service in each]


@pytest.mark.usefixtures("played")
def test_the_two_releases_plan_differently(own: Environment, played: Played) -> None:
    after = deploy(own, quiet(own, PROMOTED, "three"))
    assert after.status == "SUCCEEDED", after.cause
    earlier, later = (plan(ending) for ending in (played.canaries[PROMOTED].ending, after))
    assert later["format"] > earlier["format"]
    assert later.keys() - earlier.keys()


def plan(ending: Ending) -> dict[str, Any]:
    return ending.outputs("Check Deployment Version")[-1]["plan"]


@pytest.mark.usefixtures("played")
def test_a_changed_template_without_changed_code_publishes_nothing(
    own: Environment, following_release: Release
) -> None:
    before = published(own)
    following_release.edit(
        "infra/shared.yaml", "Description: Invokes the seven functions", "Description: Invokes functions"
    )
    assert f"stack `{SHARED_STACK}` is UPDATE_COMPLETE" in following_release.install(own)
    assert published(own) == before


@pytest.mark.usefixtures("played")
def test_a_release_that_nothing_runs_on_goes_with_the_second_update_after_it(
    own: Environment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = present(tmp_path_factory.mktemp("third")).install(own)
    assert published(own) == (["2", "3"], {"2", "3"})
    assert f"superseded and in use no more: 1 versions of the state machine, {len(FUNCTIONS)} of functions" in said
