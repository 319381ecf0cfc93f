"""`AWS::ECS::TaskDefinition` and `AWS::ECS::Service` as CloudFormation treats them: every property reaches ECS,
and a service is created when its deployment is steady, not when its record exists."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from . import ecs_tasks, last_words, stacks
from .casing import operation, to_api
from .patching import IncompatibleMinistack, expect, expect_function

# Least time that creating a service takes, so that callers must poll as they must on AWS; deletion takes half.
STACK_SECONDS = "CANARY_LOCAL_STACK_SECONDS"
DEFAULT_STACK_SECONDS = 3.0
# CloudFormation gives up on a service that never becomes steady after three hours; nobody waits for that here.
STEADY_SECONDS = 600.0
# Properties that CloudFormation itself interprets, or that only its read side has.
_NOT_PARAMETERS = ("ForceNewDeployment", "Name", "ServiceArn", "TaskDefinitionArn")
_CANCELLED = "Resource creation cancelled"
_REPLACING = ("Cluster", "LaunchType", "Role", "SchedulingStrategy", "ServiceName")


class ServiceFailed(ValueError):
    """The service cannot become steady; the text is the reason in the stack's events."""


def register() -> None:
    """Replaces ministack's own two types."""
    handlers = expect(provisioners, "_RESOURCE_HANDLERS", dict)
    for name in ("_services", "_task_defs", "_tags"):
        expect(ecs, name)
    for name in ("_register_task_definition", "_create_service", "_update_service", "_delete_service"):
        expect_function(ecs, name, "data")
    for resource, replaced in (("TaskDefinition", _task_definition()), ("Service", _service())):
        existing = handlers.get(f"AWS::ECS::{resource}")
        if not existing or "create" not in existing:
            raise IncompatibleMinistack(f"it has no `AWS::ECS::{resource}` to replace")
        handlers[f"AWS::ECS::{resource}"] = {**existing, **replaced}


def _task_definition() -> dict[str, Any]:
    return {
        "create": create_task_definition,
        "update": update_task_definition,
        "update_with_logical_id": True,
    }


def _service() -> dict[str, Any]:
    return {
        "create": create_service,
        "update": update_service,
        "update_with_logical_id": True,
        "delete": delete_service,
    }


