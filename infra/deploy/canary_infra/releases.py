"""Removing superseded releases: versions that no execution runs on and none can be started on.

docs/decisions/0009-releases.md says why this is safe at any time and how often it may be run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from .aws import Clients, code
from .stacks import Say

# The installed release, and the one before it: for some seconds after an update executions may still be started on that one.
_RELEASES = 2
_VERSION = re.compile(r":function:([A-Za-z0-9_-]+):(\d+)\b")

Versions = Mapping[str, set[int]]


def prune(client: Clients, state_machine: str, say: Say) -> None:
    """Removes what is superseded. First versions of the state machine, so that nothing can begin on what goes after them."""
    states = client("stepfunctions")
    running = list(
        _pages(states, "list_executions", "executions", stateMachineArn=state_machine, statusFilter="RUNNING")
    )
    kept, superseded = _sorted(states, state_machine, running)
    for version in superseded:
        try:
            states.delete_state_machine_version(stateMachineVersionArn=version)
        except ClientError as error:
            # Another operator publishes or removes at the same moment: the next update removes it.
            if code(error) != "ConflictException":
                raise
    definitions = list(_definitions(states, [state_machine, *kept]))
    # The others run on a definition that is looked at already.
    unversioned = [each["executionArn"] for each in running if each.get("stateMachineVersionArn") not in kept]
    definitions += [states.describe_state_machine_for_execution(executionArn=arn)["definition"] for arn in unversioned]
    removed = _functions(client, called(definitions[0]), called(*definitions))
    if superseded or removed:
        say(f"superseded and in use no more: {len(superseded)} versions of the state machine, {removed} of functions")


def _definitions(states: Any, arns: list[str]) -> Iterator[str]:
    """What a state machine and its versions do. A version that another operator removed meanwhile calls nothing any more."""
    for arn in arns:
        try:
            yield states.describe_state_machine(stateMachineArn=arn)["definition"]
        except ClientError as error:
            if code(error) != "StateMachineDoesNotExist" or arn == arns[0]:
                raise


def called(*definitions: str) -> Versions:
    """The versions of functions that definitions call, by the functions' names."""
    found: dict[str, set[int]] = defaultdict(set)
    for name, version in _VERSION.findall(" ".join(definitions)):
        found[name].add(int(version))
    return found


def _sorted(states: Any, state_machine: str, running: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The versions of the state machine that stay, and those that go."""
    listed = list(_pages(states, "list_state_machine_versions", "stateMachineVersions", stateMachineArn=state_machine))
    versions = sorted((each["stateMachineVersionArn"] for each in listed), key=_number, reverse=True)
    used = {each.get("stateMachineVersionArn") for each in running} | set(_routed(states, state_machine))
    kept = [arn for place, arn in enumerate(versions) if place < _RELEASES or arn in used]
    return kept, [arn for arn in versions if arn not in kept]


def _routed(states: Any, state_machine: str) -> Iterator[str]:
    """The versions that aliases lead to."""
    aliases = _pages(states, "list_state_machine_aliases", "stateMachineAliases", stateMachineArn=state_machine)
    for alias in aliases:
        found = states.describe_state_machine_alias(stateMachineAliasArn=alias["stateMachineAliasArn"])
        yield from (route["stateMachineVersionArn"] for route in found["routingConfiguration"])


def _functions(client: Clients, installed: Versions, used: Versions) -> int:
    """Removes functions' versions before the installed one that nothing calls. A later one belongs to an update that is under way."""
    functions = client("lambda")
    removed = 0
    for name, present in installed.items():
        pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        published = [each["Version"] for page in pages for each in page["Versions"]]
        for number in map(int, filter(str.isdigit, published)):
            if number < max(present) and number not in used[name]:
                removed += _delete(functions, name, number)
    return removed


def _delete(functions: Any, name: str, version: int) -> bool:
    """Harmless when it is gone."""
    try:
        functions.delete_function(FunctionName=name, Qualifier=str(version))
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return False
    return True


def _number(version_arn: str) -> int:
    return int(version_arn.rsplit(":", 1)[-1])


def _pages(client: Any, operation: str, member: str, **request: Any) -> Iterator[dict[str, Any]]:
    """Every entry of a list; botocore has no paginator for the lists of versions and aliases."""
    while True:
        answer = getattr(client, operation)(**request)
        yield from answer[member]
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]
