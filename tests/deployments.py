"""How the end-to-end tests deploy, and what they look at before and after."""

from __future__ import annotations

import itertools
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from canary_local import hello
from canary_local.environment import Environment
from canary_local.executions import Event
from canary_local.stacks import SHARED_STACK
from canary_local.world import World, take

# The state that changes weights, and the one that judges the candidate.
SHIFT = "Canary & Switch Traffic"
CHECK = "Gather Health Check Status"
# No deployment of these tests is meant to take half as long.
LIMIT_SECONDS = 180
# The WaitTime of a deployment that a test stops at a weight: longer than any test.
UNTIL_STOPPED = 600


@dataclass
class Ending:
    """How an execution went."""

    events: list[Event]

    @property
    def status(self) -> str:
        return self.events[-1].status

    @property
    def error(self) -> str:
        return self.events[-1].error

    @property
    def cause(self) -> str:
        return self.events[-1].cause

    def entered(self) -> list[str]:
        """The names of the states, in order."""
        return [event.state for event in self.events if event.kind == "entered"]

    def outputs(self, state: str) -> list[Any]:
        """What a state put out, each time."""
        return [event.data for event in self.events if event.kind == "exited" and event.state == state]

    def weights(self) -> list[int]:
        """The candidate's weights, in order."""
        return [data["progress"]["weight"] for data in self.outputs(SHIFT) if "failure" not in data]

    def checks(self) -> list[dict[str, Any]]:
        """The check that decided at each weight, in order: those before it only found that it was too early."""
        found = [data["progress"] for data in self.outputs(CHECK) if "failure" not in data]
        return [progress["checks"][-1] for progress in found if progress["phase"] != "Watching"]

    def verdicts(self) -> set[str]:
        """What was decided by."""
        return {check["verdict"] for check in self.checks()}


def deploy(env: Environment, event: Mapping[str, Any]) -> Ending:
    """Deploys and waits for the end."""
    return deploy_and(env, event, "", lambda _: None)


def deploy_and(env: Environment, event: Mapping[str, Any], state: str, interfere: Callable[[str], object]) -> Ending:
    """Deploys, and calls `interfere` with the execution's ARN when `state` is left for the first time."""
    execution, events, interfered = env.deploy(event), [], False
    deadline = time.monotonic() + LIMIT_SECONDS
    for step in env.follow(execution):
        if time.monotonic() > deadline and step.kind != "ended":
            # A rollback tries again for half an hour, whatever is wrong.
            env.client("stepfunctions").stop_execution(executionArn=execution, cause=f"over {LIMIT_SECONDS} s")
        if not interfered and (step.kind, step.state) == ("exited", state):
            interfere(execution)
            interfered = True
        events.append(step)
    return Ending(events)


def world(env: Environment, service: str) -> World:
    """Everything that a deployment of a service may change."""
    return take(env.client, "demo", service)


def standing(env: Environment, service: str) -> World:
    """A service's own part of the world: other services' stacks come and go meanwhile."""
    now = world(env, service)
    own = {name: stack for name, stack in now.stacks.items() if name.startswith(f"demo-{service}-")}
    return World(now.route, own, now.parameter)


def lock_table(env: Environment) -> str:
    """The name of the table in which each deployment has its lock."""
    (table,) = env.client("dynamodb").list_tables()["TableNames"]
    return table


def lock(env: Environment, service: str) -> dict[str, Any] | None:
    """A service's lock, if somebody has it."""
    key = {"service": {"S": f"demo/{service}"}}
    return env.client("dynamodb").get_item(TableName=lock_table(env), Key=key, ConsistentRead=True).get("Item")


def quiet(env: Environment, service: str, sha: str, **changes: Any) -> dict[str, Any]:
    """A version of hello-backend under another service's name, which nobody calls."""
    usual = {**hello.event(env.checkout, "hello-backend", sha), "MicroserviceName": service}
    return {**usual, "PercentageStep": 50, "WaitTime": 1, "OnNoData": "Proceed", **changes}


def role(env: Environment, logical_id: str) -> str:
    """The name of one of the shared stack's roles."""
    cloudformation = env.client("cloudformation")
    described = cloudformation.describe_stack_resource(StackName=SHARED_STACK, LogicalResourceId=logical_id)
    return described["StackResourceDetail"]["PhysicalResourceId"]


def undeletable(env: Environment, version: str) -> AbstractContextManager[None]:
    """CloudFormation may not delete a version's virtual node for a while, so that deleting its stack fails."""
    return _denied(
        env, "StackRole", "appmesh:DeleteVirtualNode", f"arn:aws:appmesh:*:*:mesh/demo/virtualNode/{version}"
    )


