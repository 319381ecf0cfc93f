"""`AWS::StepFunctions::StateMachineVersion` and `StateMachineAlias` in CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners

from . import state_machine_versions
from .patching import expect, expect_function, wrap

_TYPE = "AWS::StepFunctions::StateMachine"

Made = tuple[str, dict[str, Any]]


class StepFunctionsError(ValueError):
    """Step Functions refused a call; the text is the reason shown in the stack's events."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f'Resource handler returned message: "{message}" (RequestToken: {new_uuid()}, HandlerErrorCode: InvalidRequest)'
        )


def register() -> None:
    """Adds both types, and has versions and aliases go with their state machine."""
    handlers = expect(provisioners, "_RESOURCE_HANDLERS", dict)
    for name in (
        "_publish_state_machine_version", "_delete_state_machine_version", "_create_state_machine_alias",
        "_update_state_machine_alias", "_delete_state_machine_alias",
    ):  # fmt: skip
        expect_function(stepfunctions, name, "data")
    handlers[f"{_TYPE}Version"] = {"create": create_version, "update": replace_version, "delete": delete_version}
    handlers[f"{_TYPE}Alias"] = {"create": create_alias, "update": update_alias, "delete": delete_alias}
    wrap(provisioners, "_sfn_state_machine_delete", ("physical_id", "props"), _forgetting)
    handlers[_TYPE]["delete"] = provisioners._sfn_state_machine_delete


def create_version(logical_id: str, props: dict[str, Any], stack_name: str) -> Made:
    """Publishes the state machine as it is. A revision that is published already is not published again, as on AWS."""
    machine = props["StateMachineArn"]
    current = (stepfunctions._state_machines.get(machine) or {}).get("revisionId")
    wanted = props.get("StateMachineRevisionId") or current
    versions = stepfunctions._state_machine_versions
    for arn in versions:
        made = versions[arn]
        if (made["stateMachineArn"], made["stateMachineRevisionId"]) == (machine, wanted):
            return arn, {"Arn": arn}
    request = {"stateMachineArn": machine, "revisionId": wanted, "description": props.get("Description", "")}
    arn = _answered(stepfunctions._publish_state_machine_version(request))["stateMachineVersionArn"]
    return arn, {"Arn": arn}


def replace_version(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Made:
    """Every property of a version requires replacement; the engine deletes the old one, or keeps it by its policy."""
    return create_version("", new, stack_name) if old != new else (physical_id, {"Arn": physical_id})


def delete_version(physical_id: str, props: dict[str, Any]) -> None:
    """Deletes the version; one that is gone already is fine, one that an alias leads to is not."""
    _answered(stepfunctions._delete_state_machine_version({"stateMachineVersionArn": physical_id}))


def create_alias(logical_id: str, props: dict[str, Any], stack_name: str) -> Made:
    """Creates the alias; the physical id is its ARN."""
    request = {"name": props.get("Name") or logical_id, **_alias(props)}
    arn = _answered(stepfunctions._create_state_machine_alias(request))["stateMachineAliasArn"]
    return arn, {"Arn": arn}


def update_alias(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Made:
    """Leads the alias elsewhere. Another name is another alias."""
    if old.get("Name") != new.get("Name"):
        return create_alias("", new, stack_name)
    _answered(stepfunctions._update_state_machine_alias({"stateMachineAliasArn": physical_id, **_alias(new)}))
    return physical_id, {"Arn": physical_id}


def delete_alias(physical_id: str, props: dict[str, Any]) -> None:
    """Deletes the alias; one that is gone already is fine."""
    stepfunctions._delete_state_machine_alias({"stateMachineAliasArn": physical_id})


def _alias(props: dict[str, Any]) -> dict[str, Any]:
    routes = [
        {"stateMachineVersionArn": route["StateMachineVersionArn"], "weight": int(route["Weight"])}
        for route in props.get("RoutingConfiguration", [])
    ]
    return {"description": props.get("Description", ""), "routingConfiguration": routes}


def _forgetting(original: Callable[..., None]) -> Callable[..., None]:
    def delete(physical_id: str, props: dict[str, Any]) -> None:
        state_machine_versions.forget(physical_id)
        original(physical_id, props)

    return delete


def _answered(response: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    document = json.loads(response[2])
    if response[0] >= 400:
        raise StepFunctionsError(document.get("message") or document.get("Message") or str(document))
    return document
