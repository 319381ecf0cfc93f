"""Step Functions invokes functions with the rights of the state machine's role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.services import stepfunctions

from . import aws_calls
from .acting_roles import ActingRole
from .patching import expect, wrap
from .state_machine_versions import running_role

_ACTION = "lambda:InvokeFunction"
_SESSION = "StepFunctions"


def register() -> None:
    """Checks each invocation that an execution makes. A role's right to a function is none to its versions, and vice versa."""
    expect(app, "AUTH", bool)
    expect(stepfunctions, "_ExecutionError", type)
    wrap(stepfunctions, "_call_lambda", ("func_ref", "event"), _checked)


def _checked(original: Callable[..., Any]) -> Callable[..., Any]:
    def call_lambda(func_ref: Any, event: Any) -> Any:
        role = running_role()
        if app.AUTH and role and str(func_ref).startswith("arn:"):
            _check(ActingRole(role, _SESSION), str(func_ref))
        return original(func_ref, event)

    return call_lambda


def _check(acting: ActingRole, function: str) -> None:
    allowed = acting.decide(_ACTION, function).decision == "Allow"
    aws_calls.note(acting.principal, _ACTION, function, allowed)
    if not allowed:
        raise stepfunctions._ExecutionError(
            "Lambda.AWSLambdaException",
            f"User: {acting.principal} is not authorized to perform: {_ACTION} on resource: {function} because no "
            f"identity-based policy allows the {_ACTION} action (Service: Lambda, Status Code: 403)",
        )
