"""What holds for every template: linted, bounded, tagged, and no right that is wider than it says why."""

from __future__ import annotations

import re
from typing import Any

import pytest
import templates
from canary_infra.stacks import MAXIMUM_TEMPLATE_BYTES
from cfnlint.api import ManualArgs, lint_by_config

# CloudFormation gives these no tags.
UNTAGGABLE = {
    "AWS::EC2::Route",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::Lambda::Version",
    "AWS::S3::BucketPolicy",
    "AWS::ServiceDiscovery::Instance",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
}
BOUNDS = {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue", "MaxLength"}
# App Mesh was shut down, which is what cfn-lint warns of; it is what these templates are for. Nothing else is switched off.
SWITCHED_OFF = {"W3696"}


@pytest.mark.parametrize("name", templates.ALL)
def test_cfn_lint_finds_nothing(name: str) -> None:
    found = lint_by_config(ManualArgs(templates=[str(templates.INFRA / f"{name}.yaml")], regions=[templates.REGION]))
    assert [str(match) for match in found] == []
    ignored = templates.load(name).get("Metadata", {}).get("cfn-lint", {}).get("config", {}).get("ignore_checks", [])
    assert set(ignored) <= SWITCHED_OFF
    assert not re.search(r"ignore_checks", templates.text(name).split("Resources:\n", 1)[1])


@pytest.mark.parametrize("name", templates.ALL)
def test_every_parameter_is_described_and_bounded(name: str) -> None:
    for key, parameter in templates.load(name)["Parameters"].items():
        assert parameter.get("Description", "").endswith("."), key
        assert BOUNDS & parameter.keys(), key
        if parameter["Type"] == "Number" and "AllowedValues" not in parameter:
            assert {"MinValue", "MaxValue"} <= parameter.keys(), key
        if "AllowedPattern" in parameter:
            assert "ConstraintDescription" in parameter, key


@pytest.mark.parametrize("name", templates.ALL)
def test_every_resource_that_can_have_tags_has_them(name: str) -> None:
    resources = templates.load(name)["Resources"].items()
    without = {key: made["Type"] for key, made in resources if not made["Properties"].get("Tags")}
    assert {key: kind for key, kind in without.items() if kind not in UNTAGGABLE} == {}


@pytest.mark.parametrize("name", templates.ALL)
def test_a_template_can_be_sent_with_the_request(name: str) -> None:
    assert len(templates.text(name).encode()) <= MAXIMUM_TEMPLATE_BYTES


@pytest.mark.parametrize("name", templates.ALL)
def test_nobody_may_do_everything_and_each_wide_resource_says_why(name: str) -> None:
    statements = list(templates.allowed(templates.load(name)))
    for statement in statements:
        assert "NotAction" not in statement and "NotResource" not in statement
        assert statement.get("Resource") == "*" or "*" not in templates.resources(statement), "wide, but not on its own"
        for action in templates.actions(statement):
            service, _, operation = action.partition(":")
            assert service and operation and "*" not in action, action
    # AWS's own policies change without notice, and name services as a whole.
    assert "ManagedPolicyArns" not in templates.text(name)
    # A statement begins with `- Sid` or `- Effect`; the line above it is the comment. A Deny cannot be too wide.
    lines = templates.text(name).splitlines()
    wide_lines = [number for number, line in enumerate(lines) if re.fullmatch(r"\s+Resource: '\*'", line)]
    begin = {
        number: next(above for above in range(number, 0, -1) if re.match(r"\s+- (Sid|Effect):", lines[above]))
        for number in wide_lines
    }
    places = [number for number in wide_lines if "Effect: Deny" not in "".join(lines[begin[number] : number])]
    wide = [statement for statement in statements if statement.get("Resource") == "*"]
    assert len(places) == len(wide), "`Resource: '*'` is a line of its own"
    for number, statement in zip(places, wide):
        start = begin[number]
        explained = lines[start - 1].lstrip().startswith("#")
        # X-Ray's need the same reason everywhere; shared.yaml gives it once, above its resources.
        only_xray = all(action.startswith("xray:") for action in templates.actions(statement))
        assert explained or (name == "shared" and only_xray), f"{name}.yaml line {number + 1}"


@pytest.mark.parametrize("name", templates.ALL)
def test_the_variants_make_every_condition_true_and_false(name: str) -> None:
    template = templates.load(name)
    seen: dict[str, set[bool]] = {}
    for variant in templates.VARIANTS[name]:
        values = templates.parameters(name, variant)
        for key in template.get("Conditions", {}):
            seen.setdefault(key, set()).add(holds({"Condition": key}, template["Conditions"], values))
    assert {key for key, outcomes in seen.items() if outcomes != {True, False}} == set()


def holds(expression: Any, conditions: dict[str, Any], values: dict[str, str]) -> bool:
    """Whether a condition holds."""
    ((function, operands),) = expression.items()
    if function == "Condition":
        return holds(conditions[operands], conditions, values)
    if function == "Fn::Equals":
        left, right = (_text(side, values) for side in operands)
        return left == right
    if function == "Fn::Contains":
        return _text(operands[1], values) in operands[0]
    results = [holds(operand, conditions, values) for operand in operands]
    return {"Fn::Not": not results[0], "Fn::And": all(results), "Fn::Or": any(results)}[function]


def _text(side: Any, values: dict[str, str]) -> str:
    return values[side["Ref"]] if isinstance(side, dict) else str(side)


def broken_rules(name: str, values: dict[str, str]) -> list[str]:
    """What the rules of a template say of parameters that it does not take."""
    rules = templates.load(name).get("Rules", {}).values()
    applying = [rule for rule in rules if "RuleCondition" not in rule or holds(rule["RuleCondition"], {}, values)]
    return [
        made["AssertDescription"]
        for rule in applying
        for made in rule["Assertions"]
        if not holds(made["Assert"], {}, values)
    ]


@pytest.mark.parametrize("name", templates.ALL)
def test_the_rules_take_every_variant(name: str) -> None:
    for variant in templates.VARIANTS[name]:
        assert broken_rules(name, templates.parameters(name, variant)) == []


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"MicroserviceName": "envoy"}, "MicroserviceName must not be envoy or app-health"),
        ({"MicroserviceName": "app-health"}, "MicroserviceName must not be envoy or app-health"),
        ({"Port": "9901"}, "Port must not be 9901, 15000 or 15001"),
        ({"Backend1": "a", "Backend2": "a"}, "Backend1 and Backend2 must differ"),
    ],
)
def test_a_version_that_would_collide_with_its_sidecars_or_itself_is_refused(
    parameters: dict[str, str], complaint: str
) -> None:
    variant = {**templates.VARIANTS["canary"][0], **parameters}
    (said,) = broken_rules("canary", templates.parameters("canary", variant))
    assert said.startswith(complaint)


def test_the_names_of_the_sidecars_are_all_refused() -> None:
    containers = templates.load("canary")["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    for sidecar in (made["Name"] for made in containers if isinstance(made["Name"], str)):
        variant = {**templates.VARIANTS["canary"][0], "MicroserviceName": sidecar}
        assert broken_rules("canary", templates.parameters("canary", variant)), sidecar


@pytest.mark.parametrize("name", templates.ALL)
def test_nothing_but_a_load_balancer_is_reachable_from_outside(name: str) -> None:
    for key, made in templates.load(name)["Resources"].items():
        if made["Type"] != "AWS::EC2::SecurityGroup":
            continue
        rules = made["Properties"].get("SecurityGroupIngress", [])
        assert "0.0.0.0/0" not in str(rules) and "::/0" not in str(rules), key
        assert ("IngressCidr" in str(rules)) == (key == "LoadBalancerSecurityGroup"), key
        assert made["Properties"].get("SecurityGroupEgress"), f"{key} may call anything"
