"""A deployment, as far as its cost depends on it."""

from __future__ import annotations

from dataclasses import dataclass

POLL_SECONDS = 15
"""The shared stack's default."""


@dataclass(frozen=True)
class Scenario:
    """A canary that goes well, in equal steps. Times are in seconds; the stacks' are typical of Fargate services on AWS."""

    steps: int
    wait: float
    poll: float = POLL_SECONDS
    create: float = 180.0
    delete: float = 120.0
    late: float = 120.0
    """From a shift until the first data of it can be read: CloudWatch's are one to two minutes late."""

    @property
    def weights(self) -> list[int]:
        """The candidate's, in percent."""
        return [round(100 * number / self.steps) for number in range(1, self.steps + 1)]
