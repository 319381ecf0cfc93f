"""Starts many executions at once, and takes down how each of them went."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canary_local.environment import Environment
from canary_local.errors import LocalError
from canary_local.executions import words

from .callers import Callers
from .mix import SUCCEEDED, Service
from .proxy import Calls
from .stage import Stage, make_routers, set_routes

# Executions are started by as many threads.
_STARTERS = 8
_POLL_SECONDS = 1.0
_SAY_SECONDS = 10.0
# Ten times what it takes on a machine without other work.
LIMIT_SECONDS = 600.0
LIMIT_SECONDS_EACH = 6.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ending:
    """How one execution went."""

    state: str
    error: str
    cause: str
    seconds: float
    transitions: int
    events: int
    invocations: int
    retried: Mapping[str, int]
    """Failed attempts of tasks, by the error's name: all but the last one of a state were tried again."""


@dataclass
class Phase:
    """Executions that ran at the same time."""

    name: str
    seconds: float
    started_in: float
    """Seconds in which all of them were started."""
    endings: dict[Service, Ending]
    calls: Calls
    throttled: Calls
    lowest_memory: int
    """The least memory in MiB that the machine had left meanwhile."""


@dataclass
class Played:
    """A whole load."""

    before: Phase
    phase: Phase
    callers: Callers | None = None
    problems: dict[str, list[str]] = field(default_factory=dict)


def play(stage: Stage, services: Sequence[Service], request: Requests, options: Options, say: Say) -> Played:
    """Deploys the versions before, then one version of every service at once while callers call."""
    make_routers(stage.env, services)
    stage.proxy.throttle(options.throttled_percent)
    existing = [service for service in services if not service.kind.first]
    before = _phase(stage, "versions before", {service: request.before(service) for service in existing}, say)
    wrong = [
        f"{service.name}: {end.state}: {end.error}: {end.cause}"
        for service, end in before.endings.items()
        if end.state != SUCCEEDED
    ]
    if wrong:
        raise LocalError(
            f"{len(wrong)} of {len(existing)} versions before were not deployed, the first of them {wrong[0]}"
        )
    set_routes(stage.env, existing)
    called = [service for service in services if service.kind.called]
    with Callers(stage.env.gateway_url, called, options.rate) as callers:
        phase = _phase(stage, "deployments", {service: request.after(service) for service in services}, say, callers)
    return Played(before, phase, callers)


@dataclass(frozen=True)
class Options:
    """How hard the load is."""

    rate: float
    """Requests a second of all callers together."""
    throttled_percent: float
    """Of the functions' calls."""


@dataclass(frozen=True)
class Requests:
    """The input of each service's executions."""

    wait: int
    template: str

    def before(self, service: Service) -> dict[str, Any]:
        """For the version before."""
        return service.first_request(self.template)

    def after(self, service: Service) -> dict[str, Any]:
        """For the version that is deployed at the same time as all others."""
        return service.request(self.wait, self.template)


def _phase(
    stage: Stage, name: str, requests: Mapping[Service, dict[str, Any]], say: Say, callers: Callers | None = None
) -> Phase:
    calls, throttled = stage.proxy.calls()
    begun = time.monotonic()
    with ThreadPoolExecutor(_STARTERS) as pool:
        started = dict(zip(requests, pool.map(stage.env.deploy, requests.values())))
    started_in = time.monotonic() - begun
    say(f"{name}: {len(started)} executions started in {started_in:.1f} s")
    lowest = _await_ends(stage.env, len(started), begun, say, callers)
    seconds = time.monotonic() - begun
    now, now_throttled = stage.proxy.calls()
    with ThreadPoolExecutor(_STARTERS) as pool:
        endings = dict(zip(started, pool.map(lambda arn: _ending(stage.env, arn), started.values())))
    return Phase(name, seconds, started_in, endings, now - calls, now_throttled - throttled, lowest)


def _await_ends(env: Environment, count: int, begun: float, say: Say, callers: Callers | None) -> int:
    """Waits until no execution runs any more; returns the least memory that was left meanwhile."""
    states, said, lowest = env.client("stepfunctions"), begun, _memory_left()
    while True:
        running = _running(states, env.state_machine_arn)
        now, lowest = time.monotonic(), min(lowest, _memory_left())
        if now - said >= _SAY_SECONDS or not running:
            said = now
            requests = f"; requests {callers.answered.total()}, failed {callers.failed}" if callers else ""
            say(f"{now - begun:5.0f} s: {count - running} of {count} ended{requests}; {lowest} MiB of memory left")
        if not running:
            return lowest
        if now - begun > LIMIT_SECONDS + LIMIT_SECONDS_EACH * count:
            raise LocalError(f"{running} of {count} executions are still running after {now - begun:.0f} s")
        time.sleep(_POLL_SECONDS)


def _running(states: Any, machine: str) -> int:
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    return sum(len(page["executions"]) for page in pages)


def _ending(env: Environment, arn: str) -> Ending:
    states = env.client("stepfunctions")
    found = states.describe_execution(executionArn=arn)
    # Without data: every event of a task repeats the template.
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=False)
    events = [event for page in pages for event in page["events"]]
    kinds = Counter(event["type"] for event in events)
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if event["type"].endswith("StateEntered")]
    failed = [event["taskFailedEventDetails"]["error"] for event in events if event["type"] == "TaskFailed"]
    return Ending(
        entered[-1],
        found.get("error", ""),
        words(found.get("cause", "")),
        (found["stopDate"] - found["startDate"]).total_seconds(),
        len(entered),
        len(events),
        kinds["TaskScheduled"],
        Counter(failed),
    )


def _memory_left() -> int:
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) // 1024
