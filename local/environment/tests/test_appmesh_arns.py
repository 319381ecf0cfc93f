"""The resource that IAM judges an App Mesh request by."""

from __future__ import annotations

import json

import pytest

from canary_local.ministack.appmesh_arns import named_in_spec, names_in_arn, resource_arn

BASE = "arn:aws:appmesh:us-west-2:000000000000:"


@pytest.mark.parametrize(
    ("method", "path", "body", "resource"),
    [
        ("GET", "meshes", {}, "*"),
        ("PUT", "meshes", {"meshName": "m"}, "mesh/m"),
        ("GET", "meshes/m", {}, "mesh/m"),
        ("GET", "meshes/m/virtualNodes", {}, "mesh/m"),
        ("PUT", "meshes/m/virtualNodes", {"virtualNodeName": "n"}, "mesh/m/virtualNode/n"),
        ("DELETE", "meshes/m/virtualNodes/n", {}, "mesh/m/virtualNode/n"),
        ("GET", "meshes/m/virtualRouters/r", {}, "mesh/m/virtualRouter/r"),
        ("GET", "meshes/m/virtualRouter/r/routes", {}, "mesh/m/virtualRouter/r"),
        ("PUT", "meshes/m/virtualRouter/r/routes", {"routeName": "x"}, "mesh/m/virtualRouter/r/route/x"),
        ("PUT", "meshes/m/virtualRouter/r/routes/x", {"spec": {}}, "mesh/m/virtualRouter/r/route/x"),
        ("GET", "meshes/m/virtualServices/a.demo.local", {}, "mesh/m/virtualService/a.demo.local"),
        ("GET", "meshes/m/virtualGateways/g", {}, "mesh/m/virtualGateway/g"),
        ("GET", "meshes/m/virtualGateway/g/gatewayRoutes", {}, "mesh/m/virtualGateway/g"),
        ("PUT", "meshes/m/virtualGateway/g/gatewayRoutes/x", {}, "mesh/m/virtualGateway/g/gatewayRoute/x"),
        ("GET", "meshes/virtualNodes/virtualNodes/meshes", {}, "mesh/virtualNodes/virtualNode/meshes"),
        ("PUT", "meshes", {}, "*"),
        ("POST", "unheard-of", {}, "*"),
    ],
)
def test_resource(method: str, path: str, body: dict[str, str], resource: str) -> None:
    found = resource_arn(method, f"/v20190125/{path}", {}, json.dumps(body).encode(), "us-west-2", "000000000000")

    assert found == (resource if resource == "*" else BASE + resource)


def test_a_mesh_shared_by_another_account_is_that_account_s_resource() -> None:
    found = resource_arn("GET", "/v20190125/meshes/m", {"meshOwner": ["111122223333"]}, b"", "eu-west-1", "0")

    assert found == "arn:aws:appmesh:eu-west-1:111122223333:mesh/m"


@pytest.mark.parametrize("operation", ["tag", "untag", "tags"])
def test_tagging_is_judged_by_the_resource_it_names(operation: str) -> None:
    arn = BASE + "mesh/m"

    assert resource_arn("PUT", f"/v20190125/{operation}", {"resourceArn": [arn]}, b"", "us-west-2", "0") == arn


def test_a_body_that_is_not_json_is_not_trusted_with_a_name() -> None:
    assert resource_arn("PUT", "/v20190125/meshes", {}, b"\xff{", "us-west-2", "0") == "*"


def test_the_names_of_an_arn() -> None:
    arn = BASE + "mesh/m/virtualRouter/r/route/x"

    assert names_in_arn(arn) == {"mesh": "m", "virtualRouter": "r", "route": "x"}


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (
            {"http2Route": {"action": {"weightedTargets": [{"virtualNode": "b", "weight": 1}, {"virtualNode": "a"}]}}},
            ["virtualNode/a", "virtualNode/b"],
        ),
        ({"provider": {"virtualRouter": {"virtualRouterName": "r"}}}, ["virtualRouter/r"]),
        ({"provider": {"virtualNode": {"virtualNodeName": "n"}}}, ["virtualNode/n"]),
        ({"backends": [{"virtualService": {"virtualServiceName": "a.demo.local"}}]}, ["virtualService/a.demo.local"]),
        ({"listeners": [{"portMapping": {"port": 80}}]}, []),
        (None, []),
    ],
)
def test_what_a_spec_names(spec: object, named: list[str]) -> None:
    arn = BASE + "mesh/m/virtualRouter/r/route/x"

    assert named_in_spec(arn, json.dumps({"routeName": "x", "spec": spec}).encode()) == [
        f"{BASE}mesh/m/{name}" for name in named
    ]
