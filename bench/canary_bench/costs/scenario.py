"""A deployment, as far as its cost depends on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

POLL_SECONDS = 15
METRIC_PERIOD_SECONDS = 60
METRIC_DELAY_SECONDS = 120
"""The shared stack's defaults."""


@dataclass(frozen=True)
class Mesh:
    """What is looked through before a version is deleted: anything in the mesh may name it."""

    routers: int
    routes: int
    services: int

    @classmethod
    def of(cls, microservices: int) -> Mesh:
        """A mesh in which each microservice has a router with one route, and a virtual service."""
        return cls(microservices, microservices, microservices)


HELLO = Mesh.of(2)
"""The hello sample's."""


@dataclass(frozen=True)
class Scenario:
    """A canary that goes well, in equal steps. Times are in seconds; the stacks' are typical of Fargate services on AWS."""

    steps: int
    wait: float
    poll: float = POLL_SECONDS
    create: float = 180.0
    delete: float = 120.0
    period: float = METRIC_PERIOD_SECONDS
    """What one data point covers."""
    delay: float = METRIC_DELAY_SECONDS
    """From the end of a data point until it can be read."""
    begun: float = 0.0
    """When the execution begins, after a moment at which a data point begins."""
    counted: bool = True
    """Whether requests are counted: TCP's are not, so no check waits for data."""
    mesh: Mesh = HELLO

    @property
    def weights(self) -> list[int]:
        """The candidate's, in percent."""
        return [round(100 * number / self.steps) for number in range(1, self.steps + 1)]

    @property
    def check_interval(self) -> float:
        """Between two checks of one weight: new data come once a period."""
        return max(self.poll, self.period)

    def complete_at(self, shifted: float) -> float:
        """When the data of the whole watch time can be read, of a shift at a second of the execution."""
        if not self.counted:
            return shifted
        settled = self._data_point_from(shifted + self.period)
        last = self._data_point_from(shifted + self.wait + self.period)
        return max(last, settled + self.period) + self.delay

    def _data_point_from(self, at: float) -> float:
        return math.ceil((self.begun + at) / self.period) * self.period - self.begun
