"""A release is installed while deployments run: each goes on with the release that it began with, and what a release left
the next one repairs. Both are real builds, whose plans have different formats.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import ROOT, image_map
from deployments import SHIFT, Ending, deploy, deploy_and, lock, quiet, world
from upgrades import Release, following, present

from canary_local.checkout import FUNCTIONS
from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.stacks import SHARED_STACK
from canary_local.world import World, differences

# The first test waits for a build of all functions.
pytestmark = pytest.mark.timeout(1800)
# What each deployment does when nobody calls the candidate; the third is stopped.
SERVICES = {"upgrade-promoted": "Proceed", "upgrade-back": "RollBack", "upgrade-repaired": "Proceed"}
PROMOTED, BACK, REPAIRED = SERVICES
# Long enough for all three to come to 50 % and for the next release to be installed meanwhile; a test looks whether it was.
WAIT_SECONDS = 30
LIMIT_SECONDS = 150


@dataclass
class Course:
    """What came of one service's deployment."""

    before: World
    when_installed: dict[str, int]
    ending: Ending
    execution: str


@dataclass
class Played:
    """Everything that the tests look at."""

    said: str
    courses: dict[str, Course]
    repair: Ending
    published: tuple[list[str], set[str]]


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


def started_by(env: Environment, execution: str) -> str:
    """The version of the state machine that an execution runs."""
    described = env.client("stepfunctions").describe_execution(executionArn=execution)
    assert described["stateMachineAliasArn"] == env.state_machine_alias_arn
    return described["stateMachineVersionArn"].rsplit(":", 1)[-1]


@pytest.fixture(scope="module")
def played(own: Environment, following_release: Release) -> Played:
    """Three canaries that are at 50 % when the next release is installed; then the repair of the one that is stopped."""
    at_half = threading.Barrier(len(SERVICES) + 1, timeout=LIMIT_SECONDS)
    installed = threading.Event()

    def play(service: str) -> Course:
        executions: list[str] = []
        weights: dict[str, int] = {}

        def interfere(execution: str) -> None:
            executions.append(execution)
            at_half.wait()
            assert installed.wait(LIMIT_SECONDS)
            weights.update(world(own, service).targets())
            if service == REPAIRED:
                own.client("stepfunctions").stop_execution(executionArn=execution)

        make_router(own, service, 8080, "http")
        deploy(own, quiet(own, service, "one", PercentageStep=100))
        before = world(own, service)
        canary = quiet(own, service, "two", WaitTime=WAIT_SECONDS, OnNoData=SERVICES[service])
        ending = deploy_and(own, canary, SHIFT, interfere)
        return Course(before, weights, ending, executions[0])

    with ThreadPoolExecutor(len(SERVICES)) as pool:
        running = {service: pool.submit(play, service) for service in SERVICES}
        at_half.wait()
        said = following_release.install(own)
        found = published(own)
        installed.set()
        courses = {service: course.result() for service, course in running.items()}
    repair = own.repair("demo", REPAIRED)
    return Played(said, courses, Ending(list(own.follow(repair))), found)


def test_the_release_was_installed_while_all_were_at_half(played: Played) -> None:
    for service, course in played.courses.items():
        assert course.when_installed == {f"{service}-one": 50, f"{service}-two": 50}


def test_a_deployment_ends_on_the_release_it_began_with(own: Environment, played: Played) -> None:
    assert {started_by(own, course.execution) for course in played.courses.values()} == {"1"}
    assert played.published == (["1", "2"], {"1", "2"})


def test_a_canary_of_the_earlier_release_ends_promoted(own: Environment, played: Played) -> None:
    course = played.courses[PROMOTED]
    assert (course.ending.status, course.ending.entered()[-1]) == ("SUCCEEDED", "Deployment Succeeded"), (
        course.ending.cause
    )
    after = world(own, PROMOTED)
    assert after.targets() == {f"{PROMOTED}-two": 100}
    assert after.parameter is not None and after.parameter[0] == "two"
    assert lock(own, PROMOTED) is None


def test_a_canary_of_the_earlier_release_ends_rolled_back(own: Environment, played: Played) -> None:
    course = played.courses[BACK]
    assert (course.ending.status, course.ending.error) == ("FAILED", "Canary.Unhealthy"), course.ending.cause
    assert course.ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert of_service(differences(course.before, world(own, BACK)), BACK) == []
    assert lock(own, BACK) is None


def test_the_next_release_repairs_what_the_earlier_one_left(own: Environment, played: Played) -> None:
    assert played.courses[REPAIRED].ending.status == "ABORTED"
    assert (played.repair.status, played.repair.entered()[-1]) == ("SUCCEEDED", "Repaired"), played.repair.cause
    assert of_service(differences(played.courses[REPAIRED].before, world(own, REPAIRED)), REPAIRED) == []
    assert lock(own, REPAIRED) is None


def of_service(found: list[str], service: str) -> list[str]:
    """The differences that concern a service: the others' stacks come and go meanwhile."""
    return [each for each in found if not each.startswith("stack ") or service in each]


def test_the_functions_are_those_of_the_release(own: Environment, played: Played) -> None:
    """Each execution's state machine invoked its own release's functions: Roll Back of both was at work."""
    calls = [json.loads(line) for line in own.aws_calls.read_text().splitlines()]
    invoked = {call["resource"].split(":function:")[-1] for call in calls if call["action"] == "lambda:InvokeFunction"}
    assert {f"{SHARED_STACK}-rollback:1", f"{SHARED_STACK}-rollback:2"} <= invoked
    assert all(name.rsplit(":", 1)[-1] in ("1", "2") for name in invoked)


@pytest.mark.usefixtures("played")
def test_the_two_releases_plan_differently(own: Environment, played: Played) -> None:
    after = deploy(own, quiet(own, PROMOTED, "three"))
    assert after.status == "SUCCEEDED", after.cause
    earlier, later = (plan(ending) for ending in (played.courses[PROMOTED].ending, after))
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
