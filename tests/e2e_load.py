"""A few services deployed at once under throttles; `make load` does the same with 200."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from load import judge, mix
from load.play import Options, Played, Requests, play
from load.proxy import CALLED, Throttles
from load.stage import Stage, stage
from second_interpreter import client

from canary_local.checkout import Checkout

# All kinds are among them.
SERVICES = mix.services(6)
# Of the functions that Lambda runs at a time, so that they are in each other's way.
CONCURRENCY = 2
POLL_SECONDS = 2


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(Checkout.here(), tmp_path_factory.mktemp("load"), CONCURRENCY, POLL_SECONDS, print) as running:
        yield running


@pytest.fixture(scope="module")
def played(on: Stage) -> Played:
    requests = Requests(8, mix.template(on.env.checkout.canary_template))
    return play(on, SERVICES, requests, Options(rate=20, throttled_percent=10), print)


def test_every_deployment_ends_as_its_kind_says(played: Played) -> None:
    assert {service.kind for service in played.phase.endings} == set(mix.KINDS)
    assert judge.endings(played.phase) == {}


def test_throttles_occur_and_are_absorbed(played: Played) -> None:
    assert played.phase.throttled.total() > 5, "calls of the functions"
    retried = [end.retried.get("Lambda.TooManyRequestsException", 0) for end in played.phase.endings.values()]
    assert sum(retried) > 0, "invocations of the functions"
    counted = {service for service, _ in played.phase.calls}
    assert set(CALLED) - counted == {"stepfunctions"}, "asked only about a lock that somebody else has"


def test_callers_are_all_answered_and_by_the_service_that_they_asked(played: Played) -> None:
    callers = played.callers
    assert callers.answered.total() > 100
    assert (callers.failed, callers.crossed) == (0, 0), callers.examples


def test_nothing_crossed_over_and_nothing_is_left(on: Stage, played: Played) -> None:
    assert judge.services(on.env, SERVICES) == {}


def test_what_crosses_over_is_seen(on: Stage, played: Played) -> None:
    one, two = (service for service in SERVICES if service.kind is mix.PROMOTED and service.number in (0, 5))
    on.env.client("ssm").put_parameter(
        Name=f"{mix.ENVIRONMENT}-canary-{one.name}-version", Value=two.candidate, Overwrite=True
    )
    assert judge.services(on.env, SERVICES) == {
        one.name: [f"SSM records ('{two.candidate}', 3) and not ('{one.candidate}', 2)"]
    }


# A call of each service, as boto3 and as AWS have it.
CALLS: dict[str, tuple[str, str, dict[str, str]]] = {
    "appmesh": ("list_meshes", "ListMeshes", {}),
    "cloudformation": ("list_exports", "ListExports", {}),
    "cloudwatch": ("list_dashboards", "ListDashboards", {}),
    "dynamodb": ("list_tables", "ListTables", {}),
    "ecs": ("list_clusters", "ListClusters", {}),
    "servicediscovery": ("list_namespaces", "ListNamespaces", {}),
    "ssm": ("describe_parameters", "DescribeParameters", {}),
    "stepfunctions": ("describe_execution", "DescribeExecution", {"executionArn": "arn:any"}),
}


def test_calls_of_every_service_are_throttled_and_counted(tmp_path: Path) -> None:
    with Throttles("http://127.0.0.1:9", tmp_path / "microburst.log") as proxy:
        proxy.throttle(100)
        assert proxy.calls() == ({}, {})
        for service, (method, _, arguments) in CALLS.items():
            with pytest.raises(ClientError, match="Throttling|TooManyRequests"):
                getattr(client(service, proxy.endpoint), method)(**arguments)
        once = {(service, operation): 1 for service, (_, operation, _) in CALLS.items()}
        assert proxy.calls() == (once, once)
    assert set(CALLS) == set(CALLED)
