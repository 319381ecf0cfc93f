"""This project's design: what each function answers and calls in a canary that goes well, and what all of it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import machine
from .machine import Visit
from .scenario import Scenario
from .usage import Runtime, Usage

RUNTIME = Runtime(start=4.0, first=5.0, call=0.3)
"""The upper end of what the six functions took (docs/measurements.md, Functions), rounded up."""
METRICS = 5
"""Classes of answers that a look asks for."""

CHECK = ("cloudformation:ValidateTemplate", "dynamodb:UpdateItem", "appmesh:DescribeVirtualRouter", "ssm:GetParameter",
         "appmesh:DescribeRoute", "appmesh:DescribeVirtualNode", "dynamodb:UpdateItem")  # fmt: skip
CREATE = ("cloudformation:DescribeStacks", "cloudformation:CreateStack")
LOOK_AT_STACK = ("cloudformation:DescribeStacks",)
SHIFT = ("appmesh:DescribeRoute", "appmesh:DescribeRoute", "appmesh:UpdateRoute", "appmesh:DescribeRoute")
LOOK = ("cloudwatch:GetMetricData",)
RECORD_AND_REMOVE = ("dynamodb:UpdateItem", "appmesh:DescribeRoute", "ssm:GetParameter", "ssm:GetParameter",
                     "ssm:PutParameter", "cloudformation:DescribeStacks", "appmesh:ListRoutes", "appmesh:DescribeRoute",
                     "cloudformation:DeleteStack")  # fmt: skip
LOOK_AT_REMOVAL = ("dynamodb:UpdateItem", "appmesh:DescribeRoute", "ssm:GetParameter", "cloudformation:DescribeStacks")
UNLOCK = ("dynamodb:DeleteItem",)

# A lock with its plan is between 1 and 2 KB, and a write unit is 1 KB of the larger of what was there and what is.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
_LOCK_UNITS = 2


class World:
    """AWS as the functions find it: it answers as they do, and notes what they use."""

    def __init__(self, scenario: Scenario) -> None:
        self.usage = Usage()
        self._scenario = scenario
        self._created: float | None = None
        self._deleted: float | None = None
        self._shifted = 0.0
        self._answers = {
            "${CheckVersionFunctionArn}": self._check,
            "${DeployStackFunctionArn}": self._deploy,
            "${ShiftTrafficFunctionArn}": self._shift,
            "${GatherHealthFunctionArn}": self._look,
            "${RemoveOldFunctionArn}": self._remove,
        }

    def answer(self, resource: str, data: Mapping[str, Any], now: float) -> Any:
        """Answers as the function does."""
        calls, result = self._answers[resource](data, now)
        self.usage.invoke(resource, now, calls, RUNTIME)
        self.usage.metrics += METRICS * calls.count("cloudwatch:GetMetricData")
        self.usage.write_units += _LOCK_UNITS * sum(call.startswith("dynamodb:") for call in calls)
        return result

    def _check(self, _: Mapping[str, Any], __: float) -> tuple[tuple[str, ...], Any]:
        scenario = self._scenario
        plan = {
            "deployment": {"kind": "Canary"},
            "weights": scenario.weights,
            "waitTime": scenario.wait,
            "pollSeconds": scenario.poll,
        }
        begin = {name: {"deletions": 0} for name in ("stack", "rollback", "removal")}
        return CHECK, {"status": "Planned", "plan": plan, "traffic": {"target": scenario.weights[0]}, **begin}

    def _deploy(self, _: Mapping[str, Any], now: float) -> tuple[tuple[str, ...], Any]:
        if self._created is None:
            self._created = now + self._scenario.create
            return CREATE, {"status": "InProgress", "deletions": 0}
        return LOOK_AT_STACK, {"status": "Ready" if now >= self._created else "InProgress", "deletions": 0}

    def _shift(self, data: Mapping[str, Any], now: float) -> tuple[tuple[str, ...], Any]:
        self._shifted = now
        weight = data["traffic"]["target"]
        return SHIFT, {"weight": weight, "target": next((w for w in self._scenario.weights if w > weight), None)}

    def _look(self, _: Mapping[str, Any], now: float) -> tuple[tuple[str, ...], Any]:
        there = now >= self._shifted + self._scenario.late
        return LOOK, {"decision": "Proceed" if there else "LookAgain"}

    def _remove(self, _: Mapping[str, Any], now: float) -> tuple[tuple[str, ...], Any]:
        if self._deleted is None:
            self._deleted = now + self._scenario.delete
            return RECORD_AND_REMOVE, {"status": "InProgress", "deletions": 1}
        if now < self._deleted:
            return LOOK_AT_REMOVAL, {"status": "InProgress", "deletions": 1}
        return LOOK_AT_REMOVAL + UNLOCK, {"status": "Removed"}


def deploy(scenario: Scenario) -> tuple[list[Visit], Usage]:
    """The states of such a deployment, and what it uses."""
    world = World(scenario)
    visits = machine.walk(machine.definition(), world.answer)
    usage = world.usage
    usage.transitions, usage.seconds, usage.events = len(visits), visits[-1].at, machine.history_events(visits)
    return visits, usage
