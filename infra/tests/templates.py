"""The templates of infra/ as the tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cfn_flip

INFRA = Path(__file__).resolve().parents[1]
ALL = tuple(sorted(path.stem for path in INFRA.glob("*.yaml")))

ACCOUNT, REGION = "111122223333", "us-west-2"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/12345678-1234-1234-1234-123456789012"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/12345678"
_SERVICE = {"Namespace": "demo.local", "MicroserviceName": "hello-web", "Port": "8080", "Protocol": "http"}
_TOOLS = {
    "ToolsBucket": "tools", "PlatformKey": "platform.yaml", "FirstCommitBucket": "sources", "TemplateBucket": "artifacts",
}  # fmt: skip

# Parameters that together make every condition true and false at least once; a test says if one does not.
VARIANTS: dict[str, list[dict[str, str]]] = {
    "shared": [{"ArtifactBucket": "artifacts"}],
    "canary": [
        {**_SERVICE, "Sha": "1a2b3c4", "ContainerImage": "hello-web:1a2b3c4"},
        {**_SERVICE, "Sha": "1a2b3c4", "ContainerImage": "hello-web:1a2b3c4", "EnvoyImage": "envoy:1",
         **{f"Backend{number}": f"backend-{number}.demo.local" for number in (1, 2, 3)}},
    ],
    "vpc": [{"NatGateways": "PerZone"}, {"Egress": "VpcEndpoints"}, {"Egress": "None"}],
    "ecs-mesh": [
        {"Namespace": "demo.local", "IngressCidr": "198.51.100.0/24"},
        {
            "Namespace": "demo.local", "IngressCidr": "198.51.100.0/24", "Ingress": "ApplicationLoadBalancer",
            "CertificateArn": CERTIFICATE, "Tracing": "XRay", "IngressScheme": "internal", "EnvoyImage": "envoy:1",
        },
        {"Namespace": "demo.local", "IngressCidr": "198.51.100.0/24", "Ingress": "None"},
    ],
    "monitoring": [{}, {"DiscoverEc2Tasks": "true"}],
    "pipeline": [
        {**_SERVICE, **_TOOLS, "GatewayRoutePrefix": "/hello-service", "Architecture": "arm64"},
        {**_SERVICE, "GatewayRoutePrefix": "/", "Source": "CodeConnections", "ConnectionArn": CONNECTION,
         "RepositoryName": "team/hello-web"},
        {**_SERVICE, "Source": "None", "ImageRepositoryName": "demo/hello-web"},
    ],
}  # fmt: skip


def text(name: str) -> str:
    """A template as it is written."""
    return (INFRA / f"{name}.yaml").read_text()


def load(name: str) -> dict[str, Any]:
    """A template with its functions in their long form."""
    return json.loads(cfn_flip.to_json(text(name)))


def parameters(name: str, variant: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value in a variant, and what CloudFormation itself knows."""
    defaults = {key: str(value["Default"]) for key, value in load(name)["Parameters"].items() if "Default" in value}
    known = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "AWS::StackName": "stack",
    }
    return {**known, **defaults, "EnvironmentName": "demo", **variant}


def statements(role: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a role's own policies, the conditional ones too."""
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
            yield from (branch for branch in branches if "Effect" in branch)


def allowed(part: Any) -> Iterator[dict[str, Any]]:
    """Every Allow statement in a template, whatever holds it: a role, a bucket's policy, an endpoint's."""
    if isinstance(part, dict):
        if part.get("Effect") == "Allow":
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from allowed(inner)


def actions(statement: Mapping[str, Any]) -> list[str]:
    """The actions of a statement."""
    return _listed(statement["Action"])


def resources(statement: Mapping[str, Any]) -> list[Any]:
    """The resources of a statement; a role's trust policy names none."""
    return _listed(statement.get("Resource", []))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def roles(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The roles of a template by logical id."""
    return {name: made for name, made in template["Resources"].items() if made["Type"] == "AWS::IAM::Role"}


def substituted(value: str, values: Mapping[str, str]) -> str:
    """A `Fn::Sub` text with its variables filled in."""
    return re.sub(r"\$\{([A-Za-z:]+)\}", lambda match: values[match[1]], value)
