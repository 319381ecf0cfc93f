"""App Mesh as one more service behind ministack's endpoint, with IAM in front of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id, get_region

from . import appmesh_arns
from .engine import Engine, EngineError
from .patching import expect, expect_function, wrap

SERVICE = "appmesh"
_RESOURCE_ARN_PARAMETERS = ("service", "method", "path", "headers", "body", "query_params", "region", "account_id")
_DENIAL_PARAMETERS = (
    "service", "action", "principal_arn", "request_id", "error_code", "message", "headers",
    "resource_arn", "explicit_deny", "resource_policy_arn",
)  # fmt: skip
_FORWARDED_HEADERS = ("content-type", "x-amzn-errortype")

Response = tuple[int, dict[str, str], bytes]


def account_headers() -> dict[str, str]:
    """Whose request it is, for the App Mesh API that does not authenticate by itself."""
    return {
        "x-canary-account": get_account_id(),
        "x-canary-region": get_region(),
        "content-type": "application/json",
    }


def register(engine: Engine) -> None:
    """Routes App Mesh requests to the data plane and lets IAM judge them."""
    expect(app, "SERVICE_REGISTRY", dict)[SERVICE] = {"module": SERVICE}
    expect(app, "SERVICE_HANDLERS", dict)[SERVICE] = _handler(engine)
    # The handler lives in the data plane, so there is nothing to import, save or reset in this process.
    expect(app, "_loaded_modules", dict)[SERVICE] = object()
    expect(router, "SERVICE_PATTERNS", dict)[SERVICE] = {
        "host_patterns": [r"appmesh\."],
        "credential_scope": SERVICE,
        "path_prefixes": [appmesh_arns.PREFIX],
    }
    # Unsigned requests carry no credential scope: without this they would be taken for S3's.
    wrap(app, "detect_service", ("method", "path", "headers", "query_params"), _detect)
    expect(iam_actions, "SERVICE_TO_IAM_NAMESPACE", dict)[SERVICE] = SERVICE
    expect(iam_actions, "_BOTOCORE_SERVICE_MAP", dict)[SERVICE] = [SERVICE]
    wrap(iam_actions, "extract_resource_arn", _RESOURCE_ARN_PARAMETERS, _resource_arn)
    expect_function(iam_actions, "identity_denial_message", "action", "principal_arn", "resource", "explicit_deny")
    wrap(iam_actions, "access_denied_response", _DENIAL_PARAMETERS, _denied)


def _handler(engine: Engine) -> Callable[..., Any]:
    async def handle(method: str, path: str, headers: dict, body: bytes, query: dict) -> Response:
        target = quote(path, safe="/-_.~") + (f"?{urlencode(query, doseq=True)}" if query else "")
        try:
            reply = await asyncio.to_thread(engine.send, method, target, body, account_headers())
        except EngineError as error:
            return _fault(503, "ServiceUnavailableException", str(error))
        return reply.status, {k: v for k, v in reply.headers.items() if k in _FORWARDED_HEADERS}, reply.body

    return handle


def _fault(status: int, code: str, message: str) -> Response:
    """An error as AWS's restJson1 writes it."""
    headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return status, headers, json.dumps({"message": message}).encode()


def _detect(original: Callable[..., str]) -> Callable[..., str]:
    def detect_service(method: str, path: str, headers: dict, query_params: dict) -> str:
        if path.startswith(appmesh_arns.PREFIX):
            return SERVICE
        return original(method, path, headers, query_params)

    return detect_service


def _resource_arn(original: Callable[..., str]) -> Callable[..., str]:
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
        if service == SERVICE:
            return appmesh_arns.resource_arn(method, path, query_params, body, region, account_id)
        return original(service, method, path, headers, body, query_params, region, account_id)

    return extract_resource_arn


def _denied(original: Callable[..., Response]) -> Callable[..., Response]:
    def access_denied_response(
        service: str,
        action: str,
        principal_arn: str,
        request_id: str,
        *,
        error_code: str = "",
        resource_arn: str = "*",
        explicit_deny: bool = False,
        **rest: Any,
    ) -> Response:
        if service == SERVICE and not error_code:
            message = iam_actions.identity_denial_message(action, principal_arn, resource_arn, explicit_deny)
            return _fault(403, "AccessDeniedException", message)
        return original(
            service, action, principal_arn, request_id,
            error_code=error_code, resource_arn=resource_arn, explicit_deny=explicit_deny, **rest,
        )  # fmt: skip

    return access_denied_response
