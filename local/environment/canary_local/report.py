"""What the commands say."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from .environment import Environment
from .executions import Event, words
from .printed import plain

INTERRUPTED = "Canary.Interrupted"
"""What a repair takes back failed with: its cause says how the execution ended that left it."""

Part = dict[str, Any]


def welcome(environment: Environment, hello: bool) -> str:
    """How to use the environment that has just started with its stacks."""
    gateway = environment.gateway_url
    exports = variables(environment).replace("\n", "\n  ")
    request = f"""
Requests enter the mesh at the virtual gateway:
  curl {gateway}/hello-service/hello/world
""" if hello else f"\nVirtual gateway: {gateway}\n"  # fmt: skip
    return f"""
AWS endpoint (every service, App Mesh included): {environment.endpoint}
{request}
For any AWS SDK or the AWS CLI, of which there is one each in .venv:
  {exports}
  .venv/bin/aws appmesh list-virtual-nodes --mesh-name demo
  .venv/bin/python -c "import boto3; print(boto3.client('stepfunctions').list_state_machines()['stateMachines'])"

State machine: {environment.state_machine_arn}
Deploy:        make deploy EVENT=path.json
End:           make down
"""


def welcome_bare(environment: Environment) -> str:
    """How to use the environment that has just started with nothing in it."""
    return f"""
AWS endpoint (every service, App Mesh included): {environment.endpoint}
No stack is deployed. For make's other targets, any AWS SDK and the AWS CLI:
  eval "$(make -s env)"
End: make down
"""


def variables(environment: Environment) -> str:
    """Shell commands that set what an AWS client needs, and where requests enter the mesh if they can."""
    values = {**environment.variables, "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
    gateway = environment.find_gateway()
    values |= {"GATEWAY_URL": gateway} if gateway else {}
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def status(environment: Environment) -> str:
    """Endpoint, gateway, who serves how much, and what is wrong, a configuration that Envoy has rejected for one."""
    meshes = environment.meshes()
    lines = [f"endpoint   {environment.endpoint}", f"gateway    {environment.find_gateway() or 'none'}"]
    for mesh, found in sorted(meshes.items()):
        lines += [
            f"node       {mesh}/{name}: {node['tasks']} task(s), {node['requests']} request(s)"
            for name, node in _nodes(environment, mesh, found)
        ]
        lines += [f"route      {mesh}/{name}: {_weights(weights)}" for name, weights in sorted(found["routes"].items())]
    return "\n".join([plain(line) for line in lines] + Problems().lines(environment.problems()))


def _nodes(environment: Environment, mesh: str, found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Virtual nodes that exist or still have tasks. The counters know every one that there ever was."""
    counted = found["virtualNodes"]
    pages = environment.client("appmesh").get_paginator("list_virtual_nodes").paginate(meshName=mesh)
    try:
        there = {node["virtualNodeName"] for page in pages for node in page["virtualNodes"]}
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        there = set()
    there |= {name for name, node in counted.items() if node["tasks"]}
    return [(name, counted.get(name, {"tasks": 0, "requests": 0})) for name in sorted(there)]


class Problems:
    """Tells what is degraded, each problem once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def lines(self, problems: list[dict[str, str]]) -> list[str]:
        """What is new: the resource, a virtual node for one, its task, and what is wrong, in Envoy's words if those are known."""
        lines = []
        for problem in problems:
            task = f" (task {problem['task']})" if problem["task"] != "none" else ""
            line = plain(f"problem    {problem['resource']}{task}: {problem['message']}")
            # A count that grows makes no other problem of it.
            key = re.sub(r"\d+", "", line)
            if key not in self._told:
                self._told.add(key)
                lines.append(line)
        return lines


def goes_on(arn: str, service: str) -> str:
    """What whoever interrupts a command should know that follows an execution."""
    return f"""the execution goes on without this command. To stop it and take back what it did:
  eval "$(make -s env)"
  .venv/bin/aws stepfunctions stop-execution --execution-arn {arn}
  make repair SERVICE={shlex.quote(service)}"""


