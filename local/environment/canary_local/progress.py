"""What the state machine's data say of a deployment: its plan, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Data = Mapping[str, Any]

_DECISIONS = {"Watching": "check again", "Shifting": "next step", "Promoting": "record", "Unhealthy": "roll back"}


def weights(plan: Data) -> list[int]:
    """The candidate's weights, step by step, in percent."""
    return [int(step["weight"]) for step in plan.get("steps") or []]


def next_weight(plan: Data, progress: Data) -> int | None:
    """The weight that the candidate gets next if all goes well; None if none is left."""
    step = progress.get("step", 0) + (progress.get("phase") == "Watching")
    left = weights(plan)[step:] if progress.get("phase") in ("Deploying", "Shifting", "Watching") else []
    return left[0] if left else None


def last_check(progress: Data) -> Data | None:
    """The last check of the candidate's health at its present weight; those of earlier weights stay in the data."""
    checks = progress.get("checks") or [None]
    return checks[-1] if checks[-1] and checks[-1].get("weight") == progress.get("weight") else None


def decision(progress: Data) -> str | None:
    """What follows from the last check; None if it has followed already."""
    return _DECISIONS.get(str(progress.get("phase")))
