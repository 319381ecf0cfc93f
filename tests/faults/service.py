"""A service that is deployed under faults: hello-backend under another name, called through the gateway."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from deployments import Callers

from canary_local import hello
from canary_local.environment import Environment
from canary_local.mesh import make_router

from .lane import WAIT_TIME
from .sight import ENVIRONMENT, Sight, look

IMAGE, PORT, GATEWAY = "hello-backend", 8080, "ingress"
_REQUESTS = 8
_SECONDS = 30.0
# What a version says with each 500 that it was told to give.
_ON_PURPOSE = b"fails some requests on purpose"
# Settings of the user's that no deployment may touch.
_SETTINGS = {
    "retryPolicy": {
        "maxRetries": 1,
        "perRetryTimeout": {"unit": "s", "value": 9},
        "httpRetryEvents": ["gateway-error"],
        "tcpRetryEvents": ["connection-error"],
    },
    "timeout": {"perRequest": {"unit": "s", "value": 12}, "idle": {"unit": "s", "value": 61}},
}


class VersionCallers(Callers):
    """Callers to whom an error is none if the version that gave it was told to."""

    def request(self) -> None:
        try:
            super().request()
        except urllib.error.HTTPError as error:
            if not _on_purpose(error):
                raise


class Service:
    """One service with its router, its virtual service and its gateway route."""

    def __init__(self, env: Environment, name: str) -> None:
        self.env, self.name, self._deployed = env, name, ""
        self._appmesh = env.client("appmesh")
        make_router(env, name, PORT, "http")
        target = {"virtualService": {"virtualServiceName": f"{name}.demo.local"}}
        action = {"target": target, "rewrite": {"prefix": {"defaultPrefix": "ENABLED"}}}
        spec = {"httpRoute": {"match": {"prefix": f"/{name}"}, "action": action}}
        self._appmesh.create_gateway_route(**self._gateway_route, spec=spec)

    @property
    def url(self) -> str:
        """Where callers reach it."""
        return f"{self.env.gateway_url}/{self.name}/data"

    def event(self, sha: str) -> dict[str, Any]:
        """A request to deploy a version, in two steps."""
        self._deployed = sha
        made = hello.event(self.env.checkout, IMAGE, sha)
        ours = {"MicroserviceName": self.name, "Port": PORT, "PercentageStep": 50, "WaitTime": WAIT_TIME}
        return {**made, **ours, "FailureThresholdValue": 0}

    def look(self) -> Sight:
        """The service as it is now."""
        return look(self.env, self.name)

    def answering(self) -> frozenset[str]:
        """The versions that answer real requests now. A request that fails counts for the failure's name."""
        return frozenset(self._answer() for _ in range(_REQUESTS))

    def await_answer(self, sha: str) -> None:
        """Returns once callers reach the first version: Envoys hear of a new route a moment later."""
        deadline = time.monotonic() + _SECONDS
        while self.answering() != {f"{self.name}-{sha}"}:
            assert time.monotonic() < deadline, f"`{self.url}` is not answered: {self.answering()}"

    def configure(self) -> None:
        """Gives the route settings of the user's own."""
        spec = self._appmesh.describe_route(**self._route)["route"]["spec"]
        spec = {"priority": 7, "httpRoute": {**spec["httpRoute"], **_SETTINGS}}
        self._appmesh.update_route(**self._route, spec=spec)

    def remove(self) -> None:
        """Takes all of it down. What has to be deleted by CloudFormation goes by itself."""
        seen = self.look()
        self._appmesh.delete_gateway_route(**self._gateway_route)
        self._appmesh.delete_virtual_service(meshName=ENVIRONMENT, virtualServiceName=f"{self.name}.demo.local")
        if seen.route:
            self._appmesh.delete_route(**self._route)
        self._appmesh.delete_virtual_router(meshName=ENVIRONMENT, virtualRouterName=f"{self.name}-vr")
        for stack in seen.stacks:
            self.env.client("cloudformation").delete_stack(StackName=stack)

    @property
    def _route(self) -> dict[str, str]:
        return {"meshName": ENVIRONMENT, "virtualRouterName": f"{self.name}-vr", "routeName": f"{self.name}-route"}

    @property
    def _gateway_route(self) -> dict[str, str]:
        return {"meshName": ENVIRONMENT, "virtualGatewayName": GATEWAY, "gatewayRouteName": self.name}

    def _answer(self) -> str:
        try:
            with urllib.request.urlopen(self.url, timeout=10) as answer:
                return f"{self.name}-{json.loads(answer.read())['version']}"
        except OSError as error:
            return f"{self.name}-{self._deployed}" if _on_purpose(error) else str(error)


def _on_purpose(error: OSError) -> bool:
    return isinstance(error, urllib.error.HTTPError) and _ON_PURPOSE in error.read()
