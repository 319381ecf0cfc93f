"""The resource that an App Mesh request is about, as an ARN for IAM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

PREFIX = "/v20190125/"

# Path collection -> (segment in the ARN, name member in the body, parent in the ARN).
_COLLECTIONS = {
    "virtualNodes": ("virtualNode", "virtualNodeName"),
    "virtualRouters": ("virtualRouter", "virtualRouterName"),
    "virtualServices": ("virtualService", "virtualServiceName"),
    "virtualGateways": ("virtualGateway", "virtualGatewayName"),
    "routes": ("route", "routeName"),
    "gatewayRoutes": ("gatewayRoute", "gatewayRouteName"),
}

# Member of a spec that names another resource of the mesh -> segment in the ARN. A weighted target is just `virtualNode`.
_REFERENCES = {
    "virtualNode": "virtualNode",
    "virtualNodeName": "virtualNode",
    "virtualRouterName": "virtualRouter",
    "virtualServiceName": "virtualService",
}


def resource_arn(method: str, path: str, query: dict[str, Any], body: bytes, region: str, account: str) -> str:
    """The ARN IAM judges a request by; `*` where App Mesh has no resource for the action (ListMeshes).

    A list is judged by what it lists from: the mesh, virtual router or virtual gateway.
    """
    parts = [unquote(part) for part in path[len(PREFIX) :].split("/") if part]
    if not parts:
        return "*"
    if parts[0] in ("tag", "untag", "tags"):
        return _first(query.get("resourceArn")) or "*"
    owner = _first(query.get("meshOwner")) or account
    resource = _resource(parts, method, body)
    return f"arn:aws:appmesh:{region}:{owner}:{resource}" if resource else "*"


def _resource(parts: list[str], method: str, body: bytes) -> str | None:
    if parts[0] != "meshes":
        return None
    if len(parts) == 1:
        name = _member(body, "meshName") if method == "PUT" else None
        return f"mesh/{name}" if name else None
    resource = f"mesh/{parts[1]}"
    rest = parts[2:]
    # `virtualRouter/NAME/routes…` and `virtualGateway/NAME/gatewayRoutes…` nest one level deeper.
    if len(rest) >= 2 and rest[0] in ("virtualRouter", "virtualGateway"):
        resource += f"/{rest[0]}/{rest[1]}"
        rest = rest[2:]
    if not rest or rest[0] not in _COLLECTIONS:
        return resource
    segment, member = _COLLECTIONS[rest[0]]
    name = rest[1] if len(rest) > 1 else (_member(body, member) if method == "PUT" else None)
    return f"{resource}/{segment}/{name}" if name else resource


def named_in_spec(arn: str, body: bytes) -> list[str]:
    """The ARNs of the resources that the spec in a request about `arn` names."""
    mesh = "/".join(arn.split("/")[:2])
    return sorted({f"{mesh}/{segment}/{name}" for segment, name in _references(_document(body).get("spec"))})


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    if isinstance(value, dict):
        for member, inner in value.items():
            if member in _REFERENCES and isinstance(inner, str):
                yield _REFERENCES[member], inner
            else:
                yield from _references(inner)


def names_in_arn(arn: str) -> dict[str, str]:
    """`{"mesh": "m", "virtualRouter": "r", "route": "x"}` for such an ARN."""
    parts = arn.split(":", 5)[-1].split("/")
    return dict(zip(parts[0::2], parts[1::2]))


def _first(value: Any) -> str | None:
    if isinstance(value, list):
        return str(value[0]) if value else None
    return str(value) if value else None


def _member(body: bytes, name: str) -> str | None:
    value = _document(body).get(name)
    return value if isinstance(value, str) and value else None


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
