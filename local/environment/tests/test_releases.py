"""Function versions, state machine versions and aliases, and with which rights they are used, in a real ministack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from plugin_local import Local
from test_plugin import delete, eventually, settled

ARN = "arn:aws:{}:us-west-2:000000000000:{}"
GATE = ARN.format("states", "activity:gate")
RELEASE: dict[str, Any] = {
    "Parameters": {"Release": {"Type": "String"}, "Note": {"Type": "String", "Default": "none"}},
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": {"Fn::Sub": "${AWS::StackName}-role"},
                "Description": {"Ref": "Note"},
                "AssumeRolePolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "states.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ]
                },
                "Policies": [
                    {
                        "PolicyName": "invoke",
                        "PolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "lambda:InvokeFunction",
                                    "Resource": {"Fn::Sub": "${Function.Arn}:*"},
                                }
                            ]
                        },
                    }
                ],
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": {"Fn::Sub": "${AWS::StackName}-function"},
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": ARN.format("iam", "role/any").replace("us-west-2", ""),
                "Code": {"ZipFile": "import os\ndef handler(event, context):\n    return os.environ['RELEASE']\n"},
                "Environment": {"Variables": {"RELEASE": {"Ref": "Release"}}},
            },
        },
        "Version": {
            "Type": "AWS::Lambda::Version",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"FunctionName": {"Ref": "Function"}, "Description": {"Ref": "Release"}},
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": {"Fn::Sub": "${AWS::StackName}-machine"},
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(
                    {
                        "StartAt": "Gate",
                        "States": {
                            "Gate": {"Type": "Task", "Resource": GATE, "Next": "Call"},
                            "Call": {"Type": "Task", "Resource": "${Called}", "End": True},
                        },
                    }
                ),
                "DefinitionSubstitutions": {"Called": {"Ref": "Version"}},
            },
        },
        "MachineVersion": {
            "Type": "AWS::StepFunctions::StateMachineVersion",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "StateMachineArn": {"Ref": "Machine"},
                "StateMachineRevisionId": {"Fn::GetAtt": ["Machine", "StateMachineRevisionId"]},
            },
        },
        "Alias": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {
                "Name": "live",
                "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "MachineVersion"}, "Weight": 100}],
            },
        },
    },
    "Outputs": {"Alias": {"Value": {"Ref": "Alias"}}, "Machine": {"Value": {"Ref": "Machine"}}},
}


class Stack:
    """A stack with one release of a function and of a state machine."""

    def __init__(self, local: Local, name: str) -> None:
        self.local, self.name = local, name
        self.states = local.client("stepfunctions")
        local.client("cloudformation").create_stack(StackName=name, **self._request(RELEASE, Release="A"))
        made = settled(local, name)
        assert made["StackStatus"] == "CREATE_COMPLETE"
        outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
        self.alias, self.machine = outputs["Alias"], outputs["Machine"]

    def update(self, template: dict[str, Any] = RELEASE, **parameters: str) -> None:
        self.local.client("cloudformation").update_stack(StackName=self.name, **self._request(template, **parameters))
        assert settled(self.local, self.name)["StackStatus"] == "UPDATE_COMPLETE"

    @staticmethod
    def _request(template: dict[str, Any], **parameters: str) -> dict[str, Any]:
        return {
            "TemplateBody": json.dumps(template),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }

    def start(self, arn: str) -> str:
        return self.states.start_execution(stateMachineArn=arn)["executionArn"]

    def end(self, execution: str) -> dict[str, Any]:
        """Opens the gate that the execution waits at; returns how it ended."""
        task = eventually(lambda: self.states.get_activity_task(activityArn=GATE).get("taskToken"))
        self.states.send_task_success(taskToken=task, output="{}")

        def ended() -> dict[str, Any] | None:
            found = self.states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        return eventually(ended)

    def published(self) -> tuple[list[str], list[str]]:
        """The versions of the function and of the state machine."""
        found = self.local.client("lambda").list_versions_by_function(FunctionName=f"{self.name}-function")
        machines = self.states.list_state_machine_versions(stateMachineArn=self.machine)["stateMachineVersions"]
        return (
            [version["Version"] for version in found["Versions"] if version["Version"] != "$LATEST"],
            sorted(version["stateMachineVersionArn"].rsplit(":", 1)[-1] for version in machines),
        )


@pytest.fixture(scope="module", autouse=True)
def gate(local: Local) -> None:
    """What the executions here wait at."""
    local.client("stepfunctions").create_activity(name="gate")


@pytest.fixture
def stack(local: Local, request: pytest.FixtureRequest) -> Iterator[Stack]:
    made = Stack(local, request.node.originalname.replace("_", "-")[5:45])
    yield made
    delete(local, made.name)


def test_an_execution_keeps_the_release_it_began_with(stack: Stack) -> None:
    begun = stack.start(stack.alias)
    stack.update(Release="B")
    ended = stack.end(begun)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", "A")
    assert ended["stateMachineVersionArn"] == f"{stack.machine}:1"
    assert ended["stateMachineAliasArn"] == stack.alias
    after = stack.start(stack.alias)
    assert json.loads(stack.end(after)["output"]) == "B"
    assert stack.published() == (["1", "2"], ["1", "2"])
    described = stack.states.describe_state_machine_for_execution(executionArn=begun)
    assert f"{stack.name}-function:1" in described["definition"]
    listed = stack.states.list_executions
    for arn, found in ((f"{stack.machine}:1", {begun}), (stack.alias, {begun, after}), (stack.machine, {begun, after})):
        assert {each["executionArn"] for each in listed(stateMachineArn=arn)["executions"]} == found
    assert {each.get("stateMachineVersionArn") for each in listed(stateMachineArn=stack.machine)["executions"]} == {
        f"{stack.machine}:1",
        f"{stack.machine}:2",
    }


def test_an_execution_without_a_version_keeps_its_definition_too(stack: Stack) -> None:
    begun = stack.start(stack.machine)
    stack.update(Release="B")
    ended = stack.end(begun)
    assert json.loads(ended["output"]) == "A"
    assert "stateMachineVersionArn" not in ended


def test_what_changes_neither_code_nor_definition_publishes_nothing(stack: Stack) -> None:
    stack.update(Release="A", Note="another")
    assert stack.published() == (["1"], ["1"])


def test_a_version_in_use_by_an_alias_is_not_deleted(stack: Stack) -> None:
    with pytest.raises(ClientError, match="ConflictException"):
        stack.states.delete_state_machine_version(stateMachineVersionArn=f"{stack.machine}:1")


def test_a_right_to_versions_is_none_to_the_function_itself(stack: Stack) -> None:
    unqualified = json.loads(json.dumps(RELEASE))
    unqualified["Resources"]["Machine"]["Properties"]["DefinitionSubstitutions"] = {
        "Called": {"Fn::GetAtt": ["Function", "Arn"]}
    }
    stack.update(unqualified, Release="A")
    ended = stack.end(stack.start(stack.alias))
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert (
        f"not authorized to perform: lambda:InvokeFunction on resource: {ARN.format('lambda', 'function:')}"
        in ended["cause"]
    )


def test_versions_and_aliases_go_with_their_state_machine(local: Local) -> None:
    first = Stack(local, "gone-and-again")
    first.update(Release="B")
    delete(local, first.name)
    again = Stack(local, "gone-and-again")
    assert again.published() == (["1"], ["1"])
    delete(local, again.name)


def of_user(local: Local, name: str, service: str, *statements: dict[str, Any]) -> Any:
    """A service's client of a user who may do this and nothing else."""
    iam = local.client("iam")
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        service, endpoint_url=local.endpoint, region_name="us-west-2", aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )  # fmt: skip


