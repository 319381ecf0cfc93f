"""Traffic shares, measured with the callers' Envoys' own counters, and what chance allows them to be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Z = 4.0
"""Allowed distance from the set weight in standard errors: a fair router strays further once in 16,000 steps."""

SETTLE_SECONDS = 1.0
"""From the router reporting new weights to every caller's Envoy having taken them: milliseconds, more when busy."""


@dataclass(frozen=True)
class Sample:
    """First attempts sent to each virtual node since the start, as read between two moments."""

    asked: float
    answered: float
    sent: Mapping[str, int]


@dataclass(frozen=True)
class Share:
    """How many requests of a measurement went to the candidate and how many to the stable version."""

    candidate: int
    stable: int

    @property
    def total(self) -> int:
        """All requests of the measurement."""
        return self.candidate + self.stable

    @property
    def percent(self) -> float | None:
        """The candidate's share; none without requests."""
        return 100.0 * self.candidate / self.total if self.total else None


def sample(stats: Mapping[str, Any], asked: float, answered: float) -> Sample:
    """A sample from the data plane's statistics."""
    nodes = stats.get("virtualNodes", {})
    return Sample(asked, answered, {name: int(node.get("sent", 0)) for name, node in nodes.items()})


def measured(samples: Sequence[Sample], candidate: str | None, stable: str | None, start: float, end: float) -> Share:
    """The share between two moments, from the samples that lie wholly between them.

    The counters count a request when its version is chosen, so a request in flight at a change of weights is
    already counted on the version that will answer it, and only the choice's moment matters. Samples within
    `SETTLE_SECONDS` after a change are left out: until then an Envoy may still choose by the old weights.
    """
    inside = [s for s in samples if s.asked >= start + SETTLE_SECONDS and s.answered <= end]
    if len(inside) < 2:
        return Share(0, 0)
    return Share(_sent(inside, candidate), _sent(inside, stable))


def _sent(samples: Sequence[Sample], node: str | None) -> int:
    if node is None:
        return 0
    # A node deleted in between is no longer listed, so the highest reading counts, not the last.
    return max(s.sent.get(node, 0) for s in samples) - samples[0].sent.get(node, 0)


def bounds(total: int, weight: int) -> tuple[float, float]:
    """The percentages that chance allows a share of `total` requests to have at this weight.

    At 0 and 100 chance allows nothing else: the bounds are exact.
    """
    p = weight / 100.0
    error = 100.0 * Z * math.sqrt(p * (1.0 - p) / total) if total else 100.0
    return max(0.0, weight - error), min(100.0, weight + error)


def within(share: Share, weight: int) -> bool:
    """Whether the measured share is what the weight promised. Nothing measured is nothing shown."""
    if share.percent is None:
        return False
    low, high = bounds(share.total, weight)
    return low <= share.percent <= high
