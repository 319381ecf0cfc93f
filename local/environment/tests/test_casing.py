"""CloudFormation properties to API parameters."""

from __future__ import annotations

from typing import Any

import pytest

from canary_local.ministack.casing import PropertyError, to_api


@pytest.mark.parametrize(
    ("properties", "parameters"),
    [
        ({"MeshName": "m"}, {"meshName": "m"}),
        (
            {"Spec": {"ServiceDiscovery": {"AWSCloudMap": {"Attributes": [{"Key": "a", "Value": "b"}]}}}},
            {"spec": {"serviceDiscovery": {"awsCloudMap": {"attributes": [{"key": "a", "value": "b"}]}}}},
        ),
        (
            {"Spec": {"ServiceDiscovery": {"DNS": {"Hostname": "x.local"}}}},
            {"spec": {"serviceDiscovery": {"dns": {"hostname": "x.local"}}}},
        ),
        (
            {"Spec": {"Listeners": [{"Timeout": {"GRPC": {"PerRequest": {"Unit": "ms", "Value": "250"}}}}]}},
            {"spec": {"listeners": [{"timeout": {"grpc": {"perRequest": {"unit": "ms", "value": 250}}}}]}},
        ),
        (
            {"Spec": {"Listeners": [{"ConnectionPool": {"HTTP2": {"MaxRequests": 5}}, "TLS": {"Mode": "STRICT"}}]}},
            {"spec": {"listeners": [{"connectionPool": {"http2": {"maxRequests": 5}}, "tls": {"mode": "STRICT"}}]}},
        ),
    ],
)
def test_a_virtual_node(properties: dict[str, Any], parameters: dict[str, Any]) -> None:
    assert to_api("appmesh", "CreateVirtualNode", properties) == parameters


@pytest.mark.parametrize("protocol", ["Http", "Http2", "Grpc", "Tcp"])
def test_a_route_of_every_protocol_with_its_weights_as_numbers(protocol: str) -> None:
    targets = [{"VirtualNode": "a", "Weight": "75"}, {"VirtualNode": "b", "Weight": 25}]
    spec = {f"{protocol}Route": {"Action": {"WeightedTargets": targets}}, "Priority": "3"}

    converted = to_api("appmesh", "CreateRoute", {"Spec": spec})["spec"]

    route = converted[f"{protocol.lower()}Route"]
    assert [t["weight"] for t in route["action"]["weightedTargets"]] == [75, 25]
    assert converted["priority"] == 3


def test_a_task_definition_keeps_keys_that_are_data_and_texts_that_look_like_numbers() -> None:
    definition = to_api(
        "ecs",
        "RegisterTaskDefinition",
        {
            "Cpu": 256,
            "ProxyConfiguration": {"ProxyConfigurationProperties": [{"Name": "AppPorts", "Value": 8080}]},
            "ContainerDefinitions": [
                {
                    "Privileged": "false",
                    "Environment": [{"Name": "PORT", "Value": 8080}, {"Name": "ON", "Value": True}],
                    "DockerLabels": {"Com.Example.Team": "blue"},
                    "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "g"}},
                }
            ],
        },
    )

    (container,) = definition["containerDefinitions"]
    assert definition["cpu"] == "256"
    assert definition["proxyConfiguration"] == {"properties": [{"name": "AppPorts", "value": "8080"}]}
    assert container["privileged"] is False
    assert container["environment"] == [{"name": "PORT", "value": "8080"}, {"name": "ON", "value": "true"}]
    assert container["dockerLabels"] == {"Com.Example.Team": "blue"}
    assert container["logConfiguration"]["options"] == {"awslogs-group": "g"}


@pytest.mark.parametrize(
    ("properties", "complaint"),
    [
        ({"MeshNam": "m"}, r"#: extraneous key \[MeshNam\] is not permitted"),
        ({"Spec": {"Listeners": {}}}, "/Spec/Listeners: expected type: list, found: dict"),
        ({"Spec": "x"}, "/Spec: expected type: dict, found: str"),
        ({"Spec": {"Listeners": [{"PortMapping": {"Port": "http"}}]}}, "/Spec/Listeners/0/PortMapping/Port: .*Number"),
        ({"MeshName": ["m"]}, "/MeshName: expected type: String"),
    ],
)
def test_what_does_not_fit_is_named(properties: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PropertyError, match=complaint):
        to_api("appmesh", "CreateVirtualNode", properties)
