"""Each function's role grants the calls that the function makes, and no others.

The deployments here make every call that there is a grant for, so this needs no other test. That no function is denied a call
in the other tests is looked at where they end: `_no_function_is_denied_a_call` in conftest.py.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deployments import Ending, deploy, deploy_and, lock_table, stop_tasks, undeletable
from grants import Grant, calls, findings, grants
from second_interpreter import beside
from stopped import Moments

from canary_local import hello
from canary_local.aws import REGION
from canary_local.checkout import FUNCTIONS
from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.stacks import BUCKET, SHARED_STACK

_LAMBDA = "Lambda itself writes a function's log with its role, which the environment does not play"
_XRAY = "Lambda itself sends a function's traces with its role, which the environment does not play"
EXEMPT = {
    "logs:CreateLogStream": _LAMBDA,
    "logs:PutLogEvents": _LAMBDA,
    "xray:PutTraceSegments": _XRAY,
    "xray:PutTelemetryRecords": _XRAY,
}


def event(env: Environment, service: str, sha: str, **changes: Any) -> dict[str, Any]:
    """A version of hello-backend under another service's name, which nobody calls."""
    usual = {**hello.event(env.checkout, "hello-backend", sha), "MicroserviceName": service, "WaitTime": 1}
    return {**usual, "PercentageStep": 100, "OnNoData": "Proceed", **changes}


def in_s3(env: Environment, request: dict[str, Any], version: bool = False) -> dict[str, Any]:
    """The request with its template, too large for a request, in S3; the address may say which version of the object."""
    s3, key = env.client("s3"), f"templates/{request['MicroserviceName']}.yaml"
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    template = base64.b64decode(request["CanaryTemplate"]) + b"#" * 51_200
    put = s3.put_object(Bucket=BUCKET, Key=key, Body=template)
    url = f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{key}" + (f"?versionId={put['VersionId']}" if version else "")
    return {**{name: value for name, value in request.items() if name != "CanaryTemplate"}, "CanaryTemplateUrl": url}


def promotions(env: Environment, _: Moments, service: str) -> dict[str, Ending]:
    """A first deployment and two canaries that are promoted; the last one's old version cannot be removed.

    Between them one that is refused after it took the lock. The one whose stack is left is deployed again.
    """
    first = deploy(env, in_s3(env, event(env, service, "one"), version=True))
    canary = deploy(env, event(env, service, "two", PercentageStep=50))
    again = deploy(env, event(env, service, "two"))
    with undeletable(env, f"{service}-two"):
        kept, anew = deploy(env, event(env, service, "three")), deploy(env, event(env, service, "two"))
    return {"first": first, "canary": canary, "again": again, "old one kept": kept, "kept one anew": anew}


