"""The state machine's definition is valid Amazon States Language by AWS's own schema, as cfn-lint carries it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cfnlint.api import lint_all

DEFINITION = Path(__file__).resolve().parents[1] / "statemachine" / "canary.asl.json"


def problems(definition: object) -> list[str]:
    """What cfn-lint says of a template that holds this definition and nothing else."""
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": "arn:aws:iam::000000000000:role/states", "Definition": definition},
    }
    return [str(match) for match in lint_all(json.dumps({"Resources": {"Machine": machine}}))]


def test_the_definition_is_valid() -> None:
    assert problems(json.loads(DEFINITION.read_text())) == []


@pytest.mark.parametrize("broken", ["Next", "Type", "Resource"])
def test_the_check_sees_a_task_that_lacks_something(broken: str) -> None:
    definition = json.loads(DEFINITION.read_text())
    del definition["States"]["Roll Back"][broken]
    assert problems(definition) != []
