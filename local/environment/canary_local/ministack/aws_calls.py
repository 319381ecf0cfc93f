"""Every decision of IAM, App Mesh's too, as one line of JSON: when, who, which action, on what, and whether it was allowed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ministack.core import iam_evaluator

from .patching import expect, expect_function, wrap

# The environment variable that names the file. Without it nothing is recorded.
FILE = "CANARY_LOCAL_AWS_CALLS"
# The file that is open, if there is one.
_file: list[int] = []
_ENFORCE_PARAMETERS = ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context")


def register() -> None:
    """Records from now on. The account's root is bound by no policy, so nothing is decided about it and it is left out."""
    path = os.environ.get(FILE)
    if not path:
        return
    expect_function(iam_evaluator, "caller_arn")
    expect(iam_evaluator, "EvalResult", type)
    # Lines are appended whole by one write each, so that threads and readers see no half of one.
    _file.append(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    wrap(iam_evaluator, "enforce", _ENFORCE_PARAMETERS, _recorded)


def note(principal: str, action: str, resource: str, allowed: bool) -> None:
    """Records one decision."""
    for file in _file:
        os.write(file, _line(principal, action, resource, allowed))


def _recorded(original: Callable[..., Any]) -> Callable[..., Any]:
    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = original(access_key_id, iam_action, service, region, resource_arn, service_context)
        principal = iam_evaluator.caller_arn()
        # Anything else than a result is a caller that IAM does not know.
        known = denied is None or isinstance(denied, iam_evaluator.EvalResult)
        if known and not principal.endswith(":root"):
            note(principal, iam_action, resource_arn, denied is None)
        return denied

    return enforce


def _line(principal: str, action: str, resource: str, allowed: bool) -> bytes:
    call = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "principal": principal,
        "role": _role(principal),
        "action": action,
        "resource": resource,
        "allowed": allowed,
    }
    return json.dumps(call).encode() + b"\n"


def _role(principal: str) -> str | None:
    """`arn:aws:sts::111122223333:assumed-role/NAME/SESSION` -> `NAME`."""
    kind, _, names = principal.rsplit(":", 1)[-1].partition("/")
    return names.split("/")[0] if kind == "assumed-role" else None