def not_invoked(env: Environment, function: str) -> AbstractContextManager[None]:
    """The state machine may not invoke a function for a while. Step Functions tries that again for 15 minutes, so every execution
    stays in the function's state when it comes to it."""
    versions = f"arn:aws:lambda:*:*:function:{SHARED_STACK}-{function}:*"
    return _denied(env, "StateMachineRole", "lambda:InvokeFunction", versions)


_policies = itertools.count(1)


@contextmanager
def _denied(env: Environment, logical_id: str, action: str, resource: str) -> Iterator[None]:
    iam = env.client("iam")
    policy = {"RoleName": role(env, logical_id), "PolicyName": f"denied-{next(_policies)}"}
    denied = {"Statement": [{"Effect": "Deny", "Action": action, "Resource": resource}]}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(denied))
    try:
        yield
    finally:
        iam.delete_role_policy(**policy)


def stop_tasks(env: Environment, version: str) -> None:
    """Has ECS run no tasks of a version any more, and waits until none is left."""
    ecs = env.client("ecs")
    ecs.update_service(cluster="demo", service=version, desiredCount=0)
    deadline = time.monotonic() + 60
    while ecs.describe_services(cluster="demo", services=[version])["services"][0]["runningCount"]:
        assert time.monotonic() < deadline, f"{version} still has tasks"
        time.sleep(0.1)


def through_gateway(env: Environment) -> str:
    """A URL of hello-web, which calls hello-backend for each answer."""
    return f"{env.gateway_url}/hello-service/hello/test"


def ingress(env: Environment, version: str) -> str | None:
    """The address and port at which the Envoy of a version's task receives, once the task runs."""
    cloudmap = env.client("servicediscovery")
    services = {service["Name"]: service["Id"] for service in cloudmap.list_services()["Services"]}
    instances = cloudmap.list_instances(ServiceId=services[version])["Instances"] if version in services else []
    return f"{instances[0]['Attributes']['AWS_INSTANCE_IPV4']}:15000" if instances else None


_shas = itertools.count(1)


def fresh(kind: str) -> str:
    """A commit that was not deployed before."""
    return f"{kind}{next(_shas)}"


@contextmanager
def called_directly(env: Environment, version: str) -> Iterator[None]:
    """Calls a version's own Envoy as soon as there is one, because no other service knows it yet."""
    over = threading.Event()

    def call() -> None:
        while not over.wait(0.2):
            address = ingress(env, version)
            if address:
                with Callers(f"http://{address}/data"):
                    over.wait()

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Threads:
    """A few threads, each in `_run`, which returns once `_ended` is set: when the block ends."""

    def __init__(self, count: int) -> None:
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> Threads:  # noqa: PYI034 (`Self` came with Python 3.11)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        raise NotImplementedError


class Callers(Threads):
    """Requests to a URL, one after the other on each of a few threads, until the block ends."""

    def __init__(self, url: str, threads: int = 4) -> None:
        super().__init__(threads)
        self.url = url
        self.failed: list[str] = []
        self.answered = 0

    def wait_for_answers(self, count: int) -> None:
        """Returns once that many requests were answered; fails after half a minute."""
        deadline = time.monotonic() + 30
        while self.answered < count:
            assert time.monotonic() < deadline, f"{self.answered} of {count} requests answered: {self.failed[-3:]}"
            time.sleep(0.05)

    def request(self) -> None:
        """One request; raises an `OSError` if it fails."""
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            answer.read()

    def _run(self) -> None:
        # A pause between requests, so that a few threads make a load and not a flood.
        while not self._ended.wait(0.05):
            try:
                self.request()
                self.answered += 1
            except OSError as error:
                self.failed.append(str(error))


# They serve every test of the environment.
_STAYING = {"hello-web-vr", "hello-backend-vr"}


def remove_services(env: Environment) -> None:
    """Removes every service but hello's, whatever its tests left of it."""
    appmesh, cloudformation = env.client("appmesh"), env.client("cloudformation")
    pages = appmesh.get_paginator("list_virtual_routers").paginate(meshName="demo")
    names = [router["virtualRouterName"] for page in pages for router in page["virtualRouters"]]
    services = tuple(f"demo-{name.removesuffix('-vr')}-" for name in names if name not in _STAYING)
    for name in names:
        if name not in _STAYING:
            for route in appmesh.list_routes(meshName="demo", virtualRouterName=name)["routes"]:
                appmesh.delete_route(meshName="demo", virtualRouterName=name, routeName=route["routeName"])
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    stacks = [
        stack["StackName"]
        for page in pages
        for stack in page["Stacks"]
        if services and stack["StackName"].startswith(services)
    ]
    for stack in stacks:
        # A test may have kept it from going, by a protection or by an export that another stack imports.
        with suppress(ClientError):
            cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
            cloudformation.delete_stack(StackName=stack)
