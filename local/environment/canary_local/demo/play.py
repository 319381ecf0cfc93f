"""Plays a scene: starts its deployments, follows them to their end and records everything on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .. import world
from ..calls import Request
from ..executions import history
from . import measure
from .judge import Deployment, Played
from .load import Load, between, failures
from .scenes import Scene, event

POLL_SECONDS = 0.25
TAIL_SECONDS = 2.0
"""For how long the traffic is watched after the last state: what a deployment leaves behind is part of it."""
LIMIT_SECONDS = 300.0
"""A scene that takes longer is stuck: the longest one is meant to take about one minute."""
LIVE_SECONDS = 4.0
"""How far back the live view's share and rate look."""


class Environment(Protocol):
    """What the demo needs of the running local environment."""

    def client(self, service: str) -> Any:
        """The boto3 client of an AWS service."""

    def deploy(self, event: Mapping[str, Any]) -> str:
        """Starts a deployment; returns the execution's ARN."""

    def stats(self) -> Mapping[str, Any]:
        """The data plane's statistics."""


class View(Protocol):
    """Shows how a scene goes."""

    def update(self, status: Status) -> None:
        """Takes in how the scene stands now."""


@dataclass(frozen=True)
class Status:
    """How a scene stands at a moment, for the view."""

    played: Played
    elapsed: float
    rate: float
    requests: int
    failed: int
    share: measure.Share


@dataclass
class Stage:
    """What the scenes are played on."""

    environment: Environment
    checkout: Path
    load: Load
    percentage_step: int
    wait_seconds: int
    limit_seconds: float = LIMIT_SECONDS
    clock: Callable[[], float] = field(default=time.time)
    pause: Callable[[float], None] = field(default=time.sleep)


def play(number: int, scene: Scene, stage: Stage, view: View) -> Played:
    """Plays a scene to its end, or to its time limit."""
    if scene.under_load:
        stage.load.start()
    played = Played(number, scene, stage.clock())
    for version in scene.deploys:
        made = event(stage.checkout, version, stage.percentage_step, stage.wait_seconds)
        played.deployments.append(Deployment(version, made))
    played.before = _worlds(played, stage)
    for deployment in played.deployments:
        deployment.execution = stage.environment.deploy(deployment.event)
    _follow(played, stage, view)
    played.after = _worlds(played, stage)
    played.finished = stage.clock()
    stage.load.settle(played.finished)
    played.requests = between(list(stage.load.requests), played.started, played.finished)
    return played


def _follow(played: Played, stage: Stage, view: View) -> None:
    stepfunctions = stage.environment.client("stepfunctions")
    end: float | None = None
    while end is None or stage.clock() < end:
        asked = stage.clock()
        stats = stage.environment.stats()
        played.samples.append(measure.sample(stats, asked, stage.clock()))
        for deployment in played.deployments:
            for item in history(stepfunctions, deployment.execution, deployment.progress.last_id):
                deployment.progress.apply(item)
        view.update(_status(played, stage))
        if end is None and not any(deployment.progress.running for deployment in played.deployments):
            end = stage.clock() + (TAIL_SECONDS if played.scene.under_load else 0.0)
        if stage.clock() > played.started + stage.limit_seconds:
            return
        stage.pause(POLL_SECONDS)


def _status(played: Played, stage: Stage) -> Status:
    now = stage.clock()
    requests = _since(stage.load.requests, played.started)
    progress = played.deployments[0].progress
    since = max(now - LIVE_SECONDS, progress.steps[-1].reported if progress.steps else 0.0, progress.restored or 0.0)
    return Status(
        played=played,
        elapsed=now - played.started,
        rate=len([request for request in requests if request.at >= now - LIVE_SECONDS]) / LIVE_SECONDS,
        requests=len(requests),
        failed=failures(requests),
        share=measure.measured(played.samples, progress.candidate, progress.stable, since, now),
    )


def _since(requests: list[Request], start: float) -> list[Request]:
    return [request for request in list(requests) if request.at >= start]


def _worlds(played: Played, stage: Stage) -> dict[str, world.World]:
    return {
        deployment.version.microservice: world.take(
            stage.environment.client, deployment.event["EnvironmentName"], deployment.version.microservice
        )
        for deployment in played.deployments
    }
