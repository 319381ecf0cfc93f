"""What every service has to be like after the load, compared with what it is like. Nothing may have crossed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from deployments import lock_table

from canary_local import world
from canary_local.environment import Environment

from . import mix
from .mix import Service
from .play import Phase
from .stage import settings


def endings(phase: Phase) -> dict[str, list[str]]:
    """The services whose deployment did not end as its kind says, with what it ended in."""
    found = {}
    for service, ending in phase.endings.items():
        wanted = (service.kind.ends, service.kind.error)
        if (ending.state, ending.error) != wanted:
            found[service.name] = [f"`{ending.state}`, {ending.error or 'no error'}, and not {wanted}: {ending.cause}"]
    return found


def services(env: Environment, services: Sequence[Service]) -> dict[str, list[str]]:
    """What is not as it should be, by service; what belongs to none of them is named too."""
    stacks = _stacks(env)
    found = {service.name: list(_service(env, service, stacks)) for service in services}
    there = {
        "stacks": set(stacks),
        "virtual nodes": _nodes(env),
        "ECS services": _ecs(env),
        "Cloud Map": _cloud_map(env),
    }
    versions = {service.version(service.live) for service in services}
    for what, names in there.items():
        prefix = f"{mix.ENVIRONMENT}-" if what == "stacks" else ""
        ours = {name.removeprefix(prefix) for name in names if name.startswith(prefix + mix.PREFIX)}
        found[what] = _differences(ours, versions)
    found["locks"] = [f"{key} is held" for key in _locks(env)]
    return {name: problems for name, problems in found.items() if problems}


def _service(env: Environment, service: Service, stacks: Mapping[str, str]) -> Iterator[str]:
    route = world.route(env.client, mix.ENVIRONMENT, service.name)
    targets = route["httpRoute"]["action"]["weightedTargets"] if route else None
    wanted = [(service.version(service.live), 100)]
    if targets is None or [(target["virtualNode"], target["weight"]) for target in targets] != wanted:
        yield f"the route's targets are {targets} and not {wanted}"
    if route and not service.kind.first:
        kept = {name: value for name, value in route["httpRoute"].items() if name not in ("action", "match")}
        if kept != settings(service):
            yield f"the route's settings are {kept} and not {settings(service)}"
    if route and route["httpRoute"]["match"] != {"prefix": "/"}:
        yield f"the route's match is {route['httpRoute']['match']}"
    record = world.parameter(env.client, mix.ENVIRONMENT, service.name)
    number = 2 if service.kind.promotes and not service.kind.first else 1
    if record != (service.live, number):
        yield f"SSM records {record} and not {(service.live, number)}"
    status = stacks.get(service.stack(service.live))
    if status != "CREATE_COMPLETE":
        yield f"the stack of its live version is {status}"


def _stacks(env: Environment) -> dict[str, str]:
    return {name: status for name, (status, _) in world.stacks(env.client).items()}


def _nodes(env: Environment) -> set[str]:
    pages = env.client("appmesh").get_paginator("list_virtual_nodes").paginate(meshName=mix.ENVIRONMENT)
    return {node["virtualNodeName"] for page in pages for node in page["virtualNodes"]}


def _ecs(env: Environment) -> set[str]:
    pages = env.client("ecs").get_paginator("list_services").paginate(cluster=mix.ENVIRONMENT)
    return {arn.rsplit("/", 1)[-1] for page in pages for arn in page["serviceArns"]}


def _cloud_map(env: Environment) -> set[str]:
    pages = env.client("servicediscovery").get_paginator("list_services").paginate()
    return {service["Name"] for page in pages for service in page["Services"]}


def _locks(env: Environment) -> list[str]:
    pages = env.client("dynamodb").get_paginator("scan").paginate(TableName=lock_table(env))
    return [item["service"]["S"] for page in pages for item in page["Items"]]


def _differences(there: set[str], wanted: set[str]) -> list[str]:
    return [f"`{name}` is left" for name in sorted(there - wanted)] + [
        f"`{name}` is missing" for name in sorted(wanted - there)
    ]
