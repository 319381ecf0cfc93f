"""The comparison of rights with calls sees what it is there for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from grants import Call, Grant, calls, findings, grants

ROOT = Path(__file__).resolve().parents[1]
STACKS = "arn:aws:cloudformation:us-west-2:1:stack/*"
STACK = "arn:aws:cloudformation:us-west-2:1:stack/demo-web-aaa/*"
PARAMETERS = "arn:aws:ssm:us-west-2:1:parameter/*-canary-*-version"
PARAMETER = "arn:aws:ssm:us-west-2:1:parameter/demo-canary-web-version"
POLICY: dict[str, Any] = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["cloudformation:DescribeStacks", "cloudformation:DeleteStack"],
            "Resource": STACKS,
        },
        {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": [PARAMETERS]},
        {"Effect": "Deny", "Action": "ssm:PutParameter", "Resource": "*"},
        {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"},
    ]
}
GRANTED = {"remover": list(grants("remover", POLICY))}
EXEMPT = {"logs:PutLogEvents": "the service itself does it"}
USED = [
    Call("remover", "cloudformation:DescribeStacks", STACK, allowed=True),
    Call("remover", "cloudformation:DeleteStack", STACK, allowed=True),
    Call("remover", "ssm:GetParameter", PARAMETER, allowed=True),
]


def test_the_decisions_about_functions_are_read_from_a_record() -> None:
    # A real one, of functions only.
    recorded = (ROOT / "bench" / "tests" / "recorded" / "aws-calls.jsonl").read_text()
    assert len(list(calls(recorded))) == len(recorded.splitlines())
    decision = {"action": "ssm:PutParameter", "resource": PARAMETER, "allowed": False}
    roles = "arn:aws:sts::1:assumed-role/canary-shared"
    principals = (
        f"{roles}-RollbackRole-1/canary-shared-rollback",
        f"{roles}-StackRole-1/AWSCloudFormation",
        "arn:aws:iam::1:user/me",
    )
    record = "".join(json.dumps({"principal": principal, **decision}) + "\n" for principal in principals)
    assert list(calls(record)) == [Call("canary-shared-rollback", "ssm:PutParameter", PARAMETER, allowed=False)]


def test_each_action_is_taken_with_each_resource_and_a_deny_grants_nothing() -> None:
    statement = {"Effect": "Allow", "Action": ["a:X", "a:Y"], "Resource": ["r", "s"]}
    found = grants("two", {"Statement": statement})
    assert {(grant.action, grant.resource) for grant in found} == {
        ("a:X", "r"),
        ("a:X", "s"),
        ("a:Y", "r"),
        ("a:Y", "s"),
    }
    assert [grant.action for grant in GRANTED["remover"]] == [
        "cloudformation:DescribeStacks",
        "cloudformation:DeleteStack",
        "ssm:GetParameter",
        "logs:PutLogEvents",
    ]


def test_nothing_is_found_if_all_that_is_granted_is_used() -> None:
    assert findings(GRANTED, USED, EXEMPT) == []


def test_a_denied_call_is_found_even_where_a_statement_grants_it() -> None:
    for action in ("ssm:GetParameter", "ssm:PutParameter"):
        denied = Call("remover", action, PARAMETER, allowed=False)
        assert findings(GRANTED, [*USED, denied], EXEMPT) == [f"`remover` was denied `{action}` on `{PARAMETER}`"]


@pytest.mark.parametrize(
    ("action", "resource"),
    [("ssm:GetParameters", PARAMETER), ("ssm:GetParameter", "arn:aws:ssm:us-west-2:1:parameter/other")],
)
def test_a_call_that_no_statement_grants_is_found(action: str, resource: str) -> None:
    other = Call("remover", action, resource, allowed=True)
    said = f"`remover` calls `{action}` on `{resource}`, which no statement grants"
    assert findings(GRANTED, [*USED, other], EXEMPT) == [said]


def test_an_unused_action_is_found_with_its_statement_and_others_calls_do_not_count() -> None:
    others = Call("somebody", "cloudformation:DeleteStack", STACK, allowed=True)
    denied_elsewhere = Call("somebody", "ssm:GetParameter", PARAMETER, allowed=False)
    calls = [call for call in USED if call.action != "cloudformation:DeleteStack"]
    assert findings(GRANTED, [*calls, others, denied_elsewhere], EXEMPT) == [
        f"`remover` never uses `cloudformation:DeleteStack` on `{STACKS}` (statement 1 of 4 in policy `remover`)"
    ]


def test_an_unused_resource_of_a_used_action_is_found() -> None:
    wider = {"Statement": [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": [PARAMETERS, "arn:other"]}]}
    assert findings({"remover": list(grants("wider", wider))}, USED[2:], {}) == [
        "`remover` never uses `ssm:GetParameter` on `arn:other` (statement 1 of 1 in policy `wider`)"
    ]


def test_an_exemption_that_exempts_nothing_is_found() -> None:
    exempt = {**EXEMPT, "xray:PutTraceSegments": "so does this"}
    assert findings(GRANTED, USED, exempt) == ["`xray:PutTraceSegments` is exempt and granted to nobody"]


@pytest.mark.parametrize(
    ("action", "resource", "matches"),
    [
        ("ssm:GetParameter", PARAMETERS, True),
        ("SSM:getparameter", PARAMETERS, True),
        ("ssm:Get*", "*", True),
        ("ssm:GetParamete?", PARAMETER.replace("demo", "d?mo"), True),
        ("ssm:GetParameter", PARAMETERS.upper(), False),
        ("ssm:GetParameter", PARAMETER.replace("demo", "?"), False),
        ("ssm:GetParameter", PARAMETER[:-1], False),
        ("ssm:GetParameter", PARAMETER[4:], False),
        ("ssm:GetParameter", PARAMETER.replace("demo", "[d]emo"), False),
        ("ssm:GetParameter", PARAMETER.replace("-", "."), False),
        ("ssm:GetParameters", PARAMETERS, False),
    ],
)
def test_patterns_match_as_iam_matches_them(action: str, resource: str, matches: bool) -> None:
    assert Grant(action, resource, "").covers(USED[2]) is matches
