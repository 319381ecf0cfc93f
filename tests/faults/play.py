"""Plays deployments in a lane: without a fault, to see which calls there are, and with one at a time."""

from __future__ import annotations

import itertools
import json
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deployments import Callers, Ending

from canary_local.checkout import FUNCTIONS, Checkout
from canary_local.errors import LocalError
from canary_local.executions import Event

from .kinds import SUCCEEDED, Kind
from .lane import BAD, Lane
from .promise import DELETE_STACK, REPAIR, Run, unsettled, violations
from .rules import Call, Fault, planned, recording
from .service import Service, VersionCallers
from .sight import ENVIRONMENT

# No run takes half of it; a longer one is stopped, which is a violation.
LIMIT_SECONDS = 300.0
GONE_SECONDS = 30
POLL_SECONDS = 0.02
THREADS = 2
# How often a fault may miss: of looks that are repeated until a stack is ready, there are not always the same number.
ATTEMPTS = 3


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    final: str
    seconds: float
    fired: int
    repaired: str
    """What finished what the run had left: nothing was left, a repair did, or the command of the cause."""
    violations: Sequence[str]


class Player:
    """Plays one case after the other in a lane, each beginning where the service is settled."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.env = lane, lane.env
        self._numbers = itertools.count(1)
        self._live: Service | None = None
        self._final_states = final_states(lane.env.checkout)

    def record(self, kind: Kind) -> list[Call]:
        """The calls of a deployment without a fault, in order."""
        with self._service(kind) as service:
            ids = self.lane.proxy.set(recording(FUNCTIONS))
            with VersionCallers(service.url, 0 if kind.first else THREADS):
                ending = self._deploy(service, self._sha(kind))
            if ending.entered()[-1] != kind.ends:
                raise LocalError(f"without a fault, `{kind.name}` ended in `{ending.entered()[-1]}`: {ending.cause}")
            return numbered(self.lane.proxy.fired(), ids)

    def judge(self, kind: Kind, call: Call, fault: Fault) -> Result:
        """`play`. What this program itself fails at is a violation of its case, and no reason to lose the others."""
        try:
            return self.play(kind, call, fault)
        except LocalError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the other cases are to be played)
            traceback.print_exc()
            self._live = None
            return Result("", 0, 0, "", [f"harness: {type(error).__name__}: {error}"])

    def play(self, kind: Kind, call: Call, fault: Fault) -> Result:
        """One deployment with one fault, and what finishes it. One that its call escaped, or a function that was to be killed and
        had ended, is tried again."""
        for _ in range(ATTEMPTS):
            result = self._play(kind, call, fault)
            if result.fired or result.violations:
                return result
        missed = f"harness: the fault did not strike in {ATTEMPTS} runs"
        return Result(result.final, result.seconds, 0, result.repaired, [missed])

    def _play(self, kind: Kind, call: Call, fault: Fault) -> Result:
        begun = time.monotonic()
        with self._service(kind) as service:
            with VersionCallers(service.url, 0 if kind.first else THREADS) as callers:
                run, fired = self._hit(service, kind, call, fault, callers)
                found = [*violations(run, self._final_states)]
                repaired, left = self._finish(service, run)
            later = callers.failed[len(run.failed_requests) :]
            found += left
            found += [f"callers: a request failed when the rest was finished: {failure}" for failure in later[:1]]
            if found and service is self._live:
                # What comes next is not to suffer from it.
                self._live = None
                service.remove()
            return Result(run.final, time.monotonic() - begun, fired, repaired, found)

    def _hit(self, service: Service, kind: Kind, call: Call, fault: Fault, callers: Callers) -> tuple[Run, int]:
        """Deploys under the fault and lifts it; how often it struck."""
        rules, sha, before = planned(call, fault), self._sha(kind), service.look()
        ours = self.lane.proxy.set([*rules, *recording(FUNCTIONS)])[len(rules) - 1]
        with self._killer(call, fault, ours) as killed:
            ending = self._deploy(service, sha, fault.tries)
        if not kind.first:
            callers.wait_for_answers(callers.answered + THREADS)
        fired = len(self.lane.proxy.fired(ours)) if all(killed) else 0
        self.lane.proxy.set([])
        after = service.look()
        answered = service.answering() if after.route else frozenset()
        final, failed = ending.entered()[-1], tuple(callers.failed)
        return Run(kind, call, fault, sha, ending.status, final, ending.cause, before, after, failed, answered), fired

    def _deploy(self, service: Service, sha: str, tries: int | None = None) -> Ending:
        return self._follow(self.env.deploy(service.event(sha)), tries)

    def _follow(self, execution: str, tries: int | None = None) -> Ending:
        """Every step to the end; one that takes too long is stopped. The fault is lifted when tasks have failed so often."""
        stop = lambda: self.env.client("stepfunctions").stop_execution(executionArn=execution)
        timer = threading.Timer(LIMIT_SECONDS, stop)
        timer.start()
        try:
            return Ending(list(self._lifting(self.env.follow(execution), tries)))
        finally:
            timer.cancel()

    def _lifting(self, steps: Iterator[Event], tries: int | None) -> Iterator[Event]:
        failed = 0
        for step in steps:
            failed += step.kind == "failed"
            if failed == tries and step.kind == "failed":
                self.lane.proxy.lift()
            yield step

    def _finish(self, service: Service, run: Run) -> tuple[str, list[str]]:
        """Does what the run's cause says is left to do, or a repair if only the lock is; says what, and what is left then."""
        how, found = "", []
        if command := REPAIR.search(run.cause):
            how, found = "its repair command", self._repair(*command.groups())
        elif run.after.lock:
            request = {"Action": "Repair", "EnvironmentName": ENVIRONMENT, "MicroserviceName": service.name}
            how, found = "a repair", self._repair(self.env.state_machine_arn, json.dumps(request))
        command = DELETE_STACK.search(run.cause)
        if command and command[1] in service.look().stacks:
            how = "its delete-stack command"
            self._delete(command[1])
        now = service.look()
        left = unsettled(now, service.answering() if now.route else frozenset())
        return how, [*found, *left]

    def _repair(self, state_machine: str, request: str) -> list[str]:
        client = self.env.client("stepfunctions")
        ending = self._follow(client.start_execution(stateMachineArn=state_machine, input=request)["executionArn"])
        return [] if ending.status == "SUCCEEDED" else [f"13: the repair ended {ending.status}: {ending.cause}"]

    def _delete(self, stack: str) -> None:
        client = self.env.client("cloudformation")
        client.delete_stack(StackName=stack)
        waiter = client.get_waiter("stack_delete_complete")
        waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": GONE_SECONDS})

    def _sha(self, kind: Kind) -> str:
        return f"{BAD if kind.bad else 'good'}{next(self._numbers)}"

    @contextmanager
    def _service(self, kind: Kind) -> Iterator[Service]:
        """A new service for a first deployment, and else the one that has a version already."""
        if kind.first:
            service = Service(self.env, f"first{next(self._numbers)}")
            try:
                yield service
            finally:
                service.remove()
            return
        if self._live is None:
            self._live = self._settled()
        yield self._live

    def _settled(self) -> Service:
        """A service with a live version, and with settings of the user's on its route."""
        service, sha = Service(self.env, f"live{next(self._numbers)}"), f"good{next(self._numbers)}"
        self.lane.proxy.set([])
        ending = self._deploy(service, sha)
        if ending.entered()[-1] != SUCCEEDED:
            raise LocalError(f"without a fault, the first deployment ended in `{ending.entered()[-1]}`: {ending.cause}")
        service.configure()
        service.await_answer(sha)
        return service

    @contextmanager
    def _killer(self, call: Call, fault: Fault, rule: int) -> Iterator[list[bool]]:
        """Kills the function as soon as the call that hangs has had its effect. Gives whether that was done, if it is to be."""
        if not fault.kills:
            yield []
            return
        ended, killed = threading.Event(), [False]

        def watch() -> None:
            while not ended.wait(POLL_SECONDS):
                if self.lane.proxy.fired(rule) and self.lane.proxy.answered():
                    killed[0] = self.lane.kill(call.function)
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield killed
        finally:
            ended.set()
            thread.join()


def numbered(fired: Sequence[Mapping[str, Any]], ids: Sequence[int]) -> list[Call]:
    """The calls that the rules of `recording` saw, each with its number among those alike."""
    seen: Counter[tuple[str, str, str]] = Counter()
    calls = []
    for event in fired:
        alike = (FUNCTIONS[ids.index(event["rule_id"])], event["service"], event["operation"])
        seen[alike] += 1
        calls.append(Call(*alike, seen[alike]))
    return calls


def final_states(checkout: Checkout) -> frozenset[str]:
    """The states in which the state machine ends."""
    states = json.loads(checkout.definition.read_text())["States"]
    return frozenset(name for name, state in states.items() if state["Type"] in ("Succeed", "Fail"))
