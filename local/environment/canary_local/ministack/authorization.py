"""What AWS authorizes besides a request's own action and resource, and ministack does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import get_account_id, get_region, new_uuid

from . import appmesh_arns, appmesh_service, template_urls
from .patching import IncompatibleMinistack, expect, expect_function

_CLOUDFORMATION = "cloudformation"
_REQUEST_PARAMETERS = ("service", "method", "path", "headers", "body", "query_params")

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict, bytes, dict], Awaitable[Response]]


class Check(NamedTuple):
    """One more right that the caller needs. `keys` are what conditions may ask for."""

    action: str
    resource: str
    keys: dict[str, str]


def register() -> None:
    """Makes App Mesh and CloudFormation check these rights before they do anything."""
    expect_function(iam_actions, "extract_iam_action", *_REQUEST_PARAMETERS)
    expect_function(router, "extract_access_key_id", "headers", "query_params")
    handlers = expect(app, "SERVICE_HANDLERS", dict)
    for service, checks in ((appmesh_service.SERVICE, app_mesh_checks), (_CLOUDFORMATION, cloudformation_checks)):
        if service not in handlers:
            raise IncompatibleMinistack(f"`ministack.app.SERVICE_HANDLERS` has no `{service}`")
        handlers[service] = _guarded(service, handlers[service], checks)


def app_mesh_checks(action: str, method: str, path: str, body: bytes, query: dict) -> Iterator[Check]:
    """A create or an update is authorized on the resources that its spec names as well."""
    if method == "PUT":
        arn = appmesh_arns.resource_arn(method, path, query, body, get_region(), get_account_id())
        for named in appmesh_arns.named_in_spec(arn, body):
            yield Check(action, named, {})


def cloudformation_checks(action: str, method: str, path: str, body: bytes, query: dict) -> Iterator[Check]:
    """A service role is passed, a stack is tagged, and a template is read from S3, all with the caller's rights."""
    given = {name: values[0] for name, values in {**query, **parse_qs(body.decode(errors="replace"))}.items()}
    if "RoleARN" in given:
        yield Check("iam:PassRole", given["RoleARN"], {"iam:PassedToService": "cloudformation.amazonaws.com"})
    if any(name.startswith("Tags.member.") for name in given):
        arn = f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{given.get('StackName', '')}/*"
        keys = {"cloudformation:CreateAction": action.partition(":")[2]}
        yield Check("cloudformation:TagResource", arn, keys)
    if "TemplateURL" in given:
        url = given["TemplateURL"]
        read = "s3:GetObjectVersion" if template_urls.names_version(url) else "s3:GetObject"
        yield Check(read, f"arn:aws:s3:::{template_urls.object_of(url)}", {})


def _guarded(service: str, handler: Handler, checks: Callable[..., Iterator[Check]]) -> Handler:
    async def handle(method: str, path: str, headers: dict, body: bytes, query: dict) -> Response:
        key = router.extract_access_key_id(headers, query)
        own = iam_actions.extract_iam_action(service, method, path, headers, body, query) or ""
        for action, resource, keys in checks(own, method, path, body, query):
            denied = iam_evaluator.enforce(
                key, action, action.partition(":")[0], get_region(), resource_arn=resource, service_context=keys
            )
            if denied:
                return iam_actions.access_denied_response(
                    service, action, denied.principal_arn, new_uuid(), headers=headers, resource_arn=resource,
                    explicit_deny=denied.decision == "Deny",
                )  # fmt: skip
        return await handler(method, path, headers, body, query)

    return handle
