"""What a whole deployment takes beyond its plan, and what it uses of AWS and costs there."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from statistics import mean, median

from canary_local.demo.load import Load
from canary_local.environment import Environment
from canary_local.executions import history
from canary_local.hello import deploy_first
from canary_local.stacks import SHARED_STACK

from canary_bench import stage
from canary_bench.costs import ours, prices, seeds
from canary_bench.costs.overhead import overhead, per_step
from canary_bench.costs.recorded import spans
from canary_bench.costs.scenario import Scenario
from canary_bench.costs.usage import Usage
from canary_bench.errors import BenchError
from canary_bench.progress import say
from canary_bench.stage import Run
from canary_bench.tables import table

WHAT = "what a deployment takes beyond its plan, by cause; what it uses and costs on AWS (2 minutes)"

STEPS, WAIT = 10, 4
REQUESTS_PER_SECOND = 20.0
INVOCATIONS = 21
# 10 × 60 s, 4 × 300 s, and a day at 100 %.
DEPLOYMENTS = {"10 × 60 s": Scenario(10, 60), "4 × 300 s": Scenario(4, 300), "1 × 86,400 s": Scenario(1, 86_400)}
# The nearest that the seeds' design can do to a day's bake, since it does not watch 100 %.
SEEDS = {**DEPLOYMENTS, "1 × 86,400 s": Scenario(2, 86_400)}
POLLS = (2, 5, 10, 15, 20, 30, 60)


def add_options(parser: ArgumentParser) -> None:
    """Nothing: a deployment has ten steps to take the median of."""


def measure(_options: Namespace) -> str:
    """Where the time goes, what is used, what it costs, and what follows for the interval between looks."""
    with stage.environment() as env:
        deploy_first(env)
        say("deployment: invocations that make no AWS call")
        invocations = empty_invocations(env)
        say(f"deployment: {STEPS} × {WAIT} s with {REQUESTS_PER_SECOND:.0f} requests a second")
        run = canary(env)
    return "\n\n".join([
        f"**Beyond the plan, {STEPS} × {WAIT} s in the local environment**\n\n{causes(run, invocations)}",
        f"**Used**\n\n{used()}",
        f"**Dollars**\n\n{dollars()}",
        f"**Seconds between two looks, 10 × 60 s**\n\n{intervals()}",
    ])  # fmt: skip


def canary(env: Environment) -> Run:
    """A canary of hello-backend while requests go to it."""
    load = Load(f"{env.gateway_url}/hello-service/hello/bench", rate=REQUESTS_PER_SECOND, connections=2)
    load.start()
    try:
        changes = {"WaitTime": WAIT, "PercentageStep": 100 // STEPS}
        run = stage.finished(env, env.deploy(stage.request(env, stage.BACKEND, "bench01", **changes)))
    finally:
        load.stop()
    failed = sum(request.failed for request in load.requests)
    if failed:
        raise BenchError(f"{failed} of {len(load.requests)} requests failed during the deployment")
    return run


def empty_invocations(env: Environment) -> list[float]:
    """Milliseconds of invocations that make no AWS call, one after the other in one execution.

    The function refuses what it is given before it calls anything, so this is Lambda's way there and back.
    """
    states = env.client("stepfunctions")
    functions = env.client("lambda")
    arn = functions.get_function(FunctionName=f"{SHARED_STACK}-gather-health")["Configuration"]["FunctionArn"]
    role = states.describe_state_machine(stateMachineArn=env.state_machine_arn)["roleArn"]
    chain = {
        f"{number}": {
            "Type": "Task",
            "Resource": arn,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": f"{number + 1}"}],
            "Next": f"{number + 1}",
        }
        for number in range(INVOCATIONS)
    }
    definition = {"StartAt": "0", "States": {**chain, f"{INVOCATIONS}": {"Type": "Succeed"}}}
    machine = states.create_state_machine(name="empty", definition=json.dumps(definition), roleArn=role)
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")["executionArn"]
    stage.follow(env, execution)
    entered = [span for span in spans(history(states, execution)) if span.kind == "Task"]
    # A failed task has no exit of its own: it lasts until the next state is entered.
    return [1_000 * (after.start - before.start) for before, after in zip(entered, entered[1:])]


def causes(run: Run, invocations: Sequence[float]) -> str:
    """Milliseconds of the whole deployment, and of a step in the middle."""
    found = overhead(run.spans, WAIT, run.stacks, run.start, run.end)
    first = next(span for span in run.spans)
    begun = first.start - run.start
    tasks = [span for span in run.spans if span.kind == "Task"]
    there_and_back = median(invocations) / 1_000
    # Looks at a stack while it is made are in the stack's own time.
    share = found.tasks / sum(task.seconds for task in tasks)
    lambda_time = share * there_and_back * len(tasks)
    steps = per_step(run.spans, WAIT)
    step_tasks = [
        task.seconds for task in tasks if task.state in ("Canary & Switch Traffic", "Gather Health Check Status")
    ]
    step_all, step_lambda = median(steps), 2 * there_and_back
    step_calls = sum(step_tasks) / STEPS - step_lambda
    rows = [
        ["Lambda: to a warm function and back", lambda_time, step_lambda],
        ["AWS calls, and what the functions do with them", found.tasks - lambda_time, step_calls],
        ["polling: a stack was ready before it was looked at", found.polling, 0.0],
        ["interpreter: the start of the execution", begun, 0.0],
        ["interpreter: between states, choices, waits that ended late", found.interpreter - begun, step_all - step_lambda - step_calls],
        ["all", found.total, step_all],
    ]  # fmt: skip
    shown = [[cause, f"{1_000 * whole:.0f}", f"{1_000 * step:.0f}"] for cause, whole, step in rows]
    shown.append([f"the slowest of the {STEPS} steps", "", f"{1_000 * max(steps):.0f}"])
    return table(["", "deployment ms", "step ms"], shown)


def used() -> str:
    """What each design uses for each deployment."""
    rows = []
    for name, design, usage in both():
        rows.append([
            f"{name}, {design}", f"{usage.transitions}", f"{usage.events}", f"{usage.invocations.total()}",
            f"{usage.lambda_ms:,.0f}", f"{usage.gb_seconds:.2f}", f"{usage.calls.total()}", f"{usage.seconds / 60:,.0f}",
        ])  # fmt: skip
    head = ["", "transitions", "history events", "invocations", "Lambda ms", "GB-s", "AWS calls", "minutes"]
    return table(head, rows)


def dollars() -> str:
    """What each design costs for each deployment."""
    rows = []
    for name, design, usage in both():
        by_price = usage.dollars()
        compute = by_price[prices.REQUEST] + by_price[prices.GB_SECOND]
        rest = by_price[prices.LOG_GB] + by_price[prices.WRITE_UNIT] + by_price[prices.TRACE]
        parts = (by_price[prices.TRANSITION], compute, by_price[prices.METRIC], rest, usage.total())
        rows.append([f"{name}, {design}", *(f"{each:.5f}" for each in parts), f"{usage.pipeline():.3f}"])
    head = ["", "transitions", "Lambda", "metrics", "logs, lock, trace", "together", "pipeline, V2"]
    return table(head, rows)


def both() -> list[tuple[str, str, Usage]]:
    """Ours and the seeds' for each deployment."""
    return [
        made
        for name, scenario in DEPLOYMENTS.items()
        for made in ((name, "ours", ours.deploy(scenario)[1]), (name, "seeds", seeds.deploy(SEEDS[name])))
    ]


