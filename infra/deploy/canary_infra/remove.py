"""The targets that delete, in the order in which nothing that is still used goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from . import artifacts
from .aws import code, message
from .create import Target
from .errors import InfraError
from .stacks import outputs, tags

_GONE = ("NotFoundException", "ResourceNotFoundException", "ParameterNotFound", "ExecutionDoesNotExist")
STOPPED = "the environment is being deleted"


@dataclass
class Leftovers:
    """What could not be removed, and why. Removing goes on after a failure, so that the rest need not stay too."""

    found: list[str] = field(default_factory=list)

    @contextmanager
    def unless_removed(self, what: str) -> Iterator[None]:
        """Notes `what` with the reason if the block fails."""
        try:
            yield
        except InfraError as error:
            self.found.append(f"{what}: {error}")
        except (BotoCoreError, ClientError) as error:
            self.found.append(f"{what}: {message(error)}")


Remove = Callable[[Target, Leftovers], None]


def vpc(target: Target, leftovers: Leftovers) -> None:
    """The network."""
    _stack(target, leftovers, target.stack("vpc"))


def ecs_mesh(target: Target, leftovers: Leftovers) -> None:
    """Cluster, mesh, namespace, roles and ingress, and the log group that Container Insights made for the cluster."""
    _stack(target, leftovers, target.stack("ecs-mesh"))
    _log_group(target, leftovers, f"/aws/ecs/containerinsights/{target.settings.environment_name}/performance")


def monitoring(target: Target, leftovers: Leftovers) -> None:
    """The CloudWatch agent."""
    _stack(target, leftovers, target.stack("monitoring"))


def shared(target: Target, leftovers: Leftovers) -> None:
    """Functions, state machine and the bucket they came from, unless some environment still needs them."""
    with leftovers.unless_removed(f"stack `{target.settings.shared_stack}`"):
        stack = target.stacks.find(target.settings.shared_stack)
        role = outputs(stack or {}).get("StackRoleArn")
        versions = [found for found in target.stacks.all() if "canary:sha" in tags(found)]
        users = sorted(f"`{found['StackName']}`" for found in versions if found.get("RoleARN", role) == role)
        if users:
            raise InfraError(f"its role is what {', '.join(users)} can be deleted with")
        target.stacks.delete(target.settings.shared_stack)
    if target.stacks.find(target.settings.shared_stack) is None:
        with leftovers.unless_removed(f"bucket `{target.bucket}`"):
            artifacts.delete_bucket(target.client, target.bucket, target.identity[0], target.say)


def microservices(target: Target, leftovers: Leftovers) -> None:
    """Every microservice of the environment: running deployments, routes, versions, records, images, pipelines."""
    environment = target.settings.environment_name
    made = _labelled(target, "environment", "microservice")
    # First nothing new may begin, or what is looked up next is not all there will be.
    for name, stacks in made.items():
        with leftovers.unless_removed(f"pipeline of `{name}`"):
            _hold(target, stacks)
    with leftovers.unless_removed("running deployments"):
        _stop_deployments(target)
    versions = _labelled(target, "canary:environment", "canary:microservice")
    names = sorted(versions.keys() | made.keys())
    if not names:
        target.say(f"environment `{environment}` has no microservice")
    # Every route before any version and every version before any virtual service: they name each other.
    for name in names:
        _routes(target, leftovers, name)
    for name in names:
        for stack in versions.get(name, []):
            _stack(target, leftovers, stack["StackName"])
        with leftovers.unless_removed(f"record of `{name}`"):
            _parameter(target, f"{environment}-canary-{name}-version")
    for name, stacks in made.items():
        for stack in stacks:
            _pipeline(target, leftovers, name, stack)


def everything(target: Target, leftovers: Leftovers) -> None:
    """All of it, what is built on something before that something."""
    for layer in (microservices, monitoring, ecs_mesh, vpc, shared):
        layer(target, leftovers)


def _stack(target: Target, leftovers: Leftovers, name: str) -> None:
    with leftovers.unless_removed(f"stack `{name}`"):
        target.stacks.delete(name)


def _labelled(target: Target, environment: str, microservice: str) -> dict[str, list[dict[str, Any]]]:
    """The environment's stacks with a tag `microservice`, by its value."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stack in target.stacks.all():
        labels = tags(stack)
        if labels.get(environment) == target.settings.environment_name and microservice in labels:
            found.setdefault(labels[microservice], []).append(stack)
    return dict(sorted(found.items()))