def create_task_definition(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    """Registers the task definition through ECS itself, so that nothing of it is lost."""
    data = to_api("ecs", "RegisterTaskDefinition", {k: v for k, v in props.items() if k not in _NOT_PARAMETERS})
    data.setdefault("family", f"{stack_name}-{logical_id}-{new_uuid()[:12]}")
    definition = _result(ecs._register_task_definition(data))["taskDefinition"]
    arn = definition["taskDefinitionArn"]
    # RegisterTaskDefinition keeps a fixed list of fields; the rest belongs to the record just as much.
    record = ecs._task_defs[arn.rsplit("/", 1)[-1]]
    for name, value in data.items():
        if name != "tags":
            record.setdefault(name, value)
    return arn, {"TaskDefinitionArn": arn}


def update_task_definition(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Every change but one of tags makes a new revision."""
    if {k: v for k, v in old.items() if k != "Tags"} != {k: v for k, v in new.items() if k != "Tags"}:
        return create_task_definition(logical_id or physical_id, new, stack_name)
    ecs._tags[physical_id] = [{"key": tag["Key"], "value": tag["Value"]} for tag in new.get("Tags") or []]
    return physical_id, {"TaskDefinitionArn": physical_id}


def create_service(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    """Creates the service and waits until it is steady. A service that fails is removed again."""
    started = time.monotonic()
    data = to_api("ecs", "CreateService", {k: v for k, v in props.items() if k not in _NOT_PARAMETERS})
    data.setdefault("serviceName", f"{stack_name}-{logical_id}-{new_uuid()[:12]}")
    if "desiredCount" not in data and data.get("schedulingStrategy") != "DAEMON":
        data["desiredCount"] = 1
    service = _result(ecs._create_service(data))["service"]
    key = _key(service["serviceArn"])
    try:
        _await_steady(key, stack_name)
        _take_at_least(stack_seconds(), started)
    except ServiceFailed:
        # CloudFormation rolls back what it knows by physical id, and this resource never gets one.
        delete_service(service["serviceArn"], {})
        raise
    return service["serviceArn"], {"ServiceArn": service["serviceArn"], "Name": service["serviceName"]}


def update_service(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Applies what changed and waits until the new deployment is steady."""
    started = time.monotonic()
    if any(old.get(name) != new.get(name) for name in _REPLACING):
        return create_service(logical_id or physical_id, new, stack_name)
    members = {member.lower() for member in operation("ecs", "UpdateService").input_shape.members}
    changed = {
        name: new[name]
        for name in new
        if new[name] != old.get(name) and name.lower() in members and name not in _REPLACING
    }
    key = _key(physical_id)
    cluster, name = key.split("/", 1)
    data = {**to_api("ecs", "UpdateService", changed), "cluster": cluster, "service": name}
    if new.get("ForceNewDeployment") != old.get("ForceNewDeployment"):
        data["forceNewDeployment"] = True
    _result(ecs._update_service(data))
    _await_steady(key, stack_name)
    _take_at_least(stack_seconds(), started)
    return physical_id, {"ServiceArn": physical_id, "Name": name}


def delete_service(physical_id: str, props: dict[str, Any]) -> None:
    """Deletes the service; returns when its tasks are drained and gone."""
    started = time.monotonic()
    cluster, name = _key(physical_id).split("/", 1)
    status, _, body = ecs._delete_service({"cluster": cluster, "service": name, "force": True})
    if status >= 400 and b"ServiceNotFoundException" not in body:
        raise ServiceFailed(_message(body))
    ecs_tasks.announce()
    _take_at_least(stack_seconds() / 2, started)


def stack_seconds() -> float:
    """The least time, in seconds, that creating a service takes."""
    return float(os.environ.get(STACK_SECONDS, DEFAULT_STACK_SECONDS))


def _await_steady(key: str, stack_name: str) -> None:
    deadline = time.monotonic() + STEADY_SECONDS
    with ecs_tasks.deployments_changed:
        while not _is_steady(key):
            if stacks.cancelled(stack_name):
                raise ServiceFailed(_CANCELLED)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ServiceFailed(
                    'Resource handler returned message: "Exceeded attempts to wait" '
                    f"(RequestToken: {new_uuid()}, HandlerErrorCode: NotStabilized)"
                )
            # The time limit is only a safety net against a change that nobody announced.
            ecs_tasks.deployments_changed.wait(min(remaining, 1.0))


def _is_steady(key: str) -> bool:
    service = ecs._services.get(key)
    if service is None or service["status"] != "ACTIVE":
        raise ServiceFailed(_CANCELLED)
    # A failed deployment that was rolled back is no longer PRIMARY, so it is looked for everywhere.
    if any(deployment["rolloutState"] == "FAILED" for deployment in service["deployments"]):
        raise ServiceFailed(
            "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker "
            f"was triggered'.\" (RequestToken: {new_uuid()}, HandlerErrorCode: GeneralServiceException)"
            # On AWS one has to ask ECS for this, before the task is forgotten.
            f" Last stopped task: {_last_stopped_reason(service)}"
        )
    primary = next(d for d in service["deployments"] if d["status"] == "PRIMARY")
    return primary["rolloutState"] == "COMPLETED"


def _last_stopped_reason(service: dict[str, Any]) -> str:
    group = f"service:{service['serviceName']}"
    stopped = [
        task
        for task in list(ecs._tasks.values())
        if task.get("group") == group and task["clusterArn"] == service["clusterArn"] and task.get("stoppedReason")
    ]
    return last_words.told(max(stopped, key=lambda task: task["stoppedAt"])) if stopped else "none"


def _take_at_least(seconds: float, started: float) -> None:
    threading.Event().wait(max(0.0, started + seconds - time.monotonic()))


def _key(service_arn: str) -> str:
    return service_arn.split(":service/", 1)[-1]


def _result(response: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    status, _, body = response
    if status >= 400:
        raise ServiceFailed(
            f'Resource handler returned message: "{_message(body)} (Service: Ecs, Status Code: {status})" '
            f"(RequestToken: {new_uuid()}, HandlerErrorCode: InvalidRequest)"
        )
    return json.loads(body)


def _message(body: bytes) -> str:
    document = json.loads(body)
    return str(document.get("message") or document.get("Message") or document)
