"""The resource and the condition keys by which IAM judges a request, where ministack takes others than AWS.

Sources: AWS's service authorization reference for ECS and Step Functions; "Authorization for versions and aliases" in the Step
Functions developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region

from .patching import wrap

_RESOURCE = ("service", "method", "path", "headers", "body", "query_params", "region", "account_id")
_KEYS = ("service", "iam_action", "body", "params")
# Operation of ECS -> the kind of resource, and the member that names it. Others are about the cluster, as ministack has them.
_ECS = {"DescribeServices": ("service", "services"), "DescribeTasks": ("task", "tasks")}


def register() -> None:
    """Replaces what IAM is asked about requests to ECS and Step Functions."""
    wrap(iam_actions, "extract_resource_arn", _RESOURCE, _with_resource)
    wrap(iam_actions, "request_tag_context", _KEYS, _with_keys)


def _with_resource(original: Callable[..., str]) -> Callable[..., str]:
    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict,
        body: bytes,
        query_params: dict,
        region: str,
        account_id: str,
    ) -> str:
        resource = original(service, method, path, headers, body, query_params, region, account_id)
        if service == "states":
            return _unqualified(resource)[0]
        if service == "ecs":
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            return _of_ecs(operation, _document(body), f"arn:aws:ecs:{region}:{account_id}:") or resource
        return resource

    return extract_resource_arn


def _of_ecs(operation: str, request: dict[str, Any], prefix: str) -> str | None:
    """None where the request is about what ministack takes it to be about."""
    if operation == "ListTasks":
        # Its resource type is the container instance, which Fargate has none of.
        return "*"
    if operation not in _ECS:
        return None
    kind, member = _ECS[operation]
    named = (request.get(member) or [""])[0]
    return named if named.startswith("arn:") else f"{prefix}{kind}/{_cluster(request)}/{named}"


def _with_keys(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def context(service: str, iam_action: str, body: bytes, params: dict) -> dict[str, Any]:
        keys = original(service, iam_action, body, params)
        request = _document(body)
        if service == "states" and (qualifier := _unqualified(str(request.get("stateMachineArn") or ""))[1]):
            keys = {**keys, "states:StateMachineQualifier": [qualifier]}
        if service == "ecs":
            cluster = f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{_cluster(request)}"
            keys = {**keys, "ecs:cluster": cluster}
        return keys

    return context


def _unqualified(arn: str) -> tuple[str, str]:
    """The ARN of a state machine without version or alias, and that; any other ARN as it is."""
    parts = arn.split(":")
    if len(parts) == 8 and parts[5] == "stateMachine":
        return ":".join(parts[:7]), parts[7]
    return arn, ""


def _cluster(request: dict[str, Any]) -> str:
    return str(request.get("cluster") or "default").rpartition("/")[2]


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
