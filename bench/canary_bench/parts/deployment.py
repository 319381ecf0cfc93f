"""What a whole deployment takes in the local environment beyond its plan: the waits and the stacks' own time."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from canary_bench import stage
from canary_bench.costs.overhead import overhead, per_step
from canary_bench.costs.recorded import spans
from canary_bench.errors import BenchError
from canary_bench.progress import say
from canary_bench.stage import Run
from canary_bench.tables import table
from canary_local.demo.load import Load
from canary_local.environment import Environment
from canary_local.executions import history
from canary_local.hello import deploy_first
from canary_local.stacks import SHARED_STACK

WHAT = "what a deployment takes beyond its plan in the local environment, by cause (2 minutes)"

STEPS, WAIT = 10, 4
REQUESTS_PER_SECOND = 20.0
INVOCATIONS = 21


def add_options(parser: ArgumentParser) -> None:
    """Nothing: a deployment has ten steps to take the median of."""


def measure(_options: Namespace) -> str:
    """Milliseconds by cause."""
    with stage.environment() as env:
        # Before anything else, so that the first one starts the function.
        say("deployment: invocations that make no AWS call")
        invocations = empty_invocations(env)
        deploy_first(env)
        say(f"deployment: {STEPS} × {WAIT} s with {REQUESTS_PER_SECOND:.0f} requests a second")
        run = canary(env)
    return causes(run, invocations)


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
    # The state machine's role may invoke published versions only.
    published = functions.list_versions_by_function(FunctionName=f"{SHARED_STACK}-gather-health")["Versions"]
    arn = published[-1]["FunctionArn"]
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
    return [1_000 * (after.start - before.start) for before, after in pairwise(entered)]


def causes(run: Run, invocations: Sequence[float]) -> str:
    """Milliseconds of the whole deployment, and of the step in the middle."""
    found = overhead(run.spans, run.stacks, run.start, run.end)
    begun = run.spans[0].start - run.start
    tasks = [span for span in run.spans if span.kind == "Task"]
    there_and_back = median(invocations) / 1_000
    # Polls of a stack while it is made are in the stack's own time, and so is their share of Lambda's.
    in_lambda = found.tasks / sum(task.seconds for task in tasks) * there_and_back * len(tasks)
    steps = per_step(run.spans)
    step = median(each.total for each in steps)
    step_tasks = median(each.tasks for each in steps)
    step_in_lambda = median(each.invocations for each in steps) * there_and_back
    rows = [
        ("Lambda: to a warm function and back", in_lambda, step_in_lambda),
        ("AWS calls, and what the functions do with them", found.tasks - in_lambda, step_tasks - step_in_lambda),
        ("polling: a stack was ready before it was polled", found.polling, 0.0),
        ("interpreter: the start of the execution", begun, 0.0),
        ("interpreter: between states, choices, waits that ended late", found.interpreter - begun, step - step_tasks),
        ("all", found.total, step),
    ]
    shown = [[cause, f"{1_000 * whole:.0f}", f"{1_000 * middle:.0f}"] for cause, whole, middle in rows]
    shown.append([f"all, in the slowest of the {STEPS} steps", "", f"{1_000 * max(each.total for each in steps):.0f}"])
    # A function's process is started once and kept, so a deployment pays this at most once a function.
    cold = max(invocations[0] - 1_000 * there_and_back, 0)
    shown.append(["Lambda: the start of a function that is not running, more than a warm one", f"{cold:.0f}", ""])
    return table(["", "deployment ms", "step ms"], shown)