def rollbacks(env: Environment, moments: Moments, service: str) -> dict[str, Ending]:
    """Two canaries that are rolled back: an unwatched one, and one that somebody has interfered with at 100 %."""
    deploy(env, event(env, service, "one"))
    unhealthy = deploy(env, event(env, service, "two", OnNoData="RollBack"))

    def interfere(_: str) -> None:
        targets = [{"virtualNode": f"{service}-{sha}", "weight": 50} for sha in ("one", "three")]
        env.client("appmesh").update_route(
            meshName="demo", virtualRouterName=f"{service}-vr", routeName=f"{service}-route",
            spec={"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}},
        )  # fmt: skip

    moments.arm(service, "Wait", interfere)
    with undeletable(env, f"{service}-three"):
        drifted = deploy(moments.second, event(env, service, "three"))
    return {"unhealthy": unhealthy, "drifted": drifted}


def first_fails(env: Environment, _: Moments, service: str) -> dict[str, Ending]:
    """A first deployment that has its route when it fails; its template is too large for a request and lies in S3."""
    return {"unhealthy first": deploy(env, in_s3(env, event(env, service, "one", OnNoData="RollBack")))}


def crashes(env: Environment, _: Moments, service: str) -> dict[str, Ending]:
    """A version that does not start. The first try is stopped by hand, and its lock is lost, so that nothing is repaired and
    the second one finds its dead stack."""
    stop = env.client("stepfunctions").stop_execution
    crashing = event(env, service, "crashes")
    stopped = deploy_and(env, crashing, "Deploy New Version", lambda execution: stop(executionArn=execution))
    env.client("dynamodb").delete_item(TableName=lock_table(env), Key={"service": {"S": f"demo/{service}"}})
    return {"stopped": stopped, "crashed": deploy(env, crashing)}


def stopped(env: Environment, _: Moments, service: str) -> dict[str, Ending]:
    """A deployment that comes after one that was stopped by hand, and asks how that one stands."""
    stop = env.client("stepfunctions").stop_execution
    deploy_and(env, event(env, service, "one"), "Deploy New Version", lambda execution: stop(executionArn=execution))
    return {"after a stop": deploy(env, event(env, service, "two"))}


# So many versions Parameter Store keeps: from then on it is asked which of them has a label.
RECORDED_VERSIONS = 100


def after_the_record(env: Environment, moments: Moments, service: str) -> dict[str, Ending]:
    """Two canaries in the moment after they were recorded: one loses its lock to another execution, and the tasks of the other
    one are stopped for good, so that its record is taken back. The parameter has as many versions as there may be, and the
    route's targets have ports."""
    deploy(env, event(env, service, "one"))
    record = {"Name": f"demo-canary-{service}-version", "Value": "one", "Overwrite": True}
    for _ in range(RECORDED_VERSIONS):
        env.client("ssm").put_parameter(**record)
    # Refused, because it is live; the environment's own first state has asked for the versions' labels by then.
    deploy(env, event(env, service, "one"))
    targets = [{"virtualNode": f"{service}-one", "weight": 100, "port": 8080}]
    env.client("appmesh").update_route(
        meshName="demo", virtualRouterName=f"{service}-vr", routeName=f"{service}-route",
        spec={"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}},
    )  # fmt: skip
    key, table = {"service": {"S": f"demo/{service}"}}, env.client("dynamodb")

    def lose_the_lock(_: str) -> None:
        table.update_item(
            TableName=lock_table(env), Key=key, UpdateExpression="SET holder = :other",
            ExpressionAttributeValues={":other": {"S": "arn:of:another"}},
        )  # fmt: skip

    moments.arm(service, "Remove Old Version", lose_the_lock)
    superseded = deploy(moments.second, event(env, service, "two"))
    table.delete_item(TableName=lock_table(env), Key=key)
    moments.arm(service, "Remove Old Version", lambda _: stop_tasks(env, f"{service}-three"))
    return {"superseded": superseded, "taken back": deploy(moments.second, event(env, service, "three"))}


Course = Callable[[Environment, Moments, str], dict[str, Ending]]
COURSES: tuple[Course, ...] = (promotions, rollbacks, first_fails, crashes, stopped, after_the_record)


@pytest.fixture(scope="module")
def played(env: Environment) -> dict[str, Ending]:
    """How the deployments ended, by name. Those in which a moment matters are run by the second interpreter."""
    moments = Moments()

    def play(course: Course) -> dict[str, Ending]:
        service = course.__name__.replace("_", "-")
        make_router(env, service, 8080, "http")
        return course(env, moments, service)

    with beside(env, moments.entered) as moments.second, ThreadPoolExecutor(max_workers=len(COURSES)) as pool:
        return {name: ending for endings in pool.map(play, COURSES) for name, ending in endings.items()}


@pytest.mark.parametrize(
    ("name", "status", "error", "last"),
    [
        ("first", "SUCCEEDED", "", "Deployment Succeeded"),
        ("canary", "SUCCEEDED", "", "Deployment Succeeded"),
        ("again", "FAILED", "Canary.AlreadyDeployed", "Deployment Refused"),
        ("old one kept", "FAILED", "Canary.OldVersionNotRemoved", "Old Version Not Removed"),
        ("kept one anew", "FAILED", "Canary.StackFailed", "Deployment Failed & Rolled Back"),
        ("unhealthy", "FAILED", "Canary.Unhealthy", "Deployment Failed & Rolled Back"),
        ("drifted", "FAILED", "Canary.RollbackIncomplete", "Rollback Incomplete"),
        ("superseded", "SUCCEEDED", "", "Deployment Succeeded"),
        ("taken back", "FAILED", "Canary.CandidateNotRunning", "Deployment Failed & Rolled Back"),
        ("after a stop", "SUCCEEDED", "", "Deployment Succeeded"),
        ("unhealthy first", "FAILED", "Canary.Unhealthy", "Deployment Failed & Rolled Back"),
        ("crashed", "FAILED", "Canary.StackFailed", "Deployment Failed & Rolled Back"),
    ],
)
def test_there_is_a_deployment_of_each_kind(
    played: dict[str, Ending], name: str, status: str, error: str, last: str
) -> None:
    ending = played[name]
    assert (ending.status, ending.error, ending.entered()[-1]) == (status, error, last), ending.cause


def test_a_dead_stack_that_a_stopped_deployment_left_is_replaced(played: dict[str, Ending]) -> None:
    assert played["stopped"].status == "ABORTED"
    looks = [look["stack"]["stackStatus"] for look in played["crashed"].outputs("Deploy New Version")]
    assert "DELETE_REQUESTED" in looks
    assert looks.index("DELETE_REQUESTED") < looks.index("CREATE_REQUESTED")


@pytest.fixture(scope="module")
def roles(env: Environment) -> dict[str, str]:
    """Each function's role by the function's name."""
    resources = env.client("cloudformation").describe_stack_resources(StackName=SHARED_STACK)["StackResources"]
    functions = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Lambda::Function"]
    describe = env.client("lambda").get_function_configuration
    return {name: describe(FunctionName=name)["Role"].rsplit("/", 1)[-1] for name in functions}


def granted(env: Environment, role: str) -> Iterator[Grant]:
    """What the policies of a role grant."""
    iam = env.client("iam")
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == [], (
        "only inline policies are looked at"
    )
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield from grants(name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])


@pytest.mark.usefixtures("played")
def test_each_call_is_granted_and_each_grant_is_used(env: Environment, roles: dict[str, str]) -> None:
    assert {name.removeprefix(f"{SHARED_STACK}-") for name in roles} == set(FUNCTIONS)
    policies = {function: list(granted(env, role)) for function, role in roles.items()}
    found = findings(policies, calls(env.aws_calls.read_text()), EXEMPT)
    assert not found, "\n".join(found)
