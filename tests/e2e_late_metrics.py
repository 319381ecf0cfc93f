"""CloudWatch has Envoy's counters late: errors at the end of the watch time are waited for before the old version is deleted."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest
from deployments import CHECK, deploy, ingress, lock, quiet, standing
from image_maps import ROOT, STACK_SECONDS, image_map
from second_interpreter import beside
from stopped import Moments

from canary_local.environment import Environment
from canary_local.mesh import make_router
from canary_local.metrics import Metrics

pytestmark = pytest.mark.xdist_group("late-metrics")
SERVICE = "late"
METRICS = Metrics(period=5, delay=20)
# Shorter than a period, so that the last scrape of the watch time holds all of its answers.
WATCH_SECONDS = METRICS.period - 1
REQUESTS = 20
# Two scrapes and the delay take 30 s.
MEASURED_SECONDS = 120


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Environment]:
    """An environment of this test's own, because its metrics are slower."""
    images, state_dir = [image_map(tmp_path)], tmp_path / "state"
    with Environment.start(
        ROOT, images=images, state_dir=state_dir, stack_seconds=STACK_SECONDS, metrics=METRICS
    ) as running:
        yield running


def measured(env: Environment, version: str) -> None:
    """Waits until CloudWatch has data of a version. What it answers before its first scrape is in no data point, as on AWS."""
    cloudwatch, deadline = env.client("cloudwatch"), time.monotonic() + MEASURED_SECONDS
    node = [{"Name": "appmesh_virtual_node", "Value": version}]
    while not cloudwatch.list_metrics(MetricName="envoy_http_downstream_rq_xx", Dimensions=node)["Metrics"]:
        assert time.monotonic() < deadline, f"nothing is measured of {version}"
        time.sleep(0.5)


def turn_bad(env: Environment, version: str) -> None:
    """Has a version answer well, and then fail every request."""
    address = ingress(env, version)
    for path in ("/good",) * REQUESTS + ("/fail",) * REQUESTS:
        with suppress(HTTPError):
            urllib.request.urlopen(f"http://{address}{path}", timeout=10).close()


def test_errors_at_the_end_of_the_watch_time_are_waited_for_before_the_old_version_is_deleted(own: Environment) -> None:
    """Promise 5."""
    make_router(own, SERVICE, 8080, "http")
    first = deploy(own, quiet(own, SERVICE, "one", PercentageStep=100))
    assert first.status == "SUCCEEDED", first.cause
    before = standing(own, SERVICE)
    moments = Moments()
    version = f"{SERVICE}-turnsbad"

    def coming_up(_: str) -> None:
        measured(own, version)
        moments.arm(SERVICE, "Wait", lambda _: turn_bad(own, version))

    moments.arm(SERVICE, "Wait for New Version", coming_up)
    candidate = quiet(own, SERVICE, "turnsbad", PercentageStep=100, WaitTime=WATCH_SECONDS, FailureThresholdValue=0)
    with beside(own, moments.entered) as moments.second:
        ending = deploy(moments.second, candidate)
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert ending.weights() == [100]
    # At the end of the watch time none of its data could be read.
    at_the_end = ending.outputs(CHECK)[0]["progress"]["checks"][-1]
    assert (at_the_end["verdict"], at_the_end["requests"]) == ("Inconclusive", 0)
    (decisive,) = ending.checks()
    assert (decisive["verdict"], decisive["errors"]) == ("Unhealthy", REQUESTS)
    assert standing(own, SERVICE) == before
    assert lock(own, SERVICE) is None
