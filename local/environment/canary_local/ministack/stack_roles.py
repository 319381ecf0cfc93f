"""CloudFormation makes and deletes a stack's resources with the rights of the stack's service role, if it was given one."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions
from ministack.core.responses import new_uuid
from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, stacks

from . import aws_calls
from .acting_roles import ActingRole
from .patching import IncompatibleMinistack, expect, wrap
from .stack_rights import Right, to_create, to_delete, to_resolve

# The role's name, on the stack's record.
_ROLE = "_canary_role"
_SESSION = "AWSCloudFormation"
_PROVISION = ("resource_type", "logical_id", "props", "stack_name")
_DELETE = ("resource_type", "physical_id", "props", "stack_name", "logical_id")
_RESOLVE = ("value", "previous", "reuse_ssm", "reuse_secrets")
_TAG_CONTEXT = ("service", "iam_action", "body", "params")

# The role of the stack whose deployment is running here.
_acting: contextvars.ContextVar[str | None] = contextvars.ContextVar("canary_stack_role", default=None)


class NotAuthorized(ValueError):
    """A role lacks a right; the text is the reason shown in the stack's events."""

    def __init__(self, principal: str, right: Right, explicit: bool) -> None:
        action, resource = right.actions[0], right.resource or "*"
        because = (
            "with an explicit deny" if explicit else f"because no identity-based policy allows the {action} action"
        )
        super().__init__(
            f'Resource handler returned message: "User: {principal} is not authorized to perform: {action} on resource: '
            f'{resource} {because}" (RequestToken: {new_uuid()}, HandlerErrorCode: AccessDenied)'
        )


def register() -> None:
    """Checks each resource right before it is made or deleted."""
    expect(cloudformation, "_stacks")
    actions = expect(handlers, "_ACTION_HANDLERS", dict)
    if actions.get("CreateStack") is not expect(handlers, "_create_stack"):
        raise IncompatibleMinistack(f"`{handlers.__name__}._create_stack` does not answer `CreateStack`")
    wrap(handlers, "_create_stack", ("params",), _with_role)
    actions["CreateStack"] = handlers._create_stack
    wrap(stacks, "_provision_resource", _PROVISION, _provisioning)
    wrap(stacks, "_delete_resource", _DELETE, _deleting)
    wrap(stacks, "_resolve_dynamic_references", _RESOLVE, _resolving)
    wrap(iam_actions, "request_tag_context", _TAG_CONTEXT, _with_role_key)


def _with_role(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create_stack(params: Any) -> Any:
        """The deployment begins after this has returned, in a task that keeps the role."""
        arn = handlers._p(params, "RoleARN")
        role = arn.rsplit("/", 1)[-1] if arn else None
        token = _acting.set(role)
        try:
            answer = original(params)
        finally:
            _acting.reset(token)
        if role and answer[0] < 400:
            cloudformation._stacks[handlers._p(params, "StackName")][_ROLE] = role
        return answer

    return create_stack


def _with_role_key(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def context(service: str, iam_action: str, body: bytes, params: dict) -> dict[str, Any]:
        """The condition key `cloudformation:RoleArn`: the role that a request names."""
        keys = original(service, iam_action, body, params)
        if service == "cloudformation":
            given = {**params, **parse_qs(body.decode(errors="replace"))}.get("RoleARN")
            if given:
                keys = {**keys, "cloudformation:RoleArn": given[0] if isinstance(given, list) else given}
        return keys

    return context


def _provisioning(original: Callable[..., Any]) -> Callable[..., Any]:
    def provision(resource_type: str, logical_id: str, props: dict, stack_name: str) -> Any:
        _check(_role_of(stack_name), to_create(resource_type, props))
        return original(resource_type, logical_id, props, stack_name)

    return provision


def _deleting(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete(
        resource_type: str, physical_id: str, props: dict, stack_name: str | None = None, logical_id: str | None = None
    ) -> Any:
        _check(_role_of(stack_name), to_delete(resource_type, physical_id, props))
        return original(resource_type, physical_id, props, stack_name, logical_id)

    return delete


def _resolving(original: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(value: Any, previous: dict | None = None, reuse_ssm: bool = False, reuse_secrets: bool = False) -> Any:
        _check(_acting.get(), to_resolve(value))
        return original(value, previous, reuse_ssm, reuse_secrets)

    return resolve


def _role_of(stack_name: str | None) -> str | None:
    return (cloudformation._stacks.get(stack_name) or {}).get(_ROLE) if stack_name else None


def _check(role: str | None, rights: Iterable[Right]) -> None:
    """Raises `NotAuthorized` for the first right that the role lacks. A stack without a role is its maker's own affair."""
    if role is None:
        return
    acting = ActingRole(role, _SESSION)
    for right in rights:
        keys = {"iam:passedtoservice": right.passed_to} if right.passed_to else {}
        results = [acting.decide(action, right.resource, **keys) for action in right.actions]
        explicit = any(result.decision == "Deny" for result in results)
        allowed = not explicit and any(result.decision == "Allow" for result in results)
        aws_calls.note(acting.principal, right.actions[0], right.resource or "*", allowed)
        if not allowed:
            raise NotAuthorized(acting.principal, right, explicit)
