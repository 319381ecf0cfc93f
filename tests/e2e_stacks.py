"""A stack that is there already, and one that will not go: promises 17 and 18 of docs/semantics.md."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from deployments import Ending, deploy, quiet, role, undeletable, world
from second_interpreter import beside
from stopped import Moments

from canary_local.environment import Environment
from canary_local.mesh import make_router

Check = Callable[[Environment, str], None]
# Whoever made these stacks is no execution of this state machine.
EARLIER = "arn:aws:states:us-west-2:000000000000:execution:canary-shared-canary:last-week"
ROLLED_BACK = "Deployment Failed & Rolled Back"


def all_of(env: Environment, checks: dict[str, Check]) -> None:
    """Runs the checks side by side, each with a service of its own, which is called as the check is."""
    for service in checks:
        make_router(env, service, 8080, "http")
    with ThreadPoolExecutor(len(checks)) as pool:
        for done in [pool.submit(check, env, service) for service, check in checks.items()]:
            done.result()


def stack(env: Environment, service: str, sha: str) -> tuple[str, str] | None:
    """Status and id of a version's stack."""
    return world(env, service).stacks.get(f"demo-{service}-{sha}")


def image(env: Environment, service: str, sha: str) -> str:
    """What the tasks of a version run."""
    ecs = env.client("ecs")
    (found,) = ecs.describe_services(cluster="demo", services=[f"{service}-{sha}"])["services"]
    task = ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]
    return next(each["image"] for each in task["containerDefinitions"] if each["name"] == service)


def succeeded(ending: Ending) -> None:
    assert (ending.status, ending.cause) == ("SUCCEEDED", ""), ending.error


def create_route(env: Environment, router: str, name: str, node: str) -> None:
    """Makes a route to a version, beside the service's own; a node that a route names cannot be deleted."""
    action = {"weightedTargets": [{"virtualNode": node, "weight": 1}]}
    spec = {"priority": 1, "httpRoute": {"match": {"prefix": "/testers"}, "action": action}}
    env.client("appmesh").create_route(
        meshName="demo", virtualRouterName=f"{router}-vr", routeName=name, spec=spec
    )  # fmt: skip


@contextmanager
def route(env: Environment, router: str, name: str, node: str) -> Iterator[None]:
    """Such a route, for a while."""
    create_route(env, router, name, node)
    yield
    env.client("appmesh").delete_route(meshName="demo", virtualRouterName=f"{router}-vr", routeName=name)


EXPORT = """
  Exported:
    Value: !Ref VirtualNode
    Export: { Name: !Sub '${MicroserviceName}-${Sha}' }
"""


def exporting(request: dict[str, Any]) -> dict[str, Any]:
    """A request whose version's stack exports something."""
    template = base64.b64decode(request["CanaryTemplate"]) + EXPORT.encode()
    return {**request, "CanaryTemplate": base64.b64encode(template).decode()}


@contextmanager
def imported(env: Environment, version: str) -> Iterator[None]:
    """Another stack imports what a version's stack exports, for a while; CloudFormation refuses to delete the version's."""
    parameter = {"Type": "String", "Value": {"Fn::ImportValue": version}}
    resources = {"Importer": {"Type": "AWS::SSM::Parameter", "Properties": parameter}}
    cloudformation, name = env.client("cloudformation"), f"{version}-importer"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    yield
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def redeployed(env: Environment, service: str, kept: AbstractContextManager[None], refusal: str) -> None:
    """Last week's version is kept by something when it is replaced, and is deployed again with another image: while that is
    there, and when it is gone."""
    one, again = (
        exporting(quiet(env, service, "one", ContainerImage=f"hello-backend:{image}")) for image in ("one", "again")
    )
    succeeded(deploy(env, one))
    with kept:
        assert deploy(env, quiet(env, service, "two")).entered()[-1] == "Old Version Not Removed"
        before = world(env, service)
        made = before.stacks[f"demo-{service}-one"]
        ending = deploy(env, again)
        assert ending.entered()[-1] == ROLLED_BACK, ending.cause
        assert refusal in ending.cause
        assert world(env, service).targets() == before.targets() == {f"{service}-two": 100}
        assert world(env, service).stacks[f"demo-{service}-one"][1] == made[1]
    ending = deploy(env, again)
    succeeded(ending)
    remade = stack(env, service, "one")
    assert remade and remade[1] != made[1]
    assert image(env, service, "one") == "hello-backend:again"
    assert stack(env, service, "two") is None


