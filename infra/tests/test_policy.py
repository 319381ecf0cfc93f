"""The templates against cfripper's rules, with every condition both ways; exceptions are explained in the templates.

A resource says in `Metadata: {cfripper: {RuleName: why}}` which finding is meant to be there. An explanation that explains
nothing any more is an error too.
"""

from __future__ import annotations

import logging
from typing import Any

import pycfmodel
import pytest
import templates
from cfripper.config.config import Config
from cfripper.rule_processor import RuleProcessor
from cfripper.rules import DEFAULT_RULES

# About the name of the stack, which no template knows.
_NOT_OURS = {"StackNameMatchesRegexRule"}
_EXPORTS = {
    "VPC": "vpc-1",
    "VpcCidr": "10.0.0.0/16",
    "PrivateSubnet1Cidr": "10.0.2.0/24",
    "PrivateSubnet2Cidr": "10.0.3.0/24",
}


def known(value: Any) -> Any:
    """`value` with what only CloudFormation knows replaced by something of its kind: exports, zones, cut address ranges."""
    if isinstance(value, list):
        return [known(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Select" in value:
        return "us-west-2a" if "Fn::GetAZs" in value["Fn::Select"][1] else "10.0.2.0/24"
    if "Fn::ImportValue" in value:
        name = value["Fn::ImportValue"]
        export = name["Fn::Sub"].rsplit(":", 1)[-1] if "Fn::Sub" in name else "PublicSubnet1"
        return _EXPORTS.get(export, f"arn:aws:states:{templates.REGION}:{templates.ACCOUNT}:stateMachine:{export}")
    return {key: known(item) for key, item in value.items()}


def findings(name: str, variant: dict[str, str]) -> set[tuple[str, str, str]]:
    """What cfripper finds: rule, resource and reason."""
    logging.getLogger("pycfmodel").setLevel(logging.ERROR)
    values = templates.parameters(name, variant)
    model = pycfmodel.parse(known(templates.load(name))).resolve(extra_params=values)
    config = Config(
        stack_name=name, rules=list(DEFAULT_RULES), aws_account_id=templates.ACCOUNT, aws_region=templates.REGION
    )
    rules = [rule(config) for key, rule in DEFAULT_RULES.items() if key not in _NOT_OURS]
    result = RuleProcessor(*rules).process_cf_template(model, config, extras={})
    assert not result.exceptions, result.exceptions
    return {
        (failure.rule, resource, failure.reason)
        for failure in result.failures
        for resource in failure.resource_ids or {"template"}
    }


def explained(name: str) -> dict[tuple[str, str], str]:
    """What the templates explain, by rule and resource."""
    found = templates.load(name)["Resources"].items()
    return {
        (rule, resource): why
        for resource, made in found
        for rule, why in made.get("Metadata", {}).get("cfripper", {}).items()
    }


@pytest.mark.parametrize("name", templates.ALL)
def test_every_finding_is_explained_and_every_explanation_is_needed(name: str) -> None:
    found = set().union(*(findings(name, variant) for variant in templates.VARIANTS[name]))
    reasons = explained(name)
    assert [finding for finding in sorted(found) if (finding[0], finding[1]) not in reasons] == []
    assert reasons.keys() - {(rule, resource) for rule, resource, _ in found} == set()
    assert all(len(why.split()) > 4 for why in reasons.values())


def test_the_check_sees_what_it_is_there_for() -> None:
    open_to_all = {"Namespace": "demo.local", "IngressCidr": "0.0.0.0/0"}
    assert any(rule.startswith("EC2SecurityGroup") for rule, _, _ in findings("ecs-mesh", open_to_all))
