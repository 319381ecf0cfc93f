"""The state machine's definition on either interpreter, with scripted functions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from deployments import Ending
from moto.stepfunctions.parser.asl.component.common.retry import jitter_strategy_decl, retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from second_interpreter import client, definition, slug

from canary_local import executions

ROOT = Path(__file__).resolve().parents[1]
# Of a Task in the impatient machine: short, but not so short that a busy machine's answers come too late.
TIMEOUT_SECONDS = 3
DEFINITION = (ROOT / "statemachine" / "canary.asl.json").read_text()


@dataclass
class Pauses:
    """What moto would have waited before retries: the range that jitter chose from, and the choice."""

    ranges: list[tuple[float, float]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def uniform(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return random.uniform(low, high)


@dataclass
class Interpreter:
    """State machines on one of the two."""

    name: str
    client: Callable[[str], Any]
    machine: str
    impatient: str
    """The same machine with shorter time-outs."""

    def run(self, event: Mapping[str, Any], machine: str | None = None) -> Ending:
        """Runs an execution to its end."""
        arn = self.start(event, machine)
        self.history(arn)
        return Ending(list(executions.follow(self.client, arn)))

    def start(self, event: Mapping[str, Any], machine: str | None = None) -> str:
        """Starts an execution; returns its ARN."""
        return executions.start(self.client, machine or self.machine, event)

    def history(self, arn: str) -> list[dict[str, Any]]:
        """The events of an execution that has ended, which is waited for."""
        states = self.client("stepfunctions")
        deadline = time.monotonic() + 120
        while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{arn} does not end"
            time.sleep(0.05)
        return executions.history(states, arn)


def function(state: str, _: str) -> str:
    """A function for each Task, so that the stand-in knows which state calls."""
    return f"arn:aws:lambda:us-west-2:000000000000:function:{slug(state)}"


def interpreter(name: str, endpoint: str) -> Interpreter:
    """Both machines, created at a Step Functions endpoint."""
    states = client("stepfunctions", endpoint)
    role = "arn:aws:iam::000000000000:role/any"
    machines = [
        states.create_state_machine(name=machine, definition=definition(DEFINITION, function, seconds), roleArn=role)
        for machine, seconds in (("flow", None), ("flow-impatient", TIMEOUT_SECONDS))
    ]
    return Interpreter(name, lambda _: states, *(machine["stateMachineArn"] for machine in machines))


@contextmanager
def pauses_noted() -> Iterator[Pauses]:
    """Notes moto's pauses instead of sleeping them."""
    noted = Pauses()
    with (
        patch.object(retrier_decl, "time", SimpleNamespace(sleep=noted.slept.append)),
        patch.object(jitter_strategy_decl, "random", SimpleNamespace(uniform=noted.uniform)),
    ):
        yield noted


@contextmanager
def waits_noted() -> Iterator[list[int]]:
    """Notes the seconds of moto's Wait states instead of waiting."""
    noted: list[int] = []
    with patch.object(WaitFunction, "_wait_interval", lambda _self, env, wait_seconds: noted.append(wait_seconds)):
        yield noted