def test_who_may_start_the_alias_may_start_nothing_else(local: Local, stack: Stack) -> None:
    condition = {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": "live"}}
    start = {"Action": "states:StartExecution", "Resource": stack.machine, "Condition": condition}
    states = of_user(local, "pipeline", "stepfunctions", start)
    assert stack.end(states.start_execution(stateMachineArn=stack.alias)["executionArn"])["status"] == "SUCCEEDED"
    for other in (stack.machine, f"{stack.machine}:1"):
        with pytest.raises(ClientError, match="AccessDenied"):
            states.start_execution(stateMachineArn=other)


def test_requests_to_ecs_are_judged_by_the_service_the_task_and_the_cluster(local: Local) -> None:
    cluster = ARN.format("ecs", "cluster/demo")
    ecs = of_user(
        local, "looker", "ecs",
        {"Action": "ecs:DescribeServices", "Resource": ARN.format("ecs", "service/demo/*")},
        {"Action": "ecs:DescribeTasks", "Resource": ARN.format("ecs", "task/demo/*")},
        {"Action": "ecs:ListTasks", "Resource": "*", "Condition": {"ArnLike": {"ecs:cluster": cluster}}},
    )  # fmt: skip
    for name in ("demo", "other"):
        local.client("ecs").create_cluster(clusterName=name)
    ecs.describe_services(cluster="demo", services=["web"])
    ecs.describe_tasks(cluster="demo", tasks=["1"])
    ecs.list_tasks(cluster="demo")
    for denied in (
        lambda: ecs.describe_services(cluster="other", services=["web"]),
        lambda: ecs.describe_tasks(cluster="other", tasks=["1"]),
        lambda: ecs.list_tasks(cluster="other"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            denied()