class Narrator:
    """Tells a deployment as it goes: its states, and what each of them found out.

    A state that is entered again before anything new was found out, as in a loop that waits for a stack, is told once,
    and so is a failure that an attempt, the states after it and the execution's end all report.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._known: dict[str, str] = {}
        self._failures: dict[str, str] = {}

    def lines(self, event: Event) -> list[str]:
        """What is new with this step, as a terminal may show it: causes and verdicts hold what others wrote."""
        return [plain(line) for line in self._lines(event)]

    def _lines(self, event: Event) -> list[str]:
        at = event.at.astimezone().strftime("%H:%M:%S")
        if event.kind == "entered":
            if event.state in self._told:
                return []
            self._told.add(event.state)
            return [f"{at}  {event.state}"]
        if event.kind == "exited":
            return [f"{at}    {text}" for text in self._news(event.data)]
        if event.kind == "failed":
            return [f"{at}    attempt failed: {self._told_failure(event.error, event.cause)}"]
        failure = _failure(event.error, event.cause)
        for told, short in self._failures.items():
            failure = failure.replace(told, short)
        return [f"{at}  {event.status}" + (f": {failure}" if failure else "")]

    def _news(self, data: Any) -> list[str]:
        if not isinstance(data, dict):
            return []
        news = []
        for topic in _REPAIR_TOPICS if data.get("repair") else _TOPICS:
            found = topic.find(data)
            key = json.dumps(topic.key(found))
            if found and self._known.get(topic.name) != key:
                self._known[topic.name] = key
                self._told.clear()
                news.append(topic.describe(found))
        return news + self._caught(data.get("failure"))

    def _caught(self, caught: Any) -> list[str]:
        if not isinstance(caught, dict):
            return []
        error, cause = str(caught.get("Error", "")), words(str(caught.get("Cause", "")))
        if _failure(error, cause) in self._failures:
            return []
        told = self._told_failure(error, cause)
        return [f"it is unfinished because {cause}" if error == INTERRUPTED else f"failed: {told}"]

    def _told_failure(self, error: str, cause: str) -> str:
        failure = _failure(error, cause)
        if cause:
            self._failures[failure] = f"{error} (see above)"
        return failure


def _plan(plan: Part) -> str:
    deployment = plan.get("deployment") or {}
    names = [(deployment.get(role) or {}).get("name", "") for role in ("stable", "candidate")]
    steps = ", ".join(f"{step.get('weight')} %" for step in plan.get("steps") or [])
    return f"{deployment.get('kind', '')}: " + " -> ".join(name for name in names if name) + (steps and f" by {steps}")


def _left(plan: Part) -> str:
    return f"repairing what {plan.get('execution', 'an execution')} left: {_plan(plan)}"


def _find_plan(data: Part) -> Part:
    return data.get("plan") or {}


def _find_traffic(data: Part) -> Part:
    """The candidate's weight, and the next step's if there is one. A check changes neither."""
    progress = data.get("progress") or {}
    if "weight" not in progress:
        return {}
    steps = _find_plan(data).get("steps") or []
    is_set = progress.get("phase") not in ("Deploying", "Shifting")
    following = steps[progress.get("step", 0) + is_set :]
    return {"weight": progress["weight"], "next": following[0].get("weight") if following else None}


def _traffic(traffic: Part) -> str:
    following = traffic["next"]
    return f"candidate has {traffic['weight']} % of the traffic" + (
        f", next {following} %" if following is not None else ""
    )


def _find_check(data: Part) -> Part:
    """The newest check. It stays in the data when its step is over."""
    checks = (data.get("progress") or {}).get("checks") or [{}]
    return checks[-1]


def _check(check: Part) -> str:
    tasks = check.get("tasks") or {}
    running = f" ({tasks.get('healthy')} of {tasks.get('desired')} tasks healthy)" if tasks else ""
    return f"{check.get('verdict')}{running}: {check.get('reason') or 'no reason given'}"


def _without_counts(check: Part) -> Part:
    """What makes a check news: those that wait for more data differ in their counts alone."""
    return {name: check.get(name) for name in ("verdict", "weight", "tasks")}


def _failure(error: str, cause: str) -> str:
    return ": ".join(text for text in (error, cause) if text)


class _Topic(NamedTuple):
    """Something that the state data tell: what they hold of it, in words, and what of that is news when it differs."""

    name: str
    find: Callable[[Part], Part]
    describe: Callable[[Part], str]
    key: Callable[[Part], Part] = lambda found: found


_TOPICS = (
    _Topic("plan", _find_plan, _plan),
    _Topic("traffic", _find_traffic, _traffic),
    _Topic("check", _find_check, _check, _without_counts),
)
# Where the traffic is that a stopped deployment left is what a repair finds out.
_REPAIR_TOPICS = (_Topic("plan", _find_plan, _left),)


def _weights(weights: dict[str, int]) -> str:
    return ", ".join(f"{name} {weight} %" for name, weight in sorted(weights.items())) or "none"
