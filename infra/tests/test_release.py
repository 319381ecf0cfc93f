"""A release: every function published with the definition that calls it, and nothing published without a reason."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from typing import Any

import pytest
import templates

TEMPLATE = templates.load("shared")
RESOURCES = TEMPLATE["Resources"]
RELEASE = {"Fn::GetAtt": ["Release", "Value"]}
FUNCTIONS = {name: made["Properties"] for name, made in RESOURCES.items() if made["Type"] == "AWS::Lambda::Function"}
VERSIONS = {name: made for name, made in RESOURCES.items() if made["Type"] == "AWS::Lambda::Version"}


def configuration(functions: dict[str, Any]) -> str:
    """A hash of what the template itself says of the functions."""
    return hashlib.sha256(json.dumps(functions, sort_keys=True).encode()).hexdigest()[:8]


def references(part: Any) -> set[str]:
    """The parameters and resources that a part of a template takes values from."""
    if isinstance(part, list):
        return set().union(*map(references, part)) if part else set()
    if not isinstance(part, dict):
        return set()
    if "Ref" in part:
        return {part["Ref"]}
    if "Fn::Sub" in part:
        return set(re.findall(r"\$\{(\w+)\}", part["Fn::Sub"]))
    return set().union(*map(references, part.values())) if part else set()


def test_the_release_changes_with_the_functions_configuration() -> None:
    value = RESOURCES["Release"]["Properties"]["Value"]["Fn::Sub"]
    expected = configuration(FUNCTIONS)
    assert value.split()[1] == expected, (
        f"a function's properties changed: write {expected} into `Release`, shared.yaml"
    )


def test_the_hash_sees_a_changed_time_out() -> None:
    changed = copy.deepcopy(FUNCTIONS)
    changed["RollbackFunction"]["Timeout"] += 1
    assert configuration(changed) != configuration(FUNCTIONS)


def test_the_release_changes_with_every_parameter_that_a_function_takes() -> None:
    taken = references(list(FUNCTIONS.values()))
    # Log groups have names that no update changes; where the artifacts lie is no part of a function.
    given = {name for name in taken if not name.endswith("Logs")} - {"ArtifactBucket"}
    assert given == references(RESOURCES["Release"]["Properties"]["Value"])


def test_the_release_fits_into_a_versions_description() -> None:
    """Lambda takes 256 characters; a table's name is the stack's, the resource's and 12 random characters."""
    parameters = TEMPLATE["Parameters"]
    values = {
        name: "9" * len(str(made["MaxValue"])) if "MaxValue" in made else max(map(str, made["AllowedValues"]), key=len)
        for name, made in parameters.items()
        if name in references(RESOURCES["Release"]["Properties"]["Value"]) and name != "ArtifactPrefix"
    }
    values |= {"ArtifactPrefix": "p" * parameters["ArtifactPrefix"]["MaxLength"]}
    values |= {"LockTable": f"{'s' * 50}-LockTable-{'x' * 12}"}
    assert len(templates.substituted(RESOURCES["Release"]["Properties"]["Value"]["Fn::Sub"], values)) <= 256


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_and_its_version_change_with_the_release_and_only_with_it(function: str) -> None:
    """A version that is to be published while its function is the same fails the update on AWS."""
    assert FUNCTIONS[function]["Environment"]["Variables"]["RELEASE"] == RELEASE
    version = VERSIONS[f"{function}Version"]
    assert version["Properties"] == {"FunctionName": {"Ref": function}, "Description": RELEASE}


@pytest.mark.parametrize("name", [*VERSIONS, "StateMachineVersion"])
def test_an_update_leaves_what_an_execution_may_run_on(name: str) -> None:
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"
    # The whole stack goes with its functions and its state machine.
    assert RESOURCES[name]["DeletionPolicy"] == "Delete"


def test_the_definition_calls_versions_and_nothing_else() -> None:
    substitutions = RESOURCES["StateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert list(substitutions.values()) == [{"Ref": name} for name in VERSIONS]
    assert [f"{name.removesuffix('Arn')}Version" for name in substitutions] == list(VERSIONS)


def test_the_state_machine_may_invoke_versions_old_ones_too_and_no_unpublished_code() -> None:
    role = RESOURCES["StateMachineRole"]
    (invoke,) = (made for made in templates.statements(role) if "lambda:InvokeFunction" in templates.actions(made))
    assert templates.resources(invoke) == [{"Fn::Sub": f"${{{function}.Arn}}:*"} for function in FUNCTIONS]


def test_the_alias_leads_to_the_version_of_the_present_definition() -> None:
    version = RESOURCES["StateMachineVersion"]["Properties"]
    assert version["StateMachineRevisionId"] == {"Fn::GetAtt": ["StateMachine", "StateMachineRevisionId"]}
    alias = RESOURCES["StateMachineAlias"]["Properties"]
    assert alias["RoutingConfiguration"] == [{"StateMachineVersionArn": {"Ref": "StateMachineVersion"}, "Weight": 100}]
    assert TEMPLATE["Outputs"]["StateMachineAliasArn"]["Value"] == {"Ref": "StateMachineAlias"}
