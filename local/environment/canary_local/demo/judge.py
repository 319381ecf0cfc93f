"""Whether a scene ended as promised, claim by claim, from what was recorded. Nothing here reads a clock or a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..calls import Request
from ..printed import plain
from ..world import World, differences
from .history import Progress, Step
from .load import between, failures
from .measure import SETTLE_SECONDS, Sample, Share, Z, bounds, measured, within
from .scenes import Scene, Version


@dataclass
class Deployment:
    """One execution of the state machine; its ARN is empty until it started."""

    version: Version
    event: dict[str, Any]
    execution: str = ""
    progress: Progress = field(default_factory=Progress)


@dataclass
class Played:
    """All that was recorded of a scene. `before` and `after` are by microservice."""

    number: int
    scene: Scene
    started: float
    finished: float = 0.0
    deployments: list[Deployment] = field(default_factory=list)
    requests: Sequence[Request] = ()
    samples: list[Sample] = field(default_factory=list)
    before: dict[str, World] = field(default_factory=dict)
    after: dict[str, World] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """One part of a scene's promise."""

    kept: bool
    text: str
    found: str


@dataclass(frozen=True)
class StepResult:
    """A step with what was measured while it lasted. `requests` and `failed` are as the load saw them."""

    step: Step
    share: Share
    requests: int
    failed: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The share's lowest and highest percentage that chance allows."""
        return bounds(self.share.total, self.step.weight)

    @property
    def within(self) -> bool:
        """Whether the measured share lies inside the bounds."""
        return within(self.share, self.step.weight)


def step_results(played: Played, deployment: Deployment) -> list[StepResult]:
    """What was measured at each of a deployment's steps."""
    progress = deployment.progress
    results = []
    for step in progress.steps:
        until = step.until if step.until is not None else played.finished
        left = step.left if step.left is not None else played.finished
        sent = between(played.requests, step.since, until)
        share = measured(played.samples, progress.candidate, progress.stable, step.reported, left)
        results.append(StepResult(step, share, len(sent), failures(sent)))
    return results


def judge(played: Played) -> list[Claim]:
    """Every claim that the scene's promise makes."""
    claims = []
    for deployment in played.deployments:
        claims.append(_outcome(played, deployment))
        claims += _weights(played, deployment)
        claims += _undone(played, deployment) if played.scene.rolls_back else _done(played, deployment)
    if played.scene.under_load and (not played.scene.rolls_back or played.scene.gets_no_traffic):
        failed = failures(played.requests)
        answered = bool(played.requests) and failed == 0
        claims.append(Claim(answered, "no failed request", f"{failed} of {len(played.requests):,} requests failed"))
    return claims


def _outcome(played: Played, deployment: Deployment) -> Claim:
    outcome = deployment.progress.outcome
    found = f"`{outcome}`"
    if deployment.progress.failure and outcome != played.scene.outcome:
        failure = deployment.progress.failure
        found += plain(f" because of {failure.get('Error')}: {failure.get('Cause')}")
    text = f"`{deployment.version.image}` ends in `{played.scene.outcome}`"
    return Claim(outcome == played.scene.outcome, text, found)


def _weights(played: Played, deployment: Deployment) -> list[Claim]:
    claims = []
    steps = step_results(played, deployment)
    if played.scene.weights is not None:
        weights = [result.step.weight for result in steps]
        text = f"the weights of `{deployment.version.image}` go {_listed(played.scene.weights)}"
        if played.scene.gets_no_traffic:
            text = f"`{deployment.version.image}` gets no traffic"
        claims.append(Claim(weights == list(played.scene.weights), text, _listed(weights) or "no step"))
    if played.scene.under_load and not played.scene.gets_no_traffic:
        text = f"every step's measured share lies within {Z:g} standard errors of its weight"
        found = "; ".join(_measured(result) for result in steps) or "no step"
        claims.append(Claim(bool(steps) and all(result.within for result in steps), text, found))
    return claims


def _measured(result: StepResult) -> str:
    if result.share.percent is None:
        return f"{result.step.weight} %: no request measured"
    low, high = result.bounds
    allowed = "nothing else" if low == high else f"{low:.1f}–{high:.1f} %"
    return f"{result.step.weight} %: {result.share.percent:.1f} % of {result.share.total:,} ({allowed} allowed)"


def _done(played: Played, deployment: Deployment) -> list[Claim]:
    version, progress = deployment.version, deployment.progress
    before, after = played.before[version.microservice], played.after[version.microservice]
    number = before.parameter[1] + 1 if before.parameter else 1
    claims = [
        Claim(
            after.parameter == (version.sha, number),
            f"`{version.sha}` is recorded as version {number} of `{version.microservice}`",
            "nothing recorded"
            if after.parameter is None
            else f"`{after.parameter[0]}` as version {after.parameter[1]}",
        ),
        Claim(
            {node: weight for node, weight in after.targets().items() if weight} == {progress.candidate: 100},
            f"the route of `{version.microservice}` sends all traffic to it",
            _listed([f"`{node}` {weight} %" for node, weight in after.targets().items()]) or "no route",
        ),
    ]
    if before.parameter:
        old = f"-{version.microservice}-{before.parameter[0]}"
        left = [name for name in after.stacks if name.endswith(old)]
        claims.append(Claim(not left, "the old version's stack is gone", f"left: {_listed(left) or 'none'}"))
    return claims


def _undone(played: Played, deployment: Deployment) -> list[Claim]:
    service, check = deployment.version.microservice, deployment.progress.check
    changed = differences(played.before[service], played.after[service])
    restored = deployment.progress.restored
    same = "route, stacks and recorded version are what they were before"
    claims = [Claim(not changed, same, "; ".join(changed) or "equal")]
    if played.scene.gets_no_traffic:
        return claims
    found = check.words if check else "no verdict"
    unhealthy = check is not None and check.verdict == "Unhealthy"
    claims.insert(0, Claim(unhealthy, "the health check finds it unhealthy", found))
    if played.scene.under_load:
        # As with the measured share: requests sent before every Envoy took the old weights may still fail.
        since = played.finished if restored is None else restored + SETTLE_SECONDS
        later = between(played.requests, since, played.finished)
        text = f"{failures(later)} of {len(later):,} requests failed"
        claims.append(Claim(bool(later) and not failures(later), "no failed request once traffic is back", text))
    return claims


def _listed(items: Sequence[Any]) -> str:
    return ", ".join(str(item) for item in items)
