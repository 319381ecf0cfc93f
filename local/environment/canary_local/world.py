"""What a deployment may change — the route, the stacks, the recorded version — taken down and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Clients = Callable[[str], Any]
"""Gives the client of an AWS service by its boto3 name."""


@dataclass(frozen=True)
class World:
    """The state of one microservice's deployment in its environment."""

    route: Mapping[str, Any] | None
    """The route's spec. Its version and update time are left out: the mesh counts every change, undone or not."""
    stacks: Mapping[str, tuple[str, str]]
    """Name to (status, stack id): the id tells a stack from one that was deleted and made again."""
    parameter: tuple[str, int] | None
    """The recorded version's (value, version number)."""

    def targets(self) -> dict[str, int]:
        """The route's weight of each virtual node."""
        for protocol in ("httpRoute", "http2Route", "grpcRoute", "tcpRoute"):
            rule = (self.route or {}).get(protocol)
            if rule:
                return {target["virtualNode"]: target["weight"] for target in rule["action"]["weightedTargets"]}
        return {}

    def as_json(self) -> dict[str, Any]:
        """The state as it is written to the report."""
        stacks = {name: {"status": status, "id": ident} for name, (status, ident) in self.stacks.items()}
        parameter = dict(zip(("value", "version"), self.parameter)) if self.parameter else None
        return {"route": self.route, "stacks": stacks, "parameter": parameter}


def take(client: Clients, environment: str, microservice: str) -> World:
    """Reads the state of a microservice as it is now."""
    return World(
        route(client, environment, microservice),
        stacks(client),
        parameter(client, environment, microservice),
    )


def differences(before: World, after: World) -> list[str]:
    """What is not as it was, in words; empty when nothing is."""
    found = []
    if before.route != after.route:
        found.append(f"the route was {before.route} and is {after.route}")
    for name in sorted({*before.stacks, *after.stacks}):
        was, now = before.stacks.get(name), after.stacks.get(name)
        if was != now:
            found.append(f"stack `{name}` was {_said(was)} and is {_said(now)}")
    if before.parameter != after.parameter:
        found.append(f"the recorded version was {_said(before.parameter)} and is {_said(after.parameter)}")
    return found


def _said(value: tuple[Any, ...] | None) -> str:
    return "absent" if value is None else " / ".join(str(part) for part in value)


def route(client: Clients, environment: str, microservice: str) -> Mapping[str, Any] | None:
    """The spec of a microservice's route; none if there is none."""
    try:
        answer = client("appmesh").describe_route(
            meshName=environment, virtualRouterName=f"{microservice}-vr", routeName=f"{microservice}-route"
        )
    except ClientError as error:
        if _code(error) == "NotFoundException":
            return None
        raise
    return answer["route"]["spec"]


def stacks(client: Clients) -> dict[str, tuple[str, str]]:
    """Every stack's status and id, by its name."""
    pages = client("cloudformation").get_paginator("describe_stacks").paginate()
    found = [stack for page in pages for stack in page["Stacks"]]
    # A stack that is gone may stay listed for a while.
    return {
        stack["StackName"]: (stack["StackStatus"], stack["StackId"])
        for stack in found
        if stack["StackStatus"] != "DELETE_COMPLETE"
    }


def parameter(client: Clients, environment: str, microservice: str) -> tuple[str, int] | None:
    """The recorded version and its number; none if nothing is recorded."""
    try:
        found = client("ssm").get_parameter(Name=f"{environment}-canary-{microservice}-version")["Parameter"]
    except ClientError as error:
        if _code(error) == "ParameterNotFound":
            return None
        raise
    return found["Value"], found["Version"]


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