def kept_by_its_own_router(env: Environment, service: str) -> None:
    beta = route(env, service, "beta", f"{service}-one")
    redeployed(env, service, beta, f"will not remove `{service}-one`: still named by `beta`")


def kept_by_another_router(env: Environment, service: str) -> None:
    make_router(env, f"{service}-other", 8080, "http")
    other = route(env, f"{service}-other", "other", f"{service}-one")
    redeployed(env, service, other, f"will not remove `{service}-one`: still named by `{service}-other-vr/other`")


def kept_by_cloudformation(env: Environment, service: str) -> None:
    refusal = f"stack `demo-{service}-one` is DELETE_FAILED: an earlier deployment made it, and it could not be deleted"
    redeployed(env, service, undeletable(env, f"{service}-one"), f"{refusal} (VirtualNode: ")


def kept_by_an_import(env: Environment, service: str) -> None:
    refusal = (
        f"stack `demo-{service}-one` is CREATE_COMPLETE: an earlier deployment made it, and it could not be deleted"
    )
    redeployed(env, service, imported(env, f"{service}-one"), refusal)


def test_an_old_commit_is_deployed_anew_and_not_from_what_its_last_deployment_left(env: Environment) -> None:
    checks: dict[str, Check] = {
        "kept-ready": kept_by_its_own_router,
        "kept-elsewhere": kept_by_another_router,
        "kept-failed": kept_by_cloudformation,
        "kept-imported": kept_by_an_import,
    }
    all_of(env, checks)


