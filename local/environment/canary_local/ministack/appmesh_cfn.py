"""The `AWS::AppMesh::*` CloudFormation resource types, each a few API calls on the data plane."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import botocore.serialize
from ministack.core.responses import new_uuid
from ministack.services.cloudformation import provisioners

from .appmesh_arns import names_in_arn
from .appmesh_service import account_headers
from .casing import operation, to_api
from .engine import Engine
from .patching import expect

SERVICE = "appmesh"


@dataclass(frozen=True)
class Kind:
    """One resource type. `names` are the properties that identify it, outermost first; the last is its own name."""

    name: str
    names: tuple[str, ...]

    @property
    def own_name(self) -> str:
        """The property that names the resource itself."""
        return self.names[-1]


KINDS = (
    Kind("Mesh", ("MeshName",)),
    Kind("VirtualNode", ("MeshName", "VirtualNodeName")),
    Kind("VirtualRouter", ("MeshName", "VirtualRouterName")),
    Kind("Route", ("MeshName", "VirtualRouterName", "RouteName")),
    Kind("VirtualService", ("MeshName", "VirtualServiceName")),
    Kind("VirtualGateway", ("MeshName", "VirtualGatewayName")),
    Kind("GatewayRoute", ("MeshName", "VirtualGatewayName", "GatewayRouteName")),
)


class AppMeshError(ValueError):
    """App Mesh refused a call; the text is the reason shown in the stack's events."""

    def __init__(self, code: str, message: str, status: int) -> None:
        handler_code = _HANDLER_CODES.get(code, "GeneralServiceException")
        super().__init__(
            f'Resource handler returned message: "{message} (Service: AppMesh, Status Code: {status})" '
            f"(RequestToken: {new_uuid()}, HandlerErrorCode: {handler_code})"
        )
        self.code = code


_HANDLER_CODES = {
    "BadRequestException": "InvalidRequest",
    "ConflictException": "AlreadyExists",
    "ForbiddenException": "AccessDenied",
    "LimitExceededException": "ServiceLimitExceeded",
    "NotFoundException": "NotFound",
    "ResourceInUseException": "ResourceConflict",
    "TooManyRequestsException": "Throttling",
}


def register(engine: Engine) -> None:
    """Adds the resource types to ministack's CloudFormation."""
    handlers = expect(provisioners, "_RESOURCE_HANDLERS", dict)
    tagged = expect(provisioners, "_STACK_TAG_PROPERTY", dict)
    for kind in KINDS:
        resource = AppMeshResource(kind, engine)
        handlers[f"AWS::AppMesh::{kind.name}"] = {
            "create": resource.create,
            "update": resource.update,
            "update_with_logical_id": True,
            "delete": resource.delete,
        }
        tagged[f"AWS::AppMesh::{kind.name}"] = ("Tags", "list")


class AppMeshResource:
    """Create, update and delete of one resource type."""

    def __init__(self, kind: Kind, engine: Engine) -> None:
        self._kind = kind
        self._call = _caller(kind, engine)

    def create(self, logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        """Creates the resource; its physical id is its ARN, as `Ref` returns it."""
        props = dict(props)
        props.setdefault(self._kind.own_name, f"{stack_name}-{logical_id}-{new_uuid()[:12]}")
        answer = self._call("Create", self._parameters("Create", props))
        return answer["metadata"]["arn"], self._attributes(answer)

    def update(
        self, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Changes spec and tags in place; a changed name or owner makes a new resource."""
        replacing = (*self._kind.names, "MeshOwner")
        if any(old.get(name) != new.get(name) for name in replacing):
            return self.create(logical_id or physical_id, new, stack_name)
        properties = {**new, **self._names(physical_id)}
        parameters = self._parameters("Update", {k: v for k, v in properties.items() if k != "Tags"})
        answer = self._call("Update", parameters)
        self._retag(physical_id, old, new)
        return physical_id, self._attributes(answer)

    def delete(self, physical_id: str, props: dict[str, Any]) -> None:
        """Deletes the resource; one that is gone already is fine, one in use is not."""
        properties = self._names(physical_id)
        if "MeshOwner" in props:
            properties["MeshOwner"] = props["MeshOwner"]
        try:
            self._call("Delete", self._parameters("Delete", properties))
        except AppMeshError as error:
            if error.code != "NotFoundException":
                raise

    def _parameters(self, verb: str, props: dict[str, Any]) -> dict[str, Any]:
        props = dict(props)
        if verb == "Create":
            props["Tags"] = _own_tags(props)
        return to_api(SERVICE, f"{verb}{self._kind.name}", props)

    def _names(self, arn: str) -> dict[str, str]:
        return {f"{segment[0].upper()}{segment[1:]}Name": name for segment, name in names_in_arn(arn).items()}

    def _attributes(self, answer: dict[str, Any]) -> dict[str, Any]:
        metadata = answer["metadata"]
        attributes = {
            "Arn": metadata["arn"],
            "Id": metadata["arn"],
            "Uid": metadata["uid"],
            "MeshOwner": metadata["meshOwner"],
            "ResourceOwner": metadata["resourceOwner"],
        }
        for name in self._kind.names:
            attributes[name] = answer[name[0].lower() + name[1:]]
        return attributes

    def _retag(self, arn: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = ({t["Key"]: t["Value"] for t in _own_tags(props)} for props in (old, new))
        dropped = sorted(before.keys() - after.keys())
        if dropped:
            self._call("UntagResource", {"resourceArn": arn, "tagKeys": dropped})
        if after != before and after:
            tags = [{"key": key, "value": value} for key, value in after.items()]
            self._call("TagResource", {"resourceArn": arn, "tags": tags})


def _own_tags(props: dict[str, Any]) -> list[dict[str, str]]:
    """The tags a user may set: CloudFormation's own `aws:` tags are refused by every tagging API."""
    return [tag for tag in props.get("Tags") or [] if not tag["Key"].startswith("aws:")]


def _caller(kind: Kind, engine: Engine) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    serializer = botocore.serialize.create_serializer("rest-json", include_validation=True)

    def call(verb: str, parameters: dict[str, Any]) -> dict[str, Any]:
        name = verb if verb.endswith("Resource") else f"{verb}{kind.name}"
        request = serializer.serialize_to_request(parameters, operation(SERVICE, name))
        path = request["url_path"]
        if request.get("query_string"):
            path += f"?{urlencode(request['query_string'])}"
        body = request["body"] if isinstance(request["body"], bytes) else str(request["body"]).encode()
        reply = engine.send(request["method"], path, body, account_headers())
        document = json.loads(reply.body) if reply.body else {}
        if reply.status >= 400:
            code = reply.headers.get("x-amzn-errortype", "").split(":")[0] or "InternalServerErrorException"
            raise AppMeshError(code, document.get("message", f"HTTP {reply.status}"), reply.status)
        return document

    return call
