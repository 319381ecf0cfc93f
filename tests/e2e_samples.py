"""Each function alone, with its sample event, against the environment as `make up` leaves it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from canary_local import hello
from canary_local.environment import Environment

ROOT = Path(__file__).resolve().parents[1]
# What the local environment sets otherwise than the samples: how fast it is.
TIMING = {"pollSeconds", "metricPeriod", "metricDelay"}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment of its own: the samples begin with version 1111111 of hello-backend live."""
    with Environment.start(ROOT, state_dir=tmp_path_factory.mktemp("samples") / "state") as running:
        hello.deploy_first(running)
        yield running


def sample(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def invoke(env: Environment, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """What `cargo lambda invoke` does, with the function as it is deployed."""
    answer = env.client("lambda").invoke(FunctionName=f"canary-shared-{function}", Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def without_timing(value: Any) -> Any:
    """A value without what differs between here and the samples."""
    if isinstance(value, dict):
        return {key: without_timing(inner) for key, inner in value.items() if key not in TIMING}
    return value


def repeat(env: Environment, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """As the state machine does: call again while the answer is InProgress."""
    deadline = time.monotonic() + 60
    while (answer := invoke(env, function, event)).get("status") == "InProgress":
        assert time.monotonic() < deadline, f"{function} does not end: {answer}"
        time.sleep(0.5)
    return answer


def test_the_samples_play_a_deployment_from_its_plan_to_its_rollback(untouched: Environment) -> None:
    env = untouched
    checked = invoke(env, "check-version", sample("check-version"))
    assert without_timing(checked) == without_timing(sample("check-version.output"))

    assert invoke(env, "deploy-stack", sample("deploy-stack")) == sample("deploy-stack.output")
    assert repeat(env, "deploy-stack", sample("deploy-stack"))["status"] == "Ready"

    # The sample's state was entered long ago: all of its data would be there by now.
    now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    shifted = invoke(env, "shift-traffic", {**sample("shift-traffic"), "entered": now})
    assert (shifted["phase"], shifted["weight"]) == ("Watching", 25)
    health = invoke(env, "gather-health", {**sample("gather-health"), "progress": shifted})
    assert (health["phase"], health["checks"][-1]["verdict"]) == ("Watching", "Inconclusive")

    for function in ("promote", "remove-old"):
        refused = invoke(env, function, sample(function))
        assert refused["errorType"] == "Canary.UnexpectedRoute"
    assert repeat(env, "rollback", sample("rollback"))["status"] == "RolledBack"


def test_an_event_that_is_no_functions_names_what_is_missing(untouched: Environment) -> None:
    refused = invoke(untouched, "shift-traffic", {})
    assert refused["errorType"] == "Canary.InvalidState"
    assert "missing field `plan`" in refused["errorMessage"]
