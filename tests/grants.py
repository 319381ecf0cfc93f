"""Compares what roles may do with what they were seen to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canary_local.stacks import SHARED_STACK

# A function's session of its role is called like the function.
_FUNCTION = re.compile(rf":assumed-role/[^/]+/({SHARED_STACK}-[^/]+)$")


@dataclass(frozen=True)
class Call:
    """One decision of IAM, as the environment records it."""

    role: str
    action: str
    resource: str
    allowed: bool


@dataclass(frozen=True)
class Grant:
    """One action on one pattern of resources, and the statement that grants it."""

    action: str
    resource: str
    statement: str

    def covers(self, call: Call) -> bool:
        """As IAM matches: `*` is any text and `?` any character, and the case of an action does not matter."""
        return _matches(self.action, call.action, re.IGNORECASE) and _matches(self.resource, call.resource)


def calls(record: str) -> Iterator[Call]:
    """The decisions about functions in an environment's record, with the function's name as the role."""
    for line in record.splitlines():
        call = json.loads(line)
        if function := _FUNCTION.search(call["principal"]):
            yield Call(function[1], call["action"], call["resource"], call["allowed"])


def grants(name: str, document: Mapping[str, Any]) -> Iterator[Grant]:
    """Each action of a policy's Allow statements on each of their resources. `name` is how the policy is called."""
    statements = _listed(document["Statement"])
    for number, statement in enumerate(statements, start=1):
        if statement["Effect"] != "Allow":
            continue
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield Grant(action, resource, f"statement {number} of {len(statements)} in policy `{name}`")


def findings(granted: Mapping[str, Sequence[Grant]], calls: Iterable[Call], exempt: Mapping[str, str]) -> list[str]:
    """What is wrong, in sentences; empty if each role was seen to use all that it is granted, and nothing else.

    `granted` is by role. `exempt` are actions that no call can show, with the reason; one that is granted to nobody is wrong.
    """
    seen = sorted(set(calls), key=lambda call: (call.role, call.action, call.resource))
    found = []
    for role, given in granted.items():
        of_role = [call for call in seen if call.role == role]
        for call in of_role:
            if not call.allowed:
                found.append(f"`{role}` was denied `{call.action}` on `{call.resource}`")
            elif not any(grant.covers(call) for grant in given):
                found.append(f"`{role}` calls `{call.action}` on `{call.resource}`, which no statement grants")
        for grant in given:
            if grant.action not in exempt and not any(grant.covers(call) for call in of_role):
                found.append(f"`{role}` never uses `{grant.action}` on `{grant.resource}` ({grant.statement})")
    everything = {grant.action for given in granted.values() for grant in given}
    return found + [f"`{action}` is exempt and granted to nobody" for action in exempt if action not in everything]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str, flags: int = 0) -> bool:
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), text, flags | re.DOTALL) is not None
