"""IAM for requests in Smithy's RPC v2 CBOR, as SDKs send them to CloudWatch: ministack finds no action in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import cbor2
from ministack.core import iam_actions

from .patching import expect, wrap

_ACTION_PARAMETERS = ("service", "method", "path", "headers", "body", "query_params")
_RESOURCE_ARN_PARAMETERS = (*_ACTION_PARAMETERS, "region", "account_id")
_PATH = re.compile(r"/service/\w+/operation/(\w+)")


def register() -> None:
    """Lets IAM judge these requests like any other."""
    expect(iam_actions, "SERVICE_TO_IAM_NAMESPACE", dict)
    wrap(iam_actions, "extract_iam_action", _ACTION_PARAMETERS, _action)
    wrap(iam_actions, "extract_resource_arn", _RESOURCE_ARN_PARAMETERS, _resource)


def _is_cbor(headers: dict[str, str]) -> bool:
    return headers.get("smithy-protocol") == "rpc-v2-cbor"


def _action(original: Callable[..., str | None]) -> Callable[..., str | None]:
    def extract_iam_action(
        service: str, method: str, path: str, headers: dict, body: bytes, query_params: dict
    ) -> str | None:
        operation = _PATH.fullmatch(path) if _is_cbor(headers) else None
        if operation is None:
            return original(service, method, path, headers, body, query_params)
        return f"{iam_actions.SERVICE_TO_IAM_NAMESPACE.get(service, service)}:{operation[1]}"

    return extract_iam_action


def _resource(original: Callable[..., str]) -> Callable[..., str]:
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
        return original(service, method, path, headers, _as_json(headers, body), query_params, region, account_id)

    return extract_resource_arn


def _as_json(headers: dict[str, str], body: bytes) -> bytes:
    """The body as ministack reads parameters from it. What is no CBOR has none; CloudWatch refuses it later."""
    if not _is_cbor(headers):
        return body
    try:
        parameters: Any = cbor2.loads(body)
    except cbor2.CBORDecodeError:
        return b"{}"
    return json.dumps(parameters, default=str).encode()
