"""Templates of a service repository that try for more than a version: each is refused or rolled back, and nothing of it is made.

Two things hold them: the first state refuses a template that needs a capability, and CloudFormation acts with the stack role's
rights, which the environment enforces as IAM does. The functions' own roles have no part in it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cfn_flip
import pytest
from deployments import Ending, deploy, standing, world

from canary_local import hello
from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.stacks import BUCKET, SHARED_STACK

# Stands for the virtual node that is live, whichever that is.
VICTIM = "the-live-node"
ACCOUNT = "000000000000"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ANYBODY = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NESTED = f"https://{BUCKET}.s3.us-west-2.amazonaws.com/templates/nested.json"


@dataclass(frozen=True)
class Attack:
    """A resource beside those of the version, and why it is not made."""

    kind: str
    properties: dict[str, Any]
    reason: str
    error: str = "Canary.StackFailed"
    changes: Callable[[dict[str, Any]], None] | None = None


def needs(capability: str) -> dict[str, str]:
    return {"error": "Canary.InvalidInput", "reason": f"it needs the capability {capability}"}


def denied(action: str) -> str:
    return f"is not authorized to perform: {action} on resource"


def strong_task_role(template: dict[str, Any]) -> None:
    """The version's tasks are to run with a function's role."""
    template["Resources"]["TaskDefinition"]["Properties"]["TaskRoleArn"] = (
        f"arn:aws:iam::{ACCOUNT}:role/{SHARED_STACK}-x"
    )


def secret_in_a_variable(template: dict[str, Any]) -> None:
    container = template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    container.setdefault("Environment", []).append({"Name": "STOLEN", "Value": "{{resolve:ssm:/of/another/team}}"})


def macro(template: dict[str, Any]) -> None:
    template["Transform"] = ["SomeMacro"]


ROUTE = {
    "MeshName": "demo", "VirtualRouterName": "hello-backend-vr", "RouteName": "hello-backend-route",
    "Spec": {"HttpRoute": {"Match": {"Prefix": "/"}, "Action": {"WeightedTargets": [{"VirtualNode": VICTIM, "Weight": 1}]}}},
}  # fmt: skip
ATTACKS = {
    "user": Attack("AWS::IAM::User", {"UserName": "mallory"}, **needs("CAPABILITY_NAMED_IAM")),
    "role": Attack(
        "AWS::IAM::Role",
        {"RoleName": "mallory", "AssumeRolePolicyDocument": ANYBODY, "ManagedPolicyArns": [ADMINISTRATOR]},
        **needs("CAPABILITY_NAMED_IAM"),
    ),
    "wider-role": Attack(
        "AWS::IAM::Policy",
        {"PolicyName": "mallory", "Roles": ["demo-TaskRole"], "PolicyDocument": EVERYTHING},
        **needs("CAPABILITY_NAMED_IAM"),
    ),
    "macro": Attack("AWS::SQS::Queue", {}, **needs("CAPABILITY_AUTO_EXPAND"), changes=macro),
    "stack": Attack("AWS::CloudFormation::Stack", {"TemplateURL": NESTED}, denied("cloudformation:CreateStack")),
    "route": Attack("AWS::AppMesh::Route", ROUTE, denied("appmesh:CreateRoute")),
    "other-route": Attack("AWS::AppMesh::Route", {**ROUTE, "RouteName": "mallory"}, denied("appmesh:CreateRoute")),
    "live-node": Attack(
        "AWS::AppMesh::VirtualNode", {"MeshName": "demo", "VirtualNodeName": VICTIM, "Spec": {}}, "HandlerErrorCode: AlreadyExists"
    ),
    "record": Attack(
        "AWS::SSM::Parameter",
        {"Name": "demo-canary-hello-backend-version", "Type": "String", "Value": "mallory"},
        denied("ssm:PutParameter"),
    ),
    "bucket": Attack("AWS::S3::Bucket", {"BucketName": "mallory"}, denied("s3:CreateBucket")),
    "function": Attack(
        "AWS::Lambda::Function",
        {
            "FunctionName": "mallory", "Runtime": "python3.13", "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/demo-TaskRole", "Code": {"ZipFile": "handler = print"},
        },
        denied("lambda:CreateFunction"),
    ),
    "call": Attack(
        "Custom::Rollback",
        {"ServiceToken": f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:{SHARED_STACK}-rollback"},
        denied("lambda:InvokeFunction"),
    ),
    "task-role": Attack("AWS::SNS::Topic", {}, denied("iam:PassRole"), changes=strong_task_role),
    "secret": Attack("AWS::SNS::Topic", {}, denied("ssm:GetParameters"), changes=secret_in_a_variable),
}  # fmt: skip


def request(env: Environment, service: str, attack: Attack) -> dict[str, Any]:
    """A first deployment of `service` with the template of hello-backend and the attack in it."""
    usual = hello.event(env.checkout, "hello-backend", "evil")
    template = json.loads(cfn_flip.to_json(base64.b64decode(usual["CanaryTemplate"]).decode()))
    (live,) = world(env, "hello-backend").targets()
    properties = json.loads(json.dumps(attack.properties).replace(VICTIM, live))
    template["Resources"]["Attack"] = {
        "Type": attack.kind, "Properties": properties, "DependsOn": ["VirtualNode", "TaskDefinition"],
    }  # fmt: skip
    if attack.changes:
        attack.changes(template)
    encoded = base64.b64encode(json.dumps(template).encode()).decode()
    return {**usual, "MicroserviceName": service, "WaitTime": 1, "CanaryTemplate": encoded}


@pytest.fixture(scope="module")
def inventory(env: Environment) -> Callable[[], dict[str, list[str]]]:
    """What there is in the account of the kinds that the attacks are after."""

    def look() -> dict[str, list[str]]:
        client = env.client
        nodes = client("appmesh").list_virtual_nodes(meshName="demo")["virtualNodes"]
        routes = client("appmesh").list_routes(meshName="demo", virtualRouterName="hello-backend-vr")["routes"]
        iam, roles = client("iam"), client("iam").list_roles()["Roles"]
        policies = {
            role["RoleName"]: iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"] for role in roles
        }
        found = {
            "users": [user["UserName"] for user in iam.list_users()["Users"]],
            "roles": [f"{role}: {names}" for role, names in policies.items()],
            "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
            "functions": [each["FunctionName"] for each in client("lambda").list_functions()["Functions"]],
            "topics": [topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
            "nodes": [node["virtualNodeName"] for node in nodes],
            "routes": [route["routeName"] for route in routes],
        }
        return {kind: sorted(names) for kind, names in found.items()}

    return look


@dataclass(frozen=True)
class Played:
    endings: dict[str, Ending]
    before: tuple[Any, Any]
    after: tuple[Any, Any]


@pytest.fixture(scope="module")
def played(env: Environment, inventory: Callable[[], Any]) -> Iterator[Played]:
    """How the attacks ended, and what there was before and after all of them."""
    env.client("ssm").put_parameter(Name="/of/another/team", Value="secret", Type="String")
    nested = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    env.client("s3").put_object(Bucket=BUCKET, Key="templates/nested.json", Body=nested.encode())
    for name in ATTACKS:
        make_router(env, f"attack-{name}", 8080, "http")
    before = standing(env, "hello-backend"), inventory()

    def play(name: str) -> tuple[str, Ending]:
        return name, deploy(env, request(env, f"attack-{name}", ATTACKS[name]))

    with ThreadPoolExecutor(max_workers=8) as pool:
        endings = dict(pool.map(play, ATTACKS))
    yield Played(endings, before, (standing(env, "hello-backend"), inventory()))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_is_refused_and_the_reason_is_named(env: Environment, played: Played, name: str) -> None:
    ending, attack = played.endings[name], ATTACKS[name]
    assert (ending.status, ending.error) == ("FAILED", attack.error), ending.cause
    assert attack.reason in ending.cause
    left = world(env, f"attack-{name}")
    assert (left.route, left.parameter) == (None, None)
    assert f"demo-attack-{name}-evil" not in left.stacks


def test_the_live_service_is_as_it_was_and_nothing_was_made(played: Played) -> None:
    assert played.after == played.before
