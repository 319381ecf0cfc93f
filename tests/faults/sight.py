"""A service as it stands: what a deployment may change, and what may be left of one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments import lock, world

from canary_local.environment import Environment

ENVIRONMENT = "demo"
_PROTOCOLS = ("httpRoute", "http2Route", "grpcRoute", "tcpRoute")


@dataclass(frozen=True)
class Sight:
    """One look at a service."""

    service: str
    route: Mapping[str, Any] | None
    stacks: Mapping[str, tuple[str, str]]
    """Name to (status, stack id)."""
    record: tuple[str, int] | None
    lock: Mapping[str, Any] | None

    def targets(self) -> dict[str, int]:
        """The route's weight of each version, those without weight included."""
        for protocol in _PROTOCOLS:
            if rule := (self.route or {}).get(protocol):
                return {target["virtualNode"]: target["weight"] for target in rule["action"]["weightedTargets"]}
        return {}

    def sole(self) -> str | None:
        """The version that has all traffic."""
        targets = self.targets()
        return next(iter(targets)) if len(targets) == 1 else None

    def settings(self) -> Any:
        """All of the route that is the user's: everything but its targets."""
        settings = copy.deepcopy(self.route)
        for protocol in _PROTOCOLS:
            if rule := (settings or {}).get(protocol):
                del rule["action"]
        return settings

    def version(self, sha: str) -> str:
        """A version's virtual node."""
        return f"{self.service}-{sha}"

    def stack(self, version: str) -> str:
        """The stack of a version."""
        return f"{ENVIRONMENT}-{version}"

    def stands(self, version: str) -> bool:
        """Whether a version's stack is there, whole."""
        return self.stacks.get(self.stack(version), ("", ""))[0] == "CREATE_COMPLETE"


def look(env: Environment, service: str) -> Sight:
    """Reads a service as it is now."""
    found = world(env, service)
    stacks = {name: stack for name, stack in found.stacks.items() if name.startswith(f"{ENVIRONMENT}-{service}-")}
    return Sight(service, found.route, stacks, found.parameter, lock(env, service))
