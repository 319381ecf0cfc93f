"""The demo's record for machines: `report.json`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .history import Check
from .judge import Claim, Deployment, Played, StepResult, step_results
from .load import between, failures, percentile
from .measure import Share, Z, measured

Result = tuple[Played, Sequence[Claim]]

BIN_SECONDS = 1.0
"""The resolution of the timelines."""


def build(results: Sequence[Result], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The whole report. Times are RFC 3339 in UTC, lengths of time in seconds, shares and weights in percent."""
    scenes = [_scene(played, claims) for played, claims in results]
    return {
        "kept": bool(scenes) and all(scene["kept"] for scene in scenes),
        "environment": dict(facts),
        "totals": {
            "scenes": len(scenes),
            "scenesKept": sum(scene["kept"] for scene in scenes),
            "requests": sum(scene["requests"] for scene in scenes),
            "failed": sum(scene["failed"] for scene in scenes),
            "seconds": round(sum(scene["seconds"] for scene in scenes), 1),
        },
        "scenes": scenes,
    }


def _scene(played: Played, claims: Sequence[Claim]) -> dict[str, Any]:
    slow = percentile(played.requests, 99.0)
    return {
        "number": played.number,
        "name": played.scene.name,
        "promise": played.scene.promise,
        "kept": all(claim.kept for claim in claims),
        "claims": [{"kept": claim.kept, "claim": claim.text, "found": claim.found} for claim in claims],
        "startedAt": rfc3339(played.started),
        "finishedAt": rfc3339(played.finished),
        "seconds": round(played.finished - played.started, 1),
        "underLoad": played.scene.under_load,
        "requests": len(played.requests),
        "failed": failures(played.requests),
        "latencySecondsP99": None if slow is None else round(slow, 4),
        "answersByVersion": _answers(played),
        "deployments": [_deployment(played, deployment) for deployment in played.deployments],
        "before": {name: world.as_json() for name, world in played.before.items()},
        "after": {name: world.as_json() for name, world in played.after.items()},
    }


def _answers(played: Played) -> dict[str, int]:
    counts: dict[str, int] = {}
    for request in played.requests:
        key = request.version or "none said"
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def _deployment(played: Played, deployment: Deployment) -> dict[str, Any]:
    progress = deployment.progress
    return {
        "microservice": deployment.version.microservice,
        "version": deployment.version.sha,
        "behaviour": dict(deployment.version.behaviour),
        "input": _input(deployment.event),
        "executionArn": deployment.execution,
        "status": progress.status,
        "outcome": progress.outcome,
        "failure": progress.failure,
        "stable": progress.stable,
        "candidate": progress.candidate,
        "finishedAt": rfc3339(progress.finished),
        "trafficRestoredAt": rfc3339(progress.restored),
        "states": [{"at": rfc3339(at), "state": name} for at, name in progress.entered],
        "steps": [_step(deployment, result) for result in step_results(played, deployment)],
        "timeline": timeline(played, deployment),
    }


def _input(event: Mapping[str, Any]) -> dict[str, Any]:
    """The input event; its template, long and found in the checkout, is named by its digest."""
    template = base64.b64decode(str(event.get("CanaryTemplate", "")))
    digest = {"bytes": len(template), "sha256": hashlib.sha256(template).hexdigest()}
    return {**event, "CanaryTemplate": digest}


def _step(deployment: Deployment, result: StepResult) -> dict[str, Any]:
    step, progress = result.step, deployment.progress
    low, high = result.bounds
    return {
        "weight": step.weight,
        "shiftedAt": rfc3339(step.since),
        "changedAgainAt": rfc3339(step.until),
        "seconds": None if step.until is None else round(step.until - step.since, 1),
        "served": _served(result.share, progress.candidate, progress.stable),
        "measuredShare": _rounded(result.share.percent),
        "allowedShare": {"low": round(low, 2), "high": round(high, 2), "standardErrors": Z},
        "within": result.within,
        "requests": result.requests,
        "failed": result.failed,
        "checks": [_check(check) for check in step.checks],
    }


def _served(share: Share, candidate: str | None, stable: str | None) -> dict[str, int]:
    served = {candidate or "candidate": share.candidate}
    return {**served, stable: share.stable} if stable else served


def _check(check: Check) -> dict[str, Any]:
    return {
        "at": rfc3339(check.at),
        "verdict": check.verdict,
        "reason": check.reason,
        "errors": check.errors,
        "threshold": check.threshold,
        "requests": check.requests,
        "settled": check.settled,
        "tasks": {"healthy": check.tasks.healthy, "desired": check.tasks.desired} if check.tasks else None,
        "windowStart": rfc3339(check.window_start),
        "windowEnd": rfc3339(check.window_end),
    }


def timeline(played: Played, deployment: Deployment) -> list[dict[str, Any]]:
    """Second by second since the scene's start: the set weight, the measured share, requests and failures."""
    points = []
    for index in range(max(0, int((played.finished - played.started) / BIN_SECONDS))):
        start = played.started + index * BIN_SECONDS
        end = start + BIN_SECONDS
        sent = between(played.requests, start, end)
        share = _share(played, deployment, start, end)
        points.append(
            {
                "second": index * BIN_SECONDS,
                "weight": _weight_at(deployment, start),
                "share": _rounded(share.percent),
                "requests": len(sent),
                "failed": failures(sent),
            }
        )
    return points


def _share(played: Played, deployment: Deployment, start: float, end: float) -> Share:
    """The share between the last samples before either moment, so that no request is in two bins."""
    first = [sample for sample in played.samples if sample.answered <= start][-1:]
    last = [sample for sample in played.samples if start < sample.answered <= end][-1:]
    progress = deployment.progress
    return measured([*first, *last], progress.candidate, progress.stable, float("-inf"), float("inf"))


def _weight_at(deployment: Deployment, at: float) -> int:
    for step in deployment.progress.steps:
        if step.since <= at and (step.until is None or at < step.until):
            return step.weight
    steps, restored = deployment.progress.steps, deployment.progress.restored
    after_the_last = bool(steps) and restored is None and at >= steps[-1].since
    return steps[-1].weight if after_the_last else 0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def rfc3339(at: float | None) -> str | None:
    """A moment in UTC, to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
