"""Superseded releases go when nothing runs on them and nothing can be started on them, and not before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from canary_infra.releases import called, prune

MACHINE = "arn:aws:states:us-west-2:1:stateMachine:canary-shared-canary"
FUNCTIONS = ("canary-shared-check-version", "canary-shared-rollback")


def definition(release: int) -> str:
    """A definition that calls version `release` of each function."""
    return json.dumps({name: f"arn:aws:lambda:us-west-2:1:function:{name}:{release}" for name in FUNCTIONS})


class Account:
    """Step Functions and Lambda with one state machine, which refuse what AWS refuses. Lists have pages of two."""

    def __init__(self, releases: int) -> None:
        self.versions = {f"{MACHINE}:{number}": definition(number) for number in range(1, releases + 1)}
        self.functions = {name: set(range(1, releases + 1)) for name in FUNCTIONS}
        self.live = f"{MACHINE}:{releases}"
        self.latest = definition(releases)
        # Execution -> the version it was started by, or the definition it began with.
        self.running: dict[str, str] = {}

    def __call__(self, _: str) -> Account:
        return self

    def left(self) -> tuple[list[int], list[list[int]]]:
        """The versions of the state machine and of each function."""
        machine = sorted(int(arn.rsplit(":", 1)[-1]) for arn in self.versions)
        return machine, [sorted(self.functions[name]) for name in FUNCTIONS]

    def list_executions(self, **request: Any) -> dict[str, Any]:
        assert (request["stateMachineArn"], request["statusFilter"]) == (MACHINE, "RUNNING")
        found = [
            {"executionArn": name, **({"stateMachineVersionArn": began} if began.startswith("arn:") else {})}
            for name, began in self.running.items()
        ]
        return _page("executions", found, request)

    def list_state_machine_versions(self, **request: Any) -> dict[str, Any]:
        found = [{"stateMachineVersionArn": arn} for arn in reversed(self.versions)]
        return _page("stateMachineVersions", found, request)

    def list_state_machine_aliases(self, **request: Any) -> dict[str, Any]:
        return _page("stateMachineAliases", [{"stateMachineAliasArn": f"{MACHINE}:live"}], request)

    def describe_state_machine_alias(self, **_: str) -> dict[str, Any]:
        return {"routingConfiguration": [{"stateMachineVersionArn": self.live, "weight": 100}]}

    def describe_state_machine(self, stateMachineArn: str) -> dict[str, Any]:
        return {"definition": self.latest if stateMachineArn == MACHINE else self.versions[stateMachineArn]}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:
        return {"definition": self.running[executionArn]}

    def delete_state_machine_version(self, stateMachineVersionArn: str) -> None:
        assert stateMachineVersionArn != self.live, "an alias leads to it"
        del self.versions[stateMachineVersionArn]

    def get_paginator(self, operation: str) -> Account:
        assert operation == "list_versions_by_function"
        return self

    def paginate(self, FunctionName: str) -> Iterator[dict[str, Any]]:
        yield {"Versions": [{"Version": "$LATEST"}]}
        yield {"Versions": [{"Version": str(number)} for number in self.functions[FunctionName]]}

    def delete_function(self, FunctionName: str, Qualifier: str) -> None:
        if int(Qualifier) not in self.functions[FunctionName]:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "DeleteFunction")
        self.functions[FunctionName].remove(int(Qualifier))


def _page(member: str, found: list[dict[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
    start = int(request.get("nextToken", 0))
    more = {"nextToken": str(start + 2)} if start + 2 < len(found) else {}
    return {member: found[start : start + 2], **more}


def pruned(account: Account) -> list[str]:
    """What was said."""
    said: list[str] = []
    prune(account, MACHINE, said.append)
    return said


def test_the_installed_release_and_the_one_before_stay() -> None:
    account = Account(5)
    assert pruned(account) == ["superseded and in use no more: 3 versions of the state machine, 6 of functions"]
    assert account.left() == ([4, 5], [[4, 5], [4, 5]])


def test_pruning_again_removes_nothing_more() -> None:
    account = Account(5)
    pruned(account)
    left = account.left()
    assert pruned(account) == []
    assert account.left() == left


def test_a_release_that_an_execution_runs_on_stays_until_it_has_ended() -> None:
    account = Account(5)
    account.running = {"old": f"{MACHINE}:2", "new": f"{MACHINE}:5", "newer": f"{MACHINE}:5"}
    pruned(account)
    assert account.left() == ([2, 4, 5], [[2, 4, 5], [2, 4, 5]])
    del account.running["old"]
    pruned(account)
    assert account.left() == ([4, 5], [[4, 5], [4, 5]])


def test_an_execution_that_no_version_started_keeps_its_functions() -> None:
    account = Account(5)
    account.running = {"by its plain name": definition(1)}
    pruned(account)
    assert account.left() == ([4, 5], [[1, 4, 5], [1, 4, 5]])


def test_what_an_alias_leads_to_stays() -> None:
    account = Account(5)
    account.live = f"{MACHINE}:1"
    pruned(account)
    assert account.left() == ([1, 4, 5], [[1, 4, 5], [1, 4, 5]])


def test_what_another_update_has_just_published_stays() -> None:
    account = Account(3)
    account.functions[FUNCTIONS[0]].add(4)
    pruned(account)
    assert account.left() == ([2, 3], [[2, 3, 4], [2, 3]])


def test_two_that_prune_at_once_do_not_disturb_each_other() -> None:
    account = Account(3)
    delete = account.delete_function

    def both(**request: str) -> None:
        delete(**request)
        delete(**request)

    account.delete_function = both  # type: ignore[method-assign]
    assert pruned(account) == ["superseded and in use no more: 1 versions of the state machine, 0 of functions"]
    assert account.left() == ([2, 3], [[2, 3], [2, 3]])


@pytest.mark.parametrize(
    "text", ["arn:aws:lambda:us-west-2:1:function:name", "arn:aws:lambda:us-west-2:1:function:name:live"]
)
def test_only_published_versions_are_counted(text: str) -> None:
    assert called(text) == {}
