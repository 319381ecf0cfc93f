"""CloudFormation properties to an API's parameters, guided by the API's own botocore model.

CloudFormation and the APIs differ in case only (`AWSCloudMap` and `awsCloudMap`, `HTTP2` and `http2`), apart from
the few names in `RENAMED`. Numbers and booleans may arrive as strings, because template parameters do.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

# (API structure, CloudFormation name in lower case) -> API member.
RENAMED = {
    ("ProxyConfiguration", "proxyconfigurationproperties"): "properties",
    ("CreateServiceRequest", "placementstrategies"): "placementStrategy",
    ("UpdateServiceRequest", "placementstrategies"): "placementStrategy",
}


class PropertyError(ValueError):
    """A property that the resource type does not have, or whose value does not fit its type."""


@cache
def operation(service: str, name: str) -> OperationModel:
    """The botocore model of one operation."""
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def to_api(service: str, operation_name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an API operation for a resource's CloudFormation properties."""
    shape = operation(service, operation_name).input_shape
    return _convert(properties, shape, "")


def _convert(value: Any, shape: Shape, path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(_expect(value, dict, path), shape, path)
    if isinstance(shape, ListShape):
        items = _expect(value, list, path)
        return [_convert(item, shape.member, f"{path}/{index}") for index, item in enumerate(items)]
    if isinstance(shape, MapShape):
        items = _expect(value, dict, path).items()
        return {key: _convert(item, shape.value, f"{path}/{key}") for key, item in items}
    return _scalar(value, shape, path)


def _structure(value: dict[str, Any], shape: StructureShape, path: str) -> dict[str, Any]:
    members = {member.lower(): member for member in shape.members}
    converted = {}
    for name, item in value.items():
        member = RENAMED.get((shape.name, name.lower())) or members.get(name.lower())
        if member is None:
            raise PropertyError(f"{path or '#'}: extraneous key [{name}] is not permitted")
        converted[member] = _convert(item, shape.members[member], f"{path}/{name}")
    return converted


def _expect(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        raise PropertyError(f"{path or '#'}: expected type: {kind.__name__}, found: {type(value).__name__}")
    return value


def _scalar(value: Any, shape: Shape, path: str) -> Any:
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return value if isinstance(value, int) else int(str(value))
        if kind in ("float", "double"):
            return float(value)
    except ValueError:
        raise PropertyError(f"{path}: expected type: Number, found: {value!r}") from None
    if kind == "boolean":
        if str(value).lower() not in ("true", "false"):
            raise PropertyError(f"{path}: expected type: Boolean, found: {value!r}")
        return str(value).lower() == "true"
    if kind == "string":
        if isinstance(value, (dict, list)):
            raise PropertyError(f"{path}: expected type: String, found: {type(value).__name__}")
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
