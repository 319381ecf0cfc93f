"""What is deployed: services, each with one deployment of one kind, and how that is to end."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canary_local.stacks import HELLO_STACK as ENVIRONMENT
from canary_local.stacks import NAMESPACE

PORT = 8080
# Two steps: half of the traffic, then all of it.
PERCENTAGE_STEP = 50
SUCCEEDED = "Deployment Succeeded"
REFUSED = "Deployment Refused"
ROLLED_BACK = "Deployment Failed & Rolled Back"

# What every service's name, and no other's, begins with.
PREFIX = "load-"
# The versions that begin with these run hello-backend, of this image name. No other one has an image.
IMAGE = "load"
STABLE, NEXT, MISSING = "stable", "next", "missing"


@dataclass(frozen=True)
class Kind:
    """What becomes of a deployment."""

    name: str
    means: str
    ends: str
    error: str = ""
    first: bool = False
    """Whether the service has no version before."""
    called: bool = True
    """Whether callers call the service."""

    @property
    def promotes(self) -> bool:
        """Whether the candidate is live afterwards."""
        return self.ends == SUCCEEDED


PROMOTED = Kind("promoted", "a good version, called all the time", SUCCEEDED)
FIRST = Kind("first", "the first version of a service", SUCCEEDED, first=True, called=False)
BROKEN = Kind("broken", "a version whose tasks do not start", ROLLED_BACK, "Canary.StackFailed")
QUIET = Kind("quiet", "nobody calls it, so it is not healthy", ROLLED_BACK, "Canary.Unhealthy", called=False)
INVALID = Kind("refused", "a request with a wrong field", REFUSED, "Canary.InvalidInput")
KINDS = (PROMOTED, FIRST, BROKEN, QUIET, INVALID)
# Among the first six are all of them, and of every dozen eight are promoted.
_DOZEN = (PROMOTED, FIRST, BROKEN, QUIET, INVALID, *(PROMOTED,) * 7)


@dataclass(frozen=True)
class Service:
    """A service, the version that it has before (if any), and the one that is deployed."""

    number: int
    kind: Kind

    @property
    def name(self) -> str:
        """Its `MicroserviceName`."""
        return f"{PREFIX}{self.number:04}"

    @property
    def stable(self) -> str:
        """The version before, of this service alone."""
        return f"{STABLE}{self.number:04}"

    @property
    def candidate(self) -> str:
        """The version that is deployed, of this service alone."""
        return f"{MISSING if self.kind is BROKEN else NEXT}{self.number:04}"

    @property
    def live(self) -> str:
        """The version that is live at the end."""
        return self.candidate if self.kind.promotes else self.stable

    def version(self, sha: str) -> str:
        """A version's virtual node, ECS service and name in Cloud Map."""
        return f"{self.name}-{sha}"

    def stack(self, sha: str) -> str:
        """A version's stack."""
        return f"{ENVIRONMENT}-{self.version(sha)}"

    def first_request(self, template: str) -> dict[str, Any]:
        """The request for the version before."""
        return self._request(self.stable, 1, template)

    def request(self, wait: int, template: str) -> dict[str, Any]:
        """The request for the version that is deployed."""
        made = self._request(self.candidate, wait, template)
        return {**made, "PercentageStep": 0} if self.kind is INVALID else made

    def _request(self, sha: str, wait: int, template: str) -> dict[str, Any]:
        return {
            "EnvironmentName": ENVIRONMENT,
            "Namespace": NAMESPACE,
            "MicroserviceName": self.name,
            "Protocol": "http",
            "Port": PORT,
            "PercentageStep": PERCENTAGE_STEP,
            "WaitTime": wait,
            "Sha": sha,
            "ContainerImage": f"{IMAGE}:{sha}",
            "CanaryTemplate": template,
        }


def services(count: int) -> list[Service]:
    """As many services, with all kinds among them."""
    return [Service(number, _DOZEN[number % len(_DOZEN)]) for number in range(count)]


def template(checkout_template: Path) -> str:
    """The usual template in base64. Health checks are programs here, so they run less often than on Fargate."""
    usual = checkout_template.read_text()
    every_5_seconds, every_minute = "Interval: 5\n", "Interval: 60\n"
    # Envoy's, and the one that asks the application.
    assert usual.count(every_5_seconds) == 2, f"`{checkout_template}` has other health checks"
    return base64.b64encode(usual.replace(every_5_seconds, every_minute).encode()).decode()


def image_map() -> dict[str, Any]:
    """What the containers run."""
    backend = {
        "run": ["{checkout}/target/debug/hello-backend"],
        "env": {"HOST": "{host}", "PORT": "{port}"},
    }
    return {"images": [{"image": f"{IMAGE}:{begins}*", **backend} for begins in (STABLE, NEXT)]}


def count(services: Sequence[Service], kind: Kind) -> int:
    """How many services have a deployment of the kind."""
    return sum(service.kind is kind for service in services)
