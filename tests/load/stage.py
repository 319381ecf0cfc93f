"""The environment of a load: its functions call AWS through the proxy, and every service has its names in the mesh."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canary_local.checkout import Checkout
from canary_local.environment import Environment
from canary_local.functions import set_poll_interval
from canary_local.loopback import free_port
from canary_local.mesh import make_router

from . import mix
from .mix import Service
from .proxy import Throttles

# Far fewer than the 1,000 of an account that has been in use for a while, so that invocations are throttled.
CONCURRENCY = 10
STACK_SECONDS = 6.0
GATEWAY = "ingress"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """What deployments are played on."""

    env: Environment
    proxy: Throttles


@contextmanager
def stage(
    checkout: Checkout, directory: Path, concurrency: int, poll_seconds: int, progress: Progress
) -> Iterator[Stage]:
    """Starts an environment with its state in `directory`; ends it with the block."""
    directory.mkdir(parents=True, exist_ok=True)
    images = directory / "images.json"
    images.write_text(json.dumps(mix.image_map(), indent=2) + "\n")
    port = free_port(None)
    with ExitStack() as stack:
        proxy = stack.enter_context(Throttles(f"http://127.0.0.1:{port}", directory / "microburst.log"))
        settings = {
            # microburst sends other headers than the functions have signed, so nothing can be authorized here.
            "AUTH": "false",
            "AWS_ENDPOINT_URL": proxy.endpoint,
            "LAMBDA_ACCOUNT_CONCURRENCY": str(concurrency),
        }
        env = Environment.start(
            checkout,
            images=[images],
            state_dir=directory / "state",
            port=port,
            stack_seconds=STACK_SECONDS,
            ministack=settings,
            progress=progress,
        )
        stack.enter_context(env)
        set_poll_interval(env.client, poll_seconds)
        yield Stage(env, proxy)


def make_routers(env: Environment, services: Sequence[Service]) -> None:
    """What each team's pipeline stack makes: virtual router, virtual service and gateway route."""
    appmesh = env.client("appmesh")
    for service in services:
        make_router(env, service.name, mix.PORT, "http")
        target = {"virtualService": {"virtualServiceName": f"{service.name}.{mix.NAMESPACE}"}}
        action = {"target": target, "rewrite": {"prefix": {"defaultPrefix": "ENABLED"}}}
        appmesh.create_gateway_route(
            meshName=mix.ENVIRONMENT,
            virtualGatewayName=GATEWAY,
            gatewayRouteName=service.name,
            spec={"httpRoute": {"match": {"prefix": f"/{service.name}"}, "action": action}},
        )


def set_routes(env: Environment, services: Sequence[Service]) -> None:
    """Gives each live route settings of its own, which no deployment may touch."""
    appmesh = env.client("appmesh")
    for service in services:
        names = route_names(service)
        spec = appmesh.describe_route(**names)["route"]["spec"]
        appmesh.update_route(**names, spec={**spec, "httpRoute": {**spec["httpRoute"], **settings(service)}})


def settings(service: Service) -> dict[str, Any]:
    """The settings of a service's route besides match and targets: different ones for each service."""
    return {
        "timeout": {"perRequest": {"unit": "ms", "value": 20_000 + service.number}},
        "retryPolicy": {
            "maxRetries": 2,
            "perRetryTimeout": {"unit": "ms", "value": 9_000 + service.number},
            "httpRetryEvents": ["gateway-error"],
            "tcpRetryEvents": ["connection-error"],
        },
    }


def route_names(service: Service) -> dict[str, str]:
    """What App Mesh knows a service's route by."""
    return {
        "meshName": mix.ENVIRONMENT,
        "virtualRouterName": f"{service.name}-vr",
        "routeName": f"{service.name}-route",
    }
