"""This project's design: what each function answers and calls in a canary that goes well, and what all of it uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from . import machine
from .machine import Visit
from .scenario import Mesh, Scenario
from .usage import Runtime, Usage

Answered = tuple[tuple[str, ...], Any]
"""The calls that a function makes, and its output."""

RUNTIME = Runtime(start=4.0, first=5.0, call=0.3)
"""The upper end of what the functions took (docs/measurements.md, Functions), rounded up."""
METRICS = 5
"""Classes of answers that a check asks for."""

SHIFT_TRAFFIC = "${ShiftTrafficFunctionArn}"
DESCRIBE_STACK = ("cloudformation:DescribeStacks",)
TASKS = (*DESCRIBE_STACK, "cloudformation:ListStackResources", "ecs:DescribeServices", "ecs:ListTasks",
         "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition")  # fmt: skip
"""Of a version with one ECS service, of which no task has stopped."""

PLAN = ("cloudformation:ValidateTemplate", "dynamodb:UpdateItem", "ssm:GetParameter", "appmesh:DescribeRoute",
        "appmesh:DescribeVirtualRouter", "appmesh:DescribeVirtualNode", "dynamodb:UpdateItem")  # fmt: skip
CREATE = (*DESCRIBE_STACK, "cloudformation:CreateStack")
SHIFT = ("appmesh:DescribeRoute", "appmesh:DescribeRoute", "appmesh:UpdateRoute", "appmesh:DescribeRoute")
CHECK = (*TASKS, "cloudwatch:GetMetricData")
RECORD = ("ssm:GetParameter", "dynamodb:UpdateItem", "appmesh:DescribeRoute", "ssm:GetParameter", "ssm:PutParameter")
POLL_REMOVAL = ("dynamodb:UpdateItem", "appmesh:DescribeRoute", *DESCRIBE_STACK)
UNLOCK = ("dynamodb:DeleteItem",)

# A lock with its plan is between 1 and 2 KB, and a write unit is 1 KB of the larger of what was there and what is.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
_LOCK_UNITS = 2


def remove(mesh: Mesh) -> tuple[str, ...]:
    """The calls that ask for the old version's deletion: its stack, the candidate's tasks, and all that can name it."""
    return (
        "dynamodb:UpdateItem", "appmesh:DescribeRoute", *DESCRIBE_STACK, *TASKS, *DESCRIBE_STACK,
        "appmesh:ListVirtualRouters", *["appmesh:ListRoutes"] * mesh.routers, *["appmesh:DescribeRoute"] * mesh.routes,
        "appmesh:ListVirtualServices", *["appmesh:DescribeVirtualService"] * mesh.services,
        "cloudformation:DeleteStack",
    )  # fmt: skip


class World:
    """AWS as the functions find it: it answers as they do, and notes what they use."""

    def __init__(self, scenario: Scenario) -> None:
        self.usage = Usage()
        self._scenario = scenario
        self._created: float | None = None
        self._deleted: float | None = None
        self._reported = 0.0
        self._answers = {
            "${CheckVersionFunctionArn}": self._plan,
            "${DeployStackFunctionArn}": self._deploy,
            SHIFT_TRAFFIC: self._shift,
            "${GatherHealthFunctionArn}": self._check,
            "${PromoteFunctionArn}": self._promote,
            "${RemoveOldFunctionArn}": self._remove,
        }

    def answer(self, resource: str, data: Mapping[str, Any], now: float) -> tuple[Any, float]:
        """Answers as the function does, and says how many seconds it took."""
        calls, result = self._answers[resource](data, now)
        seconds = self.usage.invoke(resource, now, calls, RUNTIME) / 1_000
        if resource == SHIFT_TRAFFIC:
            # The router reports a weight at the end of the function that sets it.
            self._reported = now + seconds
        self.usage.metrics += METRICS * calls.count("cloudwatch:GetMetricData")
        self.usage.write_units += _LOCK_UNITS * sum(call.startswith("dynamodb:") for call in calls)
        return result, seconds

    def _plan(self, _: Mapping[str, Any], __: float) -> Answered:
        begin = {name: {"deletions": 0} for name in ("stack", "rollback", "removal")}
        plan = {"pollSeconds": self._scenario.poll}
        progress = {"phase": "Deploying", "step": 0}
        return PLAN, {"status": "Planned", "plan": plan, "progress": progress, "repair": False, **begin}

    def _deploy(self, _: Mapping[str, Any], now: float) -> Answered:
        if self._created is None:
            self._created = now + self._scenario.create
            return CREATE, {"status": "InProgress", "deletions": 0}
        return DESCRIBE_STACK, {"status": "Ready" if now >= self._created else "InProgress", "deletions": 0}

    def _shift(self, data: Mapping[str, Any], _: float) -> Answered:
        return SHIFT, {**data["progress"], "phase": "Watching", "waitSeconds": self._scenario.wait}

    def _check(self, data: Mapping[str, Any], now: float) -> Answered:
        progress, scenario = data["progress"], self._scenario
        left = math.ceil(scenario.complete_at(self._reported) - now)
        if left > 0:
            return CHECK, {**progress, "waitSeconds": min(left, scenario.check_interval)}
        following = progress["step"] + 1
        if following < scenario.steps:
            return CHECK, {**progress, "phase": "Shifting", "step": following}
        return CHECK, {**progress, "phase": "Promoting"}

    def _promote(self, data: Mapping[str, Any], _: float) -> Answered:
        return RECORD, {**data["progress"], "phase": "Retiring"}

    def _remove(self, _: Mapping[str, Any], now: float) -> Answered:
        if self._deleted is None:
            self._deleted = now + self._scenario.delete
            return remove(self._scenario.mesh), {"status": "InProgress", "deletions": 1}
        if now < self._deleted:
            return POLL_REMOVAL, {"status": "InProgress", "deletions": 1}
        return POLL_REMOVAL + UNLOCK, {"status": "Removed"}


def deploy(scenario: Scenario) -> tuple[list[Visit], Usage]:
    """The states of such a deployment, and what it uses."""
    world = World(scenario)
    visits = machine.walk(machine.definition(), world.answer)
    usage = world.usage
    usage.transitions, usage.seconds, usage.events = len(visits), visits[-1].at, machine.history_events(visits)
    return visits, usage
