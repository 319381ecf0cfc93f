"""What the role for the versions' stacks may do, and what it never may, whatever else is attached to it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session
import cfn_flip
import pytest
import templates
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER as SCHEMAS
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

STACK = "canary-shared"
ROLE = f"arn:aws:iam::{templates.ACCOUNT}:role/"
EVERYTHING = parse_policy_document({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
# Reading of identities, and the one thing that is made: what Application Auto Scaling acts with.
_HARMLESS = ("Get", "List", "Generate", "Simulate")
_ALLOWED = {"CreateServiceLinkedRole"}


def resolved(value: Any, environments: str) -> Any:
    """The template with what CloudFormation would put in."""
    if isinstance(value, list):
        return [resolved(item, environments) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetAtt" in value:
        return f"arn:aws:iam::{templates.ACCOUNT}:{value['Fn::GetAtt'][0]}"
    if "Fn::Sub" in value:
        text = value["Fn::Sub"]
        for name, given in (
            ("AWS::Partition", "aws"), ("AWS::Region", templates.REGION), ("AWS::AccountId", templates.ACCOUNT),
            ("AWS::StackName", STACK), ("ArtifactBucket", "artifacts"), ("Environments", environments),
        ):  # fmt: skip
            text = text.replace(f"${{{name}}}", given)
        assert "${" not in text, text
        return text
    return {key: resolved(item, environments) for key, item in value.items()}


@cache
def role_policies(environments: str) -> list[Any]:
    """The policies of the role, as IAM reads them."""
    role = resolved(templates.load("shared")["Resources"]["StackRole"]["Properties"], environments)
    return [parse_policy_document(policy["PolicyDocument"]) for policy in role["Policies"]]


def decides(action: str, resource: str, *, environments: str = "*", attached: bool = False, **keys: str) -> str:
    """`Allow`, `Deny` or `ImplicitDeny`: what IAM says to the role. `attached`: with AdministratorAccess on top."""
    policies = role_policies(environments)
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{templates.ACCOUNT}:assumed-role/stack/AWSCloudFormation",
        principal_type="AssumedRole",
        principal_account=templates.ACCOUNT,
        action=action,
        resource_arn=resource,
        region=templates.REGION,
        service_context={name.replace("__", ":").lower(): value for name, value in keys.items()},
    )
    return evaluate(context, [*policies, *([EVERYTHING] if attached else [])]).decision


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{templates.REGION}:{templates.ACCOUNT}:{resource}"


# What versions are made of, and what their types list besides what a version's template uses.
VERSIONS = (templates.INFRA / "canary.yaml", *templates.INFRA.parent.glob("cli/tests/golden/*/template.yaml"))
UNUSED = {
    # Scheduled actions, functions that scale, and predictive scaling.
    "application-autoscaling:PutScheduledAction",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:PutProvisionedConcurrencyConfig",
    "lambda:DeleteProvisionedConcurrencyConfig",
    "cloudwatch:GetMetricData",
}


def test_the_role_may_do_what_the_types_of_a_version_list() -> None:
    """CloudFormation's own schema of a type lists the permissions of its handlers. App Mesh's types list none."""
    resources = [json.loads(cfn_flip.to_json(path.read_text()))["Resources"].values() for path in VERSIONS]
    handlers = {
        (kind, handler): set(described["permissions"])
        for kind in {resource["Type"] for version in resources for resource in version}
        for handler, described in SCHEMAS.get_resource_schema(templates.REGION, kind).schema.get("handlers", {}).items()
        if handler in ("create", "read", "delete")
    }
    assert len(handlers) == 3 * 5
    statements = templates.statements(templates.load("shared")["Resources"]["StackRole"])
    allowed = {action for made in statements if made["Effect"] == "Allow" for action in templates.actions(made)}
    missing = {at: lacking for at, needed in handlers.items() if (lacking := needed - allowed - UNUSED)}
    assert missing == {}


TO_TASKS = {"iam__PassedToService": "ecs-tasks.amazonaws.com"}


def test_nothing_of_iam_can_be_changed_even_by_an_administrator_s_role() -> None:
    operations = botocore.session.get_session().get_service_model("iam").operation_names
    changing = [name for name in operations if not name.startswith(_HARMLESS) and name not in _ALLOWED]
    assert len(changing) > 90
    open_ones = [name for name in changing if decides(f"iam:{name}", "*", attached=True) != "Deny"]
    assert open_ones == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sts:AssumeRole", f"{ROLE}anybody"),
        ("cloudformation:CreateStack", arn("cloudformation", "stack/nested/*")),
        ("cloudformation:UpdateStack", arn("cloudformation", "stack/demo-web-aaa/*")),
        ("cloudformation:DeleteStack", arn("cloudformation", "stack/demo-web-aaa/*")),
        ("cloudformation:ExecuteChangeSet", arn("cloudformation", "stack/demo-web-aaa/*")),
        ("appmesh:UpdateRoute", arn("appmesh", "mesh/demo/virtualRouter/web-vr/route/web-route")),
        ("appmesh:CreateRoute", arn("appmesh", "mesh/demo/virtualRouter/web-vr/route/mine")),
        ("appmesh:DeleteRoute", arn("appmesh", "mesh/demo/virtualRouter/web-vr/route/web-route")),
        ("appmesh:CreateGatewayRoute", arn("appmesh", "mesh/demo/virtualGateway/gateway/gatewayRoute/mine")),
        ("appmesh:UpdateVirtualService", arn("appmesh", "mesh/demo/virtualService/web.demo.local")),
        ("appmesh:UpdateVirtualNode", arn("appmesh", "mesh/demo/virtualNode/web-aaa")),
        ("servicediscovery:RegisterInstance", arn("servicediscovery", "service/srv-web")),
        ("ssm:PutParameter", arn("ssm", "parameter/demo-canary-web-version")),
        ("ssm:DeleteParameter", arn("ssm", "parameter/demo-canary-web-version")),
        ("dynamodb:DeleteItem", f"arn:aws:iam::{templates.ACCOUNT}:LockTable"),
        ("lambda:InvokeFunction", arn("lambda", f"function:{STACK}-rollback")),
        ("lambda:UpdateFunctionCode", arn("lambda", f"function:{STACK}-rollback")),
        ("states:StartExecution", arn("states", f"stateMachine:{STACK}-canary")),
        ("states:StopExecution", arn("states", f"execution:{STACK}-canary:x")),
        ("s3:PutObject", "arn:aws:s3:::artifacts/rollback.zip"),
    ],
)
def test_what_deploys_and_what_others_own_is_denied_whatever_is_attached(action: str, resource: str) -> None:
    assert decides(action, resource) == "Deny"
    assert decides(action, resource, attached=True) == "Deny"


@pytest.mark.parametrize("service", ["lambda.amazonaws.com", "ec2.amazonaws.com", "cloudformation.amazonaws.com"])
def test_roles_are_passed_to_tasks_only_and_only_an_environments_own(service: str) -> None:
    task = f"{ROLE}demo-TaskRole"
    assert decides("iam:PassRole", task, **TO_TASKS) == "Allow"
    for attached in (False, True):
        assert decides("iam:PassRole", task, attached=attached, iam__PassedToService=service) == "Deny"
        assert decides("iam:PassRole", f"{ROLE}Administrator", attached=attached, **TO_TASKS) == "Deny"


@pytest.mark.parametrize(
    ("action", "mine", "other", "keys"),
    [
        ("iam:PassRole", f"{ROLE}team-a-TaskRole", f"{ROLE}payments-TaskRole", TO_TASKS),
        (
            "appmesh:CreateVirtualNode", arn("appmesh", "mesh/team-a/virtualNode/x-1"),
            arn("appmesh", "mesh/prod/virtualNode/x-1"), {},
        ),
        ("ecs:CreateService", arn("ecs", "service/team-a/x-1"), arn("ecs", "service/prod/x-1"), {}),
        ("ecs:DeleteService", arn("ecs", "service/team-a/x-1"), arn("ecs", "service/prod/x-1"), {}),
        ("ecs:UpdateService", arn("ecs", "service/team-a/x-1"), arn("ecs", "service/prod/x-1"), {}),
    ],
)  # fmt: skip
def test_a_shared_stack_of_one_environment_reaches_no_other(
    action: str, mine: str, other: str, keys: dict[str, str]
) -> None:
    assert decides(action, mine, environments="team-a", **keys) == "Allow"
    assert decides(action, other, environments="team-a", **keys) in ("Deny", "ImplicitDeny")
    assert decides(action, other, **keys) == "Allow", "by default one shared stack serves every environment"


def test_what_a_team_attaches_works_where_it_is_nobody_elses() -> None:
    for action in ("sqs:CreateQueue", "s3:CreateBucket", "logs:CreateLogGroup", "ssm:PutParameter"):
        assert decides(action, arn("ssm", "parameter/team"), attached=True) == "Allow"
        assert decides(action, arn("ssm", "parameter/team")) == "ImplicitDeny"
