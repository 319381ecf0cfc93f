"""The state machine's definition is valid Amazon States Language by AWS's own schema, as cfn-lint carries it."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_all

DEFINITION = Path(__file__).resolve().parents[1] / "statemachine" / "canary.asl.json"


FUNCTION = "arn:aws:lambda:us-west-2:000000000000:function:any"


def definition() -> dict[str, Any]:
    """The definition as the shared stack fills it in."""
    return json.loads(re.sub(r"\$\{\w+}", FUNCTION, DEFINITION.read_text()))


def problems(definition: object) -> list[str]:
    """The errors that cfn-lint finds in a template that holds this definition and nothing else."""
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": "arn:aws:iam::000000000000:role/states", "Definition": definition},
    }
    found = lint_all(json.dumps({"Resources": {"Machine": machine}}))
    return [str(match) for match in found if match.rule.id.startswith("E")]


def test_the_definition_is_valid() -> None:
    assert problems(definition()) == []


@pytest.mark.parametrize("broken", ["Next", "Type", "Resource"])
def test_the_check_sees_a_task_that_lacks_something(broken: str) -> None:
    damaged = definition()
    del damaged["States"]["Roll Back"][broken]
    assert problems(damaged) != []


def test_the_definition_is_what_its_source_says() -> None:
    """`make definition` writes it anew."""
    written = runpy.run_path(str(DEFINITION.with_name("write.py")))["definition"]
    assert DEFINITION.read_text() == written()
