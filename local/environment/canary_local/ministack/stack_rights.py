"""Which rights CloudFormation uses to make and to delete a resource, by the resource's type.

The types of a version's template are judged by the very resources that AWS names in its service authorization reference. Of any
other type only the action that makes it is known, from its name, and it is judged by whether the role has it for anything at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ministack.core.responses import get_account_id, get_region

from . import appmesh_arns
from .appmesh_cfn import KINDS, SERVICE
from .casing import to_api

# Judged by any resource: a role that has the action for something has the right.
ANYTHING = None

Properties = dict[str, Any]


class Right(NamedTuple):
    """Any one of `actions` on `resource`. `passed_to` is the service that a role is passed to, for conditions to ask."""

    actions: tuple[str, ...]
    resource: str | None
    passed_to: str | None = None


def to_create(resource_type: str, properties: Properties) -> list[Right]:
    """What CloudFormation needs to make the resource."""
    return list(_OF_VERSIONS.get(resource_type, _named_after)(resource_type, properties))


def to_delete(resource_type: str, physical_id: str, properties: Properties) -> list[Right]:
    """What it needs to delete it; nothing is asked for a type that no version's template has."""
    return list(_DELETING[resource_type](physical_id, properties)) if resource_type in _DELETING else []


_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^}]+)\}\}")


def to_resolve(properties: Any) -> list[Right]:
    """What it needs to read the values that the properties refer to, `{{resolve:ssm:name}}`."""
    found = sorted(set(_REFERENCE.findall(json.dumps(properties, default=str))))
    return [right for kind, value in found for right in _reading(kind, value)]


def _reading(kind: str, value: str) -> Iterator[Right]:
    if kind == "secretsmanager":
        arn = value if value.startswith("arn:") else _arn("secretsmanager", f"secret:{value.split(':')[0]}")
        yield Right(("secretsmanager:GetSecretValue",), arn)
    else:
        yield Right(("ssm:GetParameters",), _arn("ssm", f"parameter/{value.split(':')[0].lstrip('/')}"))


def _arn(service: str, resource: str) -> str:
    region = "" if service == "iam" else get_region()
    return f"arn:aws:{service}:{region}:{get_account_id()}:{resource}"


def _service(_: str, properties: Properties) -> Iterator[Right]:
    service = _arn("ecs", f"service/{_last(properties.get('Cluster', 'default'))}/{properties.get('ServiceName', '*')}")
    yield Right(("ecs:CreateService",), service)
    if _tagged(properties):
        yield Right(("ecs:TagResource",), service)


def _task_definition(_: str, properties: Properties) -> Iterator[Right]:
    definition = _arn("ecs", f"task-definition/{properties.get('Family', '*')}:*")
    yield Right(("ecs:RegisterTaskDefinition",), definition)
    if _tagged(properties):
        yield Right(("ecs:TagResource",), definition)
    for name in ("TaskRoleArn", "ExecutionRoleArn"):
        if role := properties.get(name):
            arn = str(role) if str(role).startswith("arn:") else _arn("iam", f"role/{role}")
            yield Right(("iam:PassRole",), arn, "ecs-tasks.amazonaws.com")


def _discovery(_: str, properties: Properties) -> Iterator[Right]:
    namespace = properties.get("NamespaceId") or (properties.get("DnsConfig") or {}).get("NamespaceId", "*")
    yield Right(("servicediscovery:CreateService",), _arn("servicediscovery", f"namespace/{namespace}"))
    if _tagged(properties):
        yield Right(("servicediscovery:TagResource",), "*")


def _in_mesh(resource_type: str, properties: Properties) -> Iterator[Right]:
    kind = next(kind for kind in KINDS if kind.name == resource_type.rsplit("::", 1)[-1])
    path = "/".join(f"{name[0].lower()}{name[1:-4]}/{_last(properties.get(name, '*'))}" for name in kind.names)
    arn, create = _arn("appmesh", path), f"Create{kind.name}"
    body = json.dumps({"spec": to_api(SERVICE, create, properties).get("spec")})
    for judged in (arn, *appmesh_arns.named_in_spec(arn, body.encode())):
        yield Right((f"appmesh:{create}",), judged)
    if _tagged(properties):
        yield Right(("appmesh:TagResource",), arn)


