"""How cost and calls grow with steps and with services at once: computed, and counted in real deployments."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from canary_bench import stage
from canary_bench.costs import ours
from canary_bench.costs.overhead import per_step
from canary_bench.costs.scenario import Mesh, Scenario
from canary_bench.errors import BenchError
from canary_bench.progress import say
from canary_bench.stage import Run
from canary_bench.tables import table
from canary_local.environment import Environment
from canary_local.functions import set_poll_interval
from canary_local.mesh import make_router
from canary_local.stacks import HELLO_STACK

WHAT = "cost and calls against steps and against services at once, computed and counted (3 minutes)"

STEPS = (2, 10, 100)
SERVICES = (1, 10)
COMPUTED_SERVICES = (1, 10, 100)
CHECK = "${GatherHealthFunctionArn}"
# Waits take a hundredth of their time, so that a stack is polled 3 s after it was asked for, when it is there.
SCALE, POLL, STACK_SECONDS, WAIT = 0.01, 300, 1.0, 10


def add_options(parser: ArgumentParser) -> None:
    """Nothing: each count is exact, so it is made once."""


def measure(_options: Namespace) -> str:
    """A table for each of the two."""
    with stage.environment(STACK_SECONDS, {"SFN_WAIT_SCALE": str(SCALE)}) as env:
        set_poll_interval(env.client, POLL)
        steps, services = by_steps(env), by_services(env)
    return f"**Steps**\n\n{steps}\n\n**Services at once**\n\n{services}"


def by_steps(env: Environment) -> str:
    """Computed for 60 s at each weight; counted in a real deployment with shortened waits."""
    service = "growing"
    first(env, service)
    rows = []
    for steps in STEPS:
        say(f"growth: a deployment in {steps} steps")
        run = deployed(env, service, f"steps{steps}", steps)
        agree([run], run.calls, steps, mesh_of(env))
        _, usage = ours.deploy(Scenario(steps, 60))
        total = usage.total()
        rows.append([
            f"{steps}", f"{run.transitions}", f"{run.calls.total()}",
            f"{usage.transitions}", f"{usage.calls.total()}", f"{usage.events}", f"{usage.lambda_ms / 1_000:.1f}",
            f"{total:.4f}", f"{(total - fixed()) / steps:.5f}",
        ])  # fmt: skip
    head = [
        "steps", "counted transitions", "counted calls", "transitions at 60 s", "calls", "history events", "Lambda s",
        "$", "$ a step",
    ]  # fmt: skip
    return table(head, rows)


def by_services(env: Environment) -> str:
    """Computed for 10 × 60 s; counted in real deployments of 4 steps that run at the same time."""
    names = [f"crowd{number}" for number in range(max(SERVICES))]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: first(env, name), names))
    measured = {}
    for count in SERVICES:
        say(f"growth: {count} deployment(s) at once")
        measured[count] = at_once(env, names[:count], f"crowd{count}")
    rows = []
    for count in COMPUTED_SERVICES:
        _, usage = ours.deploy(Scenario(10, 60, mesh=Mesh.of(count)))
        transitions, calls, step = measured.get(count, ("", "", ""))
        rows.append([
            f"{count}", transitions, calls, step, f"{usage.transitions * count}", f"{usage.calls.total() * count}",
            f"{usage.total() * count:.3f}", f"{usage.invocations[CHECK] * count / usage.seconds:.2f}",
        ])  # fmt: skip
    head = [
        "services", "counted transitions", "counted calls", "local ms a step", "transitions of 10 × 60 s", "calls", "$",
        "checks a second",
    ]  # fmt: skip
    return table(head, rows)


def fixed() -> float:
    """What the deployment costs without its steps: the difference of two and one, taken from one."""
    one, two = (ours.deploy(Scenario(steps, 60))[1].total() for steps in (1, 2))
    return one - (two - one)


def first(env: Environment, service: str) -> None:
    """A service's first version. TCP, because nobody has to call it for a check to say how to go on."""
    make_router(env, service, stage.PORT, "tcp")
    stage.follow(env, env.deploy(stage.request(env, service, "first", Protocol="tcp", WaitTime=WAIT)))


def start(env: Environment, service: str, sha: str, steps: int) -> str:
    """Starts a canary in that many steps."""
    return env.deploy(stage.request(env, service, sha, Protocol="tcp", WaitTime=WAIT, PercentageStep=100 // steps))


def deployed(env: Environment, service: str, sha: str, steps: int) -> Run:
    """A canary in that many steps, once it has succeeded."""
    return stage.finished(env, start(env, service, sha, steps))


def at_once(env: Environment, services: list[str], sha: str) -> tuple[str, str, str]:
    """Transitions and calls of all of them, and the median of their steps' milliseconds beyond the wait."""
    with ThreadPoolExecutor(len(services)) as pool:
        executions = list(pool.map(lambda service: start(env, service, sha, 4), services))
        runs = list(pool.map(lambda execution: stage.finished(env, execution), executions))
    begin, end = min(run.start for run in runs), max(run.end for run in runs)
    calls = stage.recorded.calls(env.aws_calls, begin, end)
    agree(runs, calls, 4, mesh_of(env))
    steps = [step.total for run in runs for step in per_step(run.spans, SCALE)]
    counted = sum(run.transitions for run in runs)
    return f"{counted}", f"{calls.total()}", f"{median(steps) * 1_000:.0f}"


def mesh_of(env: Environment) -> Mesh:
    """What is in the mesh."""
    appmesh, mesh = env.client("appmesh"), {"meshName": HELLO_STACK}
    routers = appmesh.list_virtual_routers(**mesh)["virtualRouters"]
    names = [router["virtualRouterName"] for router in routers]
    routes = sum(len(appmesh.list_routes(**mesh, virtualRouterName=name)["routes"]) for name in names)
    return Mesh(len(names), routes, len(appmesh.list_virtual_services(**mesh)["virtualServices"]))


def agree(runs: Sequence[Run], calls: Counter[str], steps: int, mesh: Mesh) -> None:
    """Fails if the arithmetic is not what was counted. How often a stack had to be looked at is the machine's to say."""
    computed, transitions = Counter[str](), 0
    for run in runs:
        waited = Counter(span.state for span in run.spans)
        create, delete = (POLL * waited[state] for state in ("Wait for New Version", "Wait for Removal"))
        scenario = Scenario(steps, WAIT, poll=POLL, create=create, delete=delete, counted=False, mesh=mesh)
        _, usage = ours.deploy(scenario)
        computed.update(usage.calls)
        transitions += usage.transitions
    counted = sum(run.transitions for run in runs)
    if (counted, calls) != (transitions, computed):
        differing = {call: (calls[call], computed[call]) for call in calls | computed if calls[call] != computed[call]}
        raise BenchError(
            f"{len(runs)} deployment(s) in {steps} steps: {counted} transitions were counted and {transitions} computed; "
            f"calls that differ, counted and computed: {differing}"
        )