def intervals() -> str:
    """Cost and delay against `PollSeconds`, for stacks and data that are ready at any moment between two looks."""
    rows = []
    for poll in POLLS:
        usages = [ours.deploy(scenario)[1] for scenario in anywhere(poll)]
        total = mean(usage.total() for usage in usages)
        # What the deployment takes without a single second of delay: creation, ten times data 120 s late, removal.
        delay = mean(usage.seconds for usage in usages) - mean(
            s.create + s.delete + s.steps * s.late for s in anywhere(poll)
        )
        waiting = delay / 60 * prices.PIPELINE_MINUTE.dollars
        rows.append([
            f"{poll}", f"{mean(usage.transitions for usage in usages):.0f}", f"{total:.4f}", f"{delay:.0f}",
            f"{waiting:.4f}", f"{total + waiting:.4f}",
        ])  # fmt: skip
    return table(["`PollSeconds`", "transitions", "$", "delay s", "$ of the pipeline for the delay", "together"], rows)


def anywhere(poll: int) -> list[Scenario]:
    """The same deployment with everything ready a little later, up to one interval."""
    parts = 10
    return [
        Scenario(10, 60, poll=poll, create=180 + later, delete=120 + later, late=100 + later)
        for later in (poll * part / parts for part in range(1, parts + 1))
    ]
