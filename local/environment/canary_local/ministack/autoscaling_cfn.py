"""`AWS::ApplicationAutoScaling::*` in CloudFormation, kept as records.

Nothing scales here. A template that lets AWS scale its service is created and deleted all the same, and what the API would
refuse is refused: a service that does not exist, bounds the wrong way round, a policy without its target.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from .patching import expect

_TYPE = "AWS::ApplicationAutoScaling"
_NAMESPACE = "ecs"
_DIMENSION = "ecs:service:DesiredCount"

# The targets that stand, by physical id, with their properties.
_targets: dict[str, dict[str, Any]] = {}


class AutoScalingError(ValueError):
    """Application Auto Scaling refused a call; the text is the reason shown in the stack's events."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f'Resource handler returned message: "{message} (Service: ApplicationAutoScaling, Status Code: 400)" '
            f"(RequestToken: {new_uuid()}, HandlerErrorCode: InvalidRequest)"
        )


def register() -> None:
    """Adds both types to ministack's CloudFormation."""
    handlers = expect(provisioners, "_RESOURCE_HANDLERS", dict)
    expect(ecs, "_services")
    handlers[f"{_TYPE}::ScalableTarget"] = {"create": create_target, "delete": delete_target}
    handlers[f"{_TYPE}::ScalingPolicy"] = {"create": create_policy, "delete": delete_policy}


def create_target(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    """Registers a service as scalable; the physical id is CloudFormation's: resource, dimension, namespace."""
    dimension, namespace, resource = props["ScalableDimension"], props["ServiceNamespace"], str(props["ResourceId"])
    if (namespace, dimension) != (_NAMESPACE, _DIMENSION):
        raise AutoScalingError(f"Unsupported service namespace, resource type or scalable dimension: {dimension}")
    if resource.removeprefix("service/") not in ecs._services:
        raise AutoScalingError(f"ECS service doesn't exist: {resource}")
    low, high = int(props["MinCapacity"]), int(props["MaxCapacity"])
    if low > high:
        raise AutoScalingError("Minimum capacity cannot be greater than maximum capacity")
    physical_id = f"{resource}|{dimension}|{namespace}"
    _targets[physical_id] = props
    return physical_id, {"Id": physical_id}


def delete_target(physical_id: str, props: dict[str, Any]) -> None:
    """Deregisters the service; one that is gone already is fine."""
    _targets.pop(physical_id, None)


def create_policy(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    """Attaches a policy to a target; the physical id is its ARN, as `Ref` returns it."""
    target = str(
        props.get("ScalingTargetId")
        or "|".join(str(props.get(name)) for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
    )
    if target not in _targets:
        raise AutoScalingError(f"No scalable target registered for {target}")
    resource = _targets[target]["ResourceId"]
    arn = (
        f"arn:aws:autoscaling:{get_region()}:{get_account_id()}:scalingPolicy:{new_uuid()}"
        f":resource/{_NAMESPACE}/{resource}:policyName/{props['PolicyName']}"
    )
    return arn, {"Arn": arn, "PolicyName": props["PolicyName"]}


def delete_policy(physical_id: str, props: dict[str, Any]) -> None:
    """Nothing stands but the stack's own record."""
