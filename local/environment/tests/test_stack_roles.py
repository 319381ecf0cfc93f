"""CloudFormation acts with the rights of the role that a stack was given, in a real ministack with the plugin."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from plugin_local import Local
from plugin_templates import MESH
from test_plugin import delete, eventually, failed, settled

ARN = "arn:aws:{}:us-west-2:000000000000:{}"


def role(local: Local, name: str, *statements: dict[str, Any]) -> str:
    """A role with these rights, which CloudFormation may take."""
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = local.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    allowed = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)
    return arn


def make(local: Local, name: str, arn: str, resources: dict[str, Any]) -> dict[str, Any]:
    """The stack once CloudFormation has ended, one way or the other."""
    local.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": resources}), RoleARN=arn,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )  # fmt: skip
    return settled(local, name)


def test_a_resource_is_made_and_deleted_with_the_roles_rights_and_both_are_recorded(local: Local) -> None:
    node = ARN.format("appmesh", "mesh/rights/virtualNode/*")
    arn = role(
        local, "enough", {"Action": ["sqs:CreateQueue", "appmesh:CreateMesh"]},
        {"Action": ["appmesh:*VirtualNode"], "Resource": node},
    )  # fmt: skip
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Mesh": {"Type": "AWS::AppMesh::Mesh", "Properties": {"MeshName": "rights"}},
    }
    assert make(local, "enough", arn, resources)["StackStatus"] == "CREATE_COMPLETE"
    calls = [json.loads(line) for line in local.aws_calls.read_text().splitlines()]
    judged = {(call["action"], call["resource"], call["allowed"]) for call in calls if call["role"] == "enough"}
    assert judged == {
        ("sqs:CreateQueue", "*", True),
        ("appmesh:CreateMesh", ARN.format("appmesh", "mesh/rights"), True),
    }

    local.client("cloudformation").delete_stack(StackName="enough")
    assert settled(local, "enough")["StackStatus"] == "DELETE_FAILED"
    assert "is not authorized to perform: appmesh:DeleteMesh" in failed(local, "enough", "DELETE_FAILED")["Mesh"]
    local.client("iam").put_role_policy(
        RoleName="enough", PolicyName="more",
        PolicyDocument=json.dumps({"Statement": [{"Effect": "Allow", "Action": "appmesh:DeleteMesh", "Resource": "*"}]}),
    )  # fmt: skip
    delete(local, "enough")


@pytest.mark.parametrize(
    ("kind", "properties", "action"),
    [
        ("AWS::IAM::User", {"UserName": "mallory"}, "iam:CreateUser"),
        ("AWS::SQS::Queue", {}, "sqs:CreateQueue"),
        ("AWS::SSM::Parameter", {"Name": "x", "Type": "String", "Value": "y"}, "ssm:PutParameter"),
        ("AWS::AppMesh::Mesh", {"MeshName": "mallory"}, "appmesh:CreateMesh"),
        ("Custom::Call", {"ServiceToken": ARN.format("lambda", "function:any")}, "lambda:InvokeFunction"),
        ("AWS::SQS::Queue", {"QueueName": "{{resolve:ssm:/of/others}}"}, "ssm:GetParameters"),
        ("AWS::SQS::Queue", {"QueueName": "{{resolve:secretsmanager:others:SecretString:key}}"}, "secretsmanager:GetSecretValue"),
    ],
)  # fmt: skip
def test_what_the_role_may_not_do_fails_the_stack_with_the_missing_right(
    local: Local, kind: str, properties: dict[str, Any], action: str
) -> None:
    name = f"refused-{action.replace(':', '-')}"
    arn = role(local, name, {"Action": "sns:CreateTopic"})
    local.client("ssm").put_parameter(Name="/of/others", Value="secret", Type="String", Overwrite=True)
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
        "Wanted": {"Type": kind, "Properties": properties, "DependsOn": "Topic"},
    }
    assert make(local, name, arn, resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    why = failed(local, name)["Wanted"]
    assert f"assumed-role/{name}/AWSCloudFormation is not authorized to perform: {action} on resource: " in why
    assert "because no identity-based policy allows" in why and "HandlerErrorCode: AccessDenied" in why
    topics = [topic["TopicArn"] for topic in local.client("sns").list_topics()["Topics"]]
    assert not any(topic.endswith(name) for topic in topics), "what was made before is taken back"


def test_a_deny_wins_over_what_is_attached_beside_it(local: Local) -> None:
    arn = role(local, "denied", {"Action": "*"}, {"Effect": "Deny", "Action": "sqs:*"})
    assert make(local, "denied", arn, {"Queue": {"Type": "AWS::SQS::Queue"}})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "with an explicit deny" in failed(local, "denied")["Queue"]


def test_a_virtual_node_is_judged_by_its_own_name_and_by_its_backends(local: Local) -> None:
    mine, backend = (ARN.format("appmesh", f"mesh/backed/{rest}") for rest in ("virtualNode/a-*", "virtualService/b"))
    local.client("appmesh").create_mesh(meshName="backed")
    arn = role(local, "node", {"Action": ["appmesh:CreateVirtualNode", "appmesh:DeleteVirtualNode"], "Resource": mine})

    def node(name: str, *backends: str) -> dict[str, Any]:
        named = [{"VirtualService": {"VirtualServiceName": each}} for each in backends]
        properties = {"MeshName": "backed", "VirtualNodeName": name, "Spec": {"Backends": named}}
        return {"Node": {"Type": "AWS::AppMesh::VirtualNode", "Properties": properties}}

    assert make(local, "node-a", arn, node("a-1"))["StackStatus"] == "CREATE_COMPLETE"
    assert make(local, "node-b", arn, node("b-1"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        "on resource: arn:aws:appmesh:us-west-2:000000000000:mesh/backed/virtualNode/b-1 "
        in failed(local, "node-b")["Node"]
    )
    assert make(local, "node-backed", arn, node("a-2", "b"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"on resource: {backend} " in failed(local, "node-backed")["Node"]
    delete(local, "node-a")


def test_a_stack_without_a_role_is_made_as_before(local: Local) -> None:
    local.client("cloudformation").create_stack(StackName="unbound", TemplateBody=json.dumps(MESH))
    eventually(lambda: settled(local, "unbound")["StackStatus"] == "CREATE_COMPLETE")
    delete(local, "unbound")


def test_creating_a_stack_can_be_allowed_with_one_role_only(local: Local) -> None:
    stack_role = role(local, "the-one", {"Action": "sqs:CreateQueue"})
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam = local.client("iam")
    creator = iam.create_role(RoleName="creator", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    allowed = [
        {
            "Effect": "Allow", "Action": "cloudformation:CreateStack", "Resource": "*",
            "Condition": {"StringEquals": {"cloudformation:RoleArn": stack_role}},
        },
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"},
    ]  # fmt: skip
    iam.put_role_policy(RoleName="creator", PolicyName="all", PolicyDocument=json.dumps({"Statement": allowed}))
    session = local.client("sts").assume_role(RoleArn=creator["Arn"], RoleSessionName="create")["Credentials"]
    client = boto3.client(
        "cloudformation", region_name="us-west-2", endpoint_url=local.endpoint,
        aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )  # fmt: skip
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    for given in ({}, {"RoleARN": creator["Arn"]}):
        with pytest.raises(ClientError, match="is not authorized to perform: cloudformation:CreateStack"):
            client.create_stack(StackName="by-creator", TemplateBody=template, **given)
    client.create_stack(StackName="by-creator", TemplateBody=template, RoleARN=stack_role)
    assert settled(local, "by-creator")["StackStatus"] == "CREATE_COMPLETE"