def _pipeline(target: Target, leftovers: Leftovers, name: str, stack: dict[str, Any]) -> None:
    """CloudFormation deletes neither a bucket nor a repository that has something in it."""
    made = outputs(stack)
    if "ImageRepositoryName" in made:
        with leftovers.unless_removed(f"images of `{name}`"):
            artifacts.empty_repository(target.client, made["ImageRepositoryName"], target.say)
    if "ArtifactBucket" in made:
        with leftovers.unless_removed(f"artifacts of `{name}`"):
            artifacts.empty_bucket(target.client, made["ArtifactBucket"])
    _stack(target, leftovers, stack["StackName"])


def _hold(target: Target, stacks: list[dict[str, Any]]) -> None:
    """Lets no further commit of the pipelines reach its deployment."""
    for stack in stacks:
        pipeline = outputs(stack).get("PipelineName")
        if pipeline:
            target.client("codepipeline").disable_stage_transition(
                pipelineName=pipeline, stageName="Deploy", transitionType="Inbound", reason=STOPPED
            )
            target.say(f"pipeline `{pipeline}` deploys no more")


def _stop_deployments(target: Target) -> None:
    """A deployment that went on would make anew what is being deleted. Only this environment's are stopped."""
    stack = target.stacks.find(target.settings.shared_stack)
    machine = outputs(stack or {}).get("StateMachineArn")
    if machine is None:
        return
    states = target.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    for execution in [execution for page in pages for execution in page["executions"]]:
        arn = execution["executionArn"]
        if _environment(states.describe_execution(executionArn=arn)) != target.settings.environment_name:
            continue
        states.stop_execution(executionArn=arn, error="Canary.Stopped", cause=STOPPED)
        target.say(f"stopped deployment `{execution['name']}`")


def _environment(execution: dict[str, Any]) -> str | None:
    """The environment that an execution deploys to; None if its input is no deploy.json, which it has refused then."""
    try:
        return json.loads(execution.get("input", "")).get("EnvironmentName")
    except (ValueError, AttributeError):
        return None


def _routes(target: Target, leftovers: Leftovers, name: str) -> None:
    """Routes are made by deployments and not by a stack, and a virtual node cannot go while one names it."""
    mesh, router = target.settings.environment_name, f"{name}-vr"
    appmesh = target.client("appmesh")
    with leftovers.unless_removed(f"routes of `{router}`"):
        try:
            pages = appmesh.get_paginator("list_routes").paginate(meshName=mesh, virtualRouterName=router)
            routes = [route["routeName"] for page in pages for route in page["routes"]]
        except ClientError as error:
            if code(error) in _GONE:
                return
            raise
        for route in routes:
            appmesh.delete_route(meshName=mesh, virtualRouterName=router, routeName=route)
            target.say(f"route `{route}` is gone")


def _parameter(target: Target, name: str) -> None:
    try:
        target.client("ssm").delete_parameter(Name=name)
        target.say(f"record `{name}` is gone")
    except ClientError as error:
        if code(error) not in _GONE:
            raise


def _log_group(target: Target, leftovers: Leftovers, name: str) -> None:
    with leftovers.unless_removed(f"log group `{name}`"):
        try:
            target.client("logs").delete_log_group(logGroupName=name)
            target.say(f"log group `{name}` is gone")
        except ClientError as error:
            if code(error) not in _GONE:
                raise
