"""An environment to measure in, and deployments in it with everything that they leave to be counted."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canary_bench.costs import recorded
from canary_bench.costs.overhead import Interval
from canary_bench.costs.recorded import Span
from canary_bench.document import ROOT
from canary_bench.errors import BenchError
from canary_local import hello
from canary_local.checkout import Checkout
from canary_local.environment import Environment
from canary_local.errors import LocalError
from canary_local.executions import history

BACKEND = "hello-backend"
PORT = 8080


@dataclass(frozen=True)
class Run:
    """An execution that succeeded, as it was recorded."""

    history: list[dict[str, Any]]
    calls: Counter[str]
    stacks: list[Interval]
    """When CloudFormation was at work on the candidate's stack and on the old version's."""

    @property
    def spans(self) -> list[Span]:
        """Its states."""
        return recorded.spans(self.history)

    @property
    def transitions(self) -> int:
        """What Step Functions would charge for."""
        return recorded.transitions(self.history)

    @property
    def start(self) -> float:
        """When it was started."""
        return recorded.moment(self.history[0]["timestamp"])

    @property
    def end(self) -> float:
        """When it ended."""
        return recorded.moment(self.history[-1]["timestamp"])


@contextmanager
def environment(stack_seconds: float = 3.0, ministack: Mapping[str, str] | None = None) -> Iterator[Environment]:
    """A running environment whose state goes with the block."""
    with tempfile.TemporaryDirectory(prefix="canary-bench-") as name:
        try:
            with Environment.start(
                Checkout(ROOT), state_dir=Path(name), stack_seconds=stack_seconds, ministack=ministack
            ) as env:
                yield env
        except LocalError as error:
            raise BenchError(str(error)) from error


def request(env: Environment, service: str, sha: str, **changes: Any) -> dict[str, Any]:
    """A version of hello-backend under a service's name. What changes nothing is worked out once for all services."""
    return {**hello.event(env.checkout, BACKEND, sha), "MicroserviceName": service, **changes}


def follow(env: Environment, execution: str) -> None:
    """Waits until an execution has succeeded."""
    ended = list(env.follow(execution))[-1]
    if ended.status != "SUCCEEDED":
        raise BenchError(f"`{execution}` ended in `{ended.state}`: {ended.error}: {ended.cause}")


def finished(env: Environment, execution: str) -> Run:
    """What an execution left, once it has succeeded. Counts the calls of all functions while it ran."""
    follow(env, execution)
    events = history(env.client("stepfunctions"), execution)
    start, end = (recorded.moment(event["timestamp"]) for event in (events[0], events[-1]))
    calls = recorded.calls(env.aws_calls, start, end)
    return Run(events, calls, stack_work(env, start, end))


def stack_work(env: Environment, start: float, end: float) -> list[Interval]:
    """From when to when CloudFormation was at work on each stack between two moments."""
    cloudformation = env.client("cloudformation")
    found = []
    for stack in cloudformation.list_stacks()["StackSummaries"]:
        pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
        own = (
            event for page in pages for event in page["StackEvents"] if event["PhysicalResourceId"] == stack["StackId"]
        )
        times = sorted(recorded.moment(event["Timestamp"]) for event in own)
        within = [time for time in times if start <= time <= end]
        if len(within) > 1:
            found.append((within[0], within[-1]))
    return found
