"""What the demo plays, as data: the versions, what is wrong with them, and what each scene promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import hello
from ..checkout import Checkout
from .history import ROLLED_BACK, SUCCEEDED

IMAGES = Path("samples/hello/images.json")


@dataclass(frozen=True)
class Version:
    """A version of a microservice. `behaviour` is the environment that makes it misbehave."""

    microservice: str
    sha: str
    behaviour: Mapping[str, str] = field(default_factory=dict)
    failure_threshold: int = 0

    @property
    def image(self) -> str:
        """The container image's name and tag."""
        return f"{self.microservice}:{self.sha}"


@dataclass(frozen=True)
class Scene:
    """One scene: versions deployed at the same time, and what must come of it."""

    name: str
    promise: str
    deploys: Sequence[Version]
    outcome: str
    weights: Sequence[int] | None = None
    """The candidate's weights, step by step, when the scene promises all of them; none if it is to get no traffic."""
    under_load: bool = True

    @property
    def rolls_back(self) -> bool:
        """Whether the scene promises that everything ends as it was before."""
        return self.outcome == ROLLED_BACK

    @property
    def gets_no_traffic(self) -> bool:
        """Whether the scene promises that the candidate never gets any."""
        return self.weights is not None and not self.weights


def scenes(percentage_step: int = 25) -> list[Scene]:
    """The demo's scenes, in order; each builds on what the ones before it left."""
    first_backend, good = Version("hello-backend", "f1757e5"), Version("hello-backend", "900d2e5")
    wrong_port = Version("hello-backend", "bad9087", {"PORT_OFFSET": "1"})
    # The sample is small, so a threshold of 0 would already do; with 5 the verdict has to count to reach it.
    flaky = Version("hello-backend", "bad5e44", {"ERROR_PERCENT": "10"}, failure_threshold=5)
    every_step = [*range(percentage_step, 100, percentage_step), 100]
    return [
        Scene(
            "First deployments",
            "both services go live and their versions are recorded",
            [Version("hello-web", "f1757e6"), first_backend],
            SUCCEEDED,
            weights=[100],
            under_load=False,
        ),
        Scene(
            "A good new version",
            "stepwise to 100 %, the old stack removed, the version recorded, no failed request",
            [good],
            SUCCEEDED,
            weights=every_step,
        ),
        Scene(
            "A version that listens on the wrong port",
            "its stack fails and it gets no traffic; everything is as it was before, no failed request",
            [wrong_port],
            ROLLED_BACK,
            weights=[],
        ),
        Scene(
            "A version that answers 500 to 10 % of its requests",
            "found unhealthy and rolled back by itself; everything is as it was before",
            [flaky],
            ROLLED_BACK,
        ),
    ]


def event(checkout: Path, version: Version, percentage_step: int, wait_seconds: int) -> dict[str, Any]:
    """The input that starts the version's deployment: what a build would make of it, with the demo's step and wait time."""
    return {
        **hello.event(Checkout(checkout), version.microservice, version.sha),
        "PercentageStep": percentage_step,
        "WaitTime": wait_seconds,
        "FailureThresholdValue": version.failure_threshold,
    }


def image_map(usual_map: Mapping[str, Any], versions: Sequence[Version]) -> dict[str, Any]:
    """An image map to lay over the usual one: an entry for each version that misbehaves, run like any other."""
    special = []
    for version in versions:
        if not version.behaviour:
            continue
        usual = next(entry for entry in usual_map["images"] if entry["image"].startswith(f"{version.microservice}:"))
        special.append({**usual, "image": version.image, "env": {**usual.get("env", {}), **version.behaviour}})
    return {"images": special}
