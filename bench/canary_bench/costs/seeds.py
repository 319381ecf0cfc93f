"""The design that this project comes from, by the same rules.

Seven functions in Python; the two that create and delete a stack wait for it inside the function, with boto3's waiters. Each
weight but the last is looked at once, after `WaitTime`; 100 % is not watched. What its states, functions and their memory are:
https://github.com/aws/aws-app-mesh-examples/tree/main/blogs/ecs-canary-deployments-pipeline
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .scenario import Scenario
from .usage import Runtime, Usage

RUNTIME = Runtime(start=153.0, first=19.0, call=0.71)
"""Medians of one of them, the check of the version: measured once, on two processors, with a local Runtime API and TLS on
loopback. Assumed for the six others, and its later invocation for each call."""
LIMIT_SECONDS = 900.0
"""No function runs for longer. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
WAITER_SECONDS = 30.0
"""Between two polls of a waiter.
https://docs.aws.amazon.com/boto3/latest/reference/services/cloudformation/waiter/StackCreateComplete.html"""
# Entered, scheduled, started, succeeded, exited; and the execution's own two.
_TASK_EVENTS, _STATE_EVENTS, _EXECUTION_EVENTS = 5, 2, 2


@dataclass
class _Execution:
    usage: Usage = field(default_factory=Usage)

    def task(self, function: str, *calls: str, memory: int = 128, waited: float = 0.0) -> None:
        waited = -(-waited // WAITER_SECONDS) * WAITER_SECONDS
        polls = ("cloudformation:DescribeStacks",) * (int(waited / WAITER_SECONDS) + 1 if waited else 0)
        self.usage.invoke(function, self.usage.seconds, (*calls, *polls), RUNTIME, memory, waited)
        self.usage.seconds += waited
        self._entered(1, _TASK_EVENTS)

    def others(self, count: int, seconds: float = 0.0) -> None:
        self.usage.seconds += seconds
        self._entered(count, _STATE_EVENTS)

    def _entered(self, count: int, events: int) -> None:
        self.usage.transitions += count
        self.usage.events += count * events


def deploy(scenario: Scenario) -> Usage:
    """What a canary that goes well uses."""
    if max(scenario.create, scenario.delete) > LIMIT_SECONDS:
        raise ValueError(
            f"a stack that takes longer than {LIMIT_SECONDS:.0f} s outlives the function that waits for it"
        )
    run = _Execution()
    run.usage.events += _EXECUTION_EVENTS
    run.task("check deployment version", "ssm:GetParameter")
    run.task(
        "deploy canary infrastructure", "cloudformation:ValidateTemplate", "cloudformation:CreateStack",
        waited=scenario.create,
    )  # fmt: skip
    for _ in range(scenario.steps - 1):
        _shift(run)
        # Traffic Totally Switched? and Wait
        run.others(2, scenario.wait)
        run.task("gather healthcheck status", "cloudwatch:GetMetricData")
        run.usage.metrics += 1
        # Is Healthy?
        run.others(1)
    _shift(run)
    # Traffic Totally Switched?, Deployment Succeeded?, Was first Deployment?
    run.others(3)
    run.task(
        "remove previous canary components", "appmesh:DescribeRoute", "appmesh:UpdateRoute",
        "cloudformation:DeleteStack", memory=512, waited=scenario.delete,
    )  # fmt: skip
    run.task("update deployment version", "ssm:PutParameter")
    # Deployment Succeeded
    run.others(1)
    return run.usage


def _shift(run: _Execution) -> None:
    run.task("start canary", "appmesh:DescribeRoute", "appmesh:UpdateRoute", memory=512)
