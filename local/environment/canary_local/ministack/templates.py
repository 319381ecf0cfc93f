"""What CloudFormation says of a template: a parameter without a default is said to have none."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ministack.services.cloudformation import handlers

from .patching import IncompatibleMinistack, expect, expect_function, wrap

_DESCRIBING = {"ValidateTemplate": "_validate_template", "GetTemplateSummary": "_get_template_summary"}

Response = tuple[int, dict[str, str], bytes]


def register() -> None:
    """Corrects the two operations whose answers list a template's parameters."""
    expect_function(handlers, "_resolve_template", "params")
    expect_function(handlers, "_resolve_stack", "stack_name")
    expect_function(handlers, "_parse_template", "template_body")
    expect_function(handlers, "_p", "params", "key", "default")
    actions = expect(handlers, "_ACTION_HANDLERS", dict)
    for action, name in _DESCRIBING.items():
        if actions.get(action) is not expect(handlers, name):
            raise IncompatibleMinistack(f"`{handlers.__name__}.{name}` does not answer `{action}`")
        wrap(handlers, name, ("params",), _with_true_defaults)
        actions[action] = getattr(handlers, name)


def _with_true_defaults(original: Callable[[Any], Response]) -> Callable[[Any], Response]:
    def describe(params: Any) -> Response:
        """ministack gives every parameter a DefaultValue, an empty one where the template has none."""
        status, headers, body = original(params)
        if status < 400:
            for name, definition in (_template(params).get("Parameters") or {}).items():
                if "Default" not in definition:
                    key = f"<ParameterKey>{escape(name)}</ParameterKey>".encode()
                    body = body.replace(key + b"<DefaultValue></DefaultValue>", key)
        return status, headers, body

    return describe


def _template(params: Any) -> dict[str, Any]:
    body, _ = handlers._resolve_template(params)
    return handlers._parse_template(body or handlers._resolve_stack(handlers._p(params, "StackName"))["_template_body"])