def make(env: Environment, service: str, tags: dict[str, str], **changes: Any) -> None:
    """Makes the stack of version `one` as a deployment of last week would have."""
    request = quiet(env, service, "one")
    names = ("EnvironmentName", "MicroserviceName", "Namespace", "Sha", "ContainerImage", "Port", "Protocol")
    values = {name: str(request[name]) for name in names} | changes.pop("parameters", {})
    env.client("cloudformation").create_stack(
        StackName=f"demo-{service}-one",
        TemplateBody=base64.b64decode(request["CanaryTemplate"]).decode(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        **changes,
    )


def status(env: Environment, service: str, wanted: str) -> str:
    """The id of the stack of version `one`, once it has a status."""
    deadline = time.monotonic() + 60
    while (found := stack(env, service, "one")) is None or found[0] != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found[1]


CRASHES = {"parameters": {"ContainerImage": "hello-backend:crashes"}}


def replaced(**made: Any) -> Check:
    """A check that a stack which an earlier deployment made, and which is in some status, is replaced."""

    def check(env: Environment, service: str) -> None:
        wanted = made["status"]
        make(env, service, {"canary:execution": EARLIER}, **{k: v for k, v in made.items() if k != "status"})
        before = status(env, service, wanted)
        succeeded(deploy(env, quiet(env, service, "one")))
        after = stack(env, service, "one")
        assert after and after[1] != before, after

    return check


def rollback_failed(env: Environment, service: str) -> None:
    """A creation whose rollback fails too: the route of another service names the node."""
    make_router(env, f"{service}-other", 8080, "http")
    make(env, service, {"canary:execution": EARLIER}, **CRASHES)
    deadline = time.monotonic() + 30
    names = env.client("appmesh").get_paginator("list_virtual_nodes")
    while f"{service}-one" not in {
        node["virtualNodeName"] for page in names.paginate(meshName="demo") for node in page["virtualNodes"]
    }:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with route(env, f"{service}-other", "other", f"{service}-one"):
        before = status(env, service, "ROLLBACK_FAILED")
    succeeded(deploy(env, quiet(env, service, "one")))
    after = stack(env, service, "one")
    assert after and after[1] != before, after


def deletion_failed(env: Environment, service: str) -> None:
    """A stack that somebody could not delete by hand."""
    arn = f"arn:aws:iam::000000000000:role/{role(env, 'StackRole')}"
    make(env, service, {"canary:execution": EARLIER}, RoleARN=arn)
    status(env, service, "CREATE_COMPLETE")
    with undeletable(env, f"{service}-one"):
        env.client("cloudformation").delete_stack(StackName=f"demo-{service}-one")
        before = status(env, service, "DELETE_FAILED")
    succeeded(deploy(env, quiet(env, service, "one")))
    after = stack(env, service, "one")
    assert after and after[1] != before, after


def not_ours(env: Environment, service: str) -> None:
    make(env, service, {"team": "somebody"})
    before = status(env, service, "CREATE_COMPLETE")
    ending = deploy(env, quiet(env, service, "one"))
    assert (ending.error, ending.entered()[-1]) == ("Canary.StackFailed", ROLLED_BACK)
    assert f"stack `demo-{service}-one` is CREATE_COMPLETE: no deployment of this service made it" in ending.cause
    assert stack(env, service, "one") == ("CREATE_COMPLETE", before)
    assert world(env, service).route is None


def test_a_stack_that_is_there_is_replaced_if_a_deployment_made_it_and_else_left_alone(env: Environment) -> None:
    checks = {
        "was-ready": replaced(status="CREATE_COMPLETE"),
        "was-made": replaced(status="CREATE_IN_PROGRESS"),
        "was-dead": replaced(status="ROLLBACK_COMPLETE", **CRASHES),
        "was-failed": replaced(status="CREATE_FAILED", OnFailure="DO_NOTHING", **CRASHES),
        "was-stuck": rollback_failed,
        "was-undeletable": deletion_failed,
        "was-by-hand": not_ours,
    }
    all_of(env, checks)


@contextmanager
def protected(env: Environment, version: str) -> Iterator[None]:
    update = env.client("cloudformation").update_termination_protection
    update(StackName=f"demo-{version}", EnableTerminationProtection=True)
    yield
    update(StackName=f"demo-{version}", EnableTerminationProtection=False)


@contextmanager
def named_elsewhere(env: Environment, version: str) -> Iterator[None]:
    make_router(env, f"{version}-other", 8080, "http")
    with route(env, f"{version}-other", "other", version):
        yield


Keep = Callable[[Environment, str], AbstractContextManager[None]]


def stays(moments: Moments, keep: Keep, why: str) -> Check:
    """A check that a candidate's stack that cannot be deleted any more keeps neither the traffic nor the next deployment. The
    candidate is watched when something keeps its stack, and not before."""

    def check(env: Environment, service: str) -> None:
        succeeded(deploy(env, quiet(env, service, "one")))
        with ExitStack() as kept:
            bad = exporting(quiet(env, service, "two", OnNoData="RollBack"))
            moments.arm(service, "Wait", lambda _: kept.enter_context(keep(env, f"{service}-two")))
            ending = deploy(moments.second, bad)
            assert (ending.error, ending.entered()[-1]) == ("Canary.RollbackIncomplete", "Rollback Incomplete")
            left = f"all traffic of `{service}` is on `{service}-one`, but stack `demo-{service}-two` could not be deleted ("
            assert left in ending.cause
            assert why in ending.cause
            assert f"`aws cloudformation delete-stack --stack-name demo-{service}-two`" in ending.cause
            assert world(env, service).targets() == {f"{service}-one": 100}
            succeeded(deploy(env, quiet(env, service, "three")))

    return check


def test_a_stack_that_will_not_go_keeps_neither_the_traffic_nor_the_next_deployment(env: Environment) -> None:
    moments = Moments()
    checks = {
        "stays-protected": stays(moments, protected, "cannot be deleted while TerminationProtection is enabled"),
        "stays-imported": stays(moments, imported, "is imported by stack stays-imported-two-importer"),
        "stays-in-use": stays(moments, named_elsewhere, "still named by `stays-in-use-two-other-vr/other`"),
        "stays-forbidden": stays(moments, undeletable, "(VirtualNode: "),
    }
    with beside(env, moments.entered) as moments.second:
        all_of(env, checks)
