"""A service that acts with a role of the user's, as CloudFormation and Step Functions do: what that role may do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from .patching import expect, expect_function


def register() -> None:
    """Checks that IAM can be asked."""
    expect(iam, "_roles")
    for name, parameters in (
        ("_gather_role_policies", ("role_name", "account_id")),
        ("_permissions_boundary", ("store", "name", "account_id")),
        ("evaluate", ("ctx", "policies", "limits")),
    ):
        expect_function(iam_evaluator, name, *parameters)


class ActingRole:
    """A role's policies as they are now, and the session that acts with them."""

    def __init__(self, role: str, session: str) -> None:
        self._account = get_account_id()
        self.principal = f"arn:aws:sts::{self._account}:assumed-role/{role}/{session}"
        self._policies = iam_evaluator._gather_role_policies(role, self._account)
        self._limits = iam_evaluator._permissions_boundary(iam._roles, role, self._account)

    def decide(self, action: str, resource: str | None, **keys: str) -> Any:
        """IAM's decision about an action on a resource. Without a resource: whether the role may do it to anything."""
        policies = self._policies
        if resource is None:
            # Of an Allow the resources do not matter then; a Deny counts only where it is for everything.
            policies = [[_for_anything(each) if each.effect == "Allow" else each for each in made] for made in policies]
        context = iam_evaluator.EvalContext(
            principal_arn=self.principal,
            principal_type="AssumedRole",
            principal_account=self._account,
            action=action,
            resource_arn=resource or "*",
            region=get_region(),
            service_context=keys,
        )
        return iam_evaluator.evaluate(context, policies, *self._limits)


def _for_anything(statement: Any) -> Any:
    return replace(statement, resources=["*"], not_resources=[])