def _scalable_target(_: str, properties: Properties) -> Iterator[Right]:
    # A version's stack has tags, and CloudFormation gives them to the target.
    for action in ("RegisterScalableTarget", "TagResource"):
        yield Right((f"application-autoscaling:{action}",), _arn("application-autoscaling", "scalable-target/*"))
    # Application Auto Scaling lets nobody scale a service who may not change it.
    for action in ("ecs:DescribeServices", "ecs:UpdateService"):
        yield Right((action,), _arn("ecs", str(properties.get("ResourceId", "*"))))


def _scaling_policy(_: str, properties: Properties) -> Iterator[Right]:
    yield Right(("application-autoscaling:PutScalingPolicy",), _arn("application-autoscaling", "scalable-target/*"))


def _parameter(_: str, properties: Properties) -> Iterator[Right]:
    yield Right(("ssm:PutParameter",), _arn("ssm", f"parameter/{str(properties.get('Name', '*')).lstrip('/')}"))


def _custom(_: str, properties: Properties) -> Iterator[Right]:
    """CloudFormation calls what stands behind a custom resource."""
    token = str(properties.get("ServiceToken", "*"))
    yield Right(("sns:Publish",) if ":sns:" in token else ("lambda:InvokeFunction",), token)


_CUSTOM = "AWS::CloudFormation::CustomResource"
_OF_VERSIONS: dict[str, Callable[[str, Properties], Iterator[Right]]] = {
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _task_definition,
    "AWS::ServiceDiscovery::Service": _discovery,
    "AWS::ApplicationAutoScaling::ScalableTarget": _scalable_target,
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    **{f"AWS::AppMesh::{kind.name}": _in_mesh for kind in KINDS},
    # Not a version's, but the record of one is such a parameter.
    "AWS::SSM::Parameter": _parameter,
    _CUSTOM: _custom,
}

_DELETING: dict[str, Callable[[str, Properties], Iterator[Right]]] = {
    "AWS::ECS::Service": lambda arn, _: iter([Right(("ecs:DeleteService",), arn)]),
    "AWS::ECS::TaskDefinition": lambda _, __: iter([Right(("ecs:DeregisterTaskDefinition",), "*")]),
    "AWS::ServiceDiscovery::Service": lambda name, _: iter(
        [Right(("servicediscovery:DeleteService",), _arn("servicediscovery", f"service/{_last(name)}"))]
    ),
    **{
        f"AWS::AppMesh::{kind.name}": lambda arn, _, name=kind.name: iter([Right((f"appmesh:Delete{name}",), arn)])
        for kind in KINDS
    },
}

# Types whose action is not called after them.
_IRREGULAR = {
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm",),
    "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy",),
    "AWS::IAM::Policy": ("iam:PutRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy"),
    "AWS::StepFunctions::StateMachine": ("states:CreateStateMachine",),
}
_PREFIXES = {"ElasticLoadBalancingV2": "elasticloadbalancing", "StepFunctions": "states"}
_VERBS = ("Create", "Put", "Register", "Add", "Run", "Allocate")


def _named_after(resource_type: str, properties: Properties) -> Iterator[Right]:
    """`AWS::Events::Rule` is made by `events:CreateRule` or `events:PutRule`, whichever there is."""
    if resource_type.startswith("Custom::"):
        yield from _custom(resource_type, properties)
    elif resource_type in _IRREGULAR:
        yield Right(_IRREGULAR[resource_type], ANYTHING)
    else:
        _, service, name = resource_type.split("::")
        prefix = _PREFIXES.get(service, service.lower())
        yield Right(tuple(f"{prefix}:{verb}{name}" for verb in _VERBS), ANYTHING)


def _tagged(properties: Properties) -> bool:
    """Whether it has tags besides CloudFormation's own."""
    return any(not str(tag.get("Key", "")).startswith("aws:") for tag in properties.get("Tags") or [])


def _last(name: Any) -> str:
    """A name, also of something that is given by its ARN."""
    return str(name).rsplit("/", 1)[-1]
