"""TCP and gRPC services: canaried and rolled back like HTTP ones, with callers, and what a look at them cannot see."""

from __future__ import annotations

import base64
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from deployments import Callers, Ending, deploy, fresh, ingress, world

from canary_local import stacks
from canary_local.environment import Environment
from canary_local.mesh import make_router

TCP, GRPC = "tally", "versions"
# Each service's port, and the image that its versions are tags of.
SERVICES = {TCP: (7008, "tcp", "tcp-echo"), GRPC: (7009, "grpc", "grpc-version")}
METHOD = "/versions.Versions/Tell"
# The app that says where its sidecar listens for these services; whoever calls there is that sidecar's app.
CALLER, CALLER_PORT = "egress", 7010


def encoded(template: str) -> str:
    """A template as a deploy request holds it."""
    return base64.b64encode(template.encode()).decode()


def deploy_version(env: Environment, service: str, sha: str, **changes: Any) -> Ending:
    """Deploys a version of one of the two services, quickly."""
    port, protocol, image = SERVICES[service]
    event = {
        "EnvironmentName": "demo",
        "Namespace": "demo.local",
        "MicroserviceName": service,
        "Protocol": protocol,
        "Port": port,
        "PercentageStep": 50,
        "WaitTime": 2,
        "FailureThresholdValue": 0,
        "Sha": sha,
        "ContainerImage": f"{image}:{sha}",
        "CanaryTemplate": encoded(env.checkout.canary_template.read_text()),
    }
    return deploy(env, {**event, **changes})


@pytest.fixture(scope="module")
def addresses(env: Environment) -> dict[str, str]:
    """Where a caller reaches each service: through its own sidecar. Both services are live, in version `one`."""
    for service, (port, protocol, _) in SERVICES.items():
        make_router(env, service, port, protocol)
        first = deploy_version(env, service, "one")
        assert first.status == "SUCCEEDED", first.cause
    parameters = {
        "EnvironmentName": "demo",
        "MicroserviceName": CALLER,
        "Namespace": "demo.local",
        "Sha": "one",
        "ContainerImage": "egress:one",
        "Port": str(CALLER_PORT),
        "Protocol": "tcp",
        "Backend1": f"{TCP}.demo.local",
        "Backend2": f"{GRPC}.demo.local",
    }
    stacks.deploy(env.client, f"demo-{CALLER}-one", env.checkout.canary_template, parameters)
    host = (ingress(env, f"{CALLER}-one") or "").split(":")[0]
    with socket.create_connection((host, CALLER_PORT), timeout=10) as connection:
        told = connection.makefile().read().splitlines()
    return dict(zip((TCP, GRPC), told, strict=True))


class TcpCallers(Callers):
    """Connections to a TCP service: each is greeted with a version, and echoed."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.versions: Counter[str] = Counter()

    def request(self) -> None:
        """One connection."""
        host, port = self.url.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            stream = connection.makefile("rw")
            version = stream.readline().strip()
            stream.write("ping\n")
            stream.flush()
            if stream.readline() != "ping\n":
                raise ConnectionError("the connection was not echoed")
        self.versions[version] += 1


class GrpcCallers(Callers):
    """Calls of a gRPC service, by gRPC's own client and without its retries; a status is a failure's whole text."""

    def __init__(self, address: str) -> None:
        super().__init__(f"ipv4:{address}")
        self.versions: Counter[str] = Counter()
        options = {
            "grpc.default_authority": f"{GRPC}.demo.local",
            "grpc.enable_retries": 0,
            "grpc.enable_http_proxy": 0,
        }
        self._channel = grpc.insecure_channel(self.url, list(options.items()))
        self._tell = self._channel.unary_unary(METHOD)

    def request(self) -> None:
        """One call."""
        try:
            version = self._tell(b"", timeout=10)
        except grpc.RpcError as error:
            raise ConnectionError(error.code().name) from error
        self.versions[version.decode()] += 1

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        self._channel.close()


@pytest.fixture
def tcp(addresses: dict[str, str]) -> Iterator[TcpCallers]:
    with TcpCallers(addresses[TCP]) as callers:
        callers.wait_for_answers(10)
        yield callers


@pytest.fixture
def calls(addresses: dict[str, str]) -> Iterator[GrpcCallers]:
    with GrpcCallers(addresses[GRPC]) as callers:
        callers.wait_for_answers(10)
        yield callers


def test_a_tcp_version_is_canaried_and_no_connection_is_lost(env: Environment, tcp: TcpCallers) -> None:
    sha = fresh("good")
    ending = deploy_version(env, TCP, sha)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.weights() == [50, 100]
    assert ending.verdicts() == {"Inconclusive"}
    assert world(env, TCP).targets() == {f"{TCP}-{sha}": 100}
    assert tcp.failed == []
    assert tcp.versions[sha] > 50


def test_a_tcp_version_that_cannot_start_is_rolled_back_and_no_connection_is_lost(
    env: Environment, tcp: TcpCallers
) -> None:
    before = world(env, TCP)
    ending = deploy_version(env, TCP, fresh("crashes"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert ending.entered()[-1] == "Deployment Failed & Rolled Back"
    assert world(env, TCP) == before
    assert tcp.failed == []


def test_a_tcp_version_has_its_traffic_taken_back_if_the_team_wants_no_unmeasured_ones(
    env: Environment, tcp: TcpCallers
) -> None:
    """Promise 10."""
    before, sha = world(env, TCP), fresh("good")
    ending = deploy_version(env, TCP, sha, OnNoData="RollBack")
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert ending.weights() == [50]
    assert f"nothing is known of `{TCP}-{sha}`: tcp has no request counters; `OnNoData` is `RollBack`" in ending.cause
    assert world(env, TCP) == before
    assert tcp.versions[sha] > 10, "connections went to it until it was taken back"
    assert tcp.failed == []


def test_a_tcp_version_that_nobody_can_use_is_not_seen_and_the_verdict_says_so(
    env: Environment, tcp: TcpCallers
) -> None:
    failing = deploy_version(env, TCP, fresh("closes"), PercentageStep=100)
    assert failing.status == "SUCCEEDED", failing.cause
    (check,) = failing.checks()
    assert check["verdict"] == "Inconclusive"
    assert "tcp has no request counters; `OnNoData` is `Proceed`, so this says nothing" in check["reason"]
    assert tcp.failed != []

    good = deploy_version(env, TCP, fresh("good"), PercentageStep=100)
    assert good.status == "SUCCEEDED", good.cause
    failed, answered = len(tcp.failed), tcp.answered
    tcp.wait_for_answers(answered + 50)
    assert len(tcp.failed) == failed, "callers are well again"


def test_a_grpc_version_is_canaried_under_calls_and_none_is_lost(env: Environment, calls: GrpcCallers) -> None:
    sha = fresh("good")
    ending = deploy_version(env, GRPC, sha)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.weights() == [50, 100]
    assert ending.verdicts() == {"Healthy"}
    assert "grpcRoute" in (world(env, GRPC).route or {})
    assert world(env, GRPC).targets() == {f"{GRPC}-{sha}": 100}
    assert calls.failed == []
    assert calls.versions[sha] > 100


def test_a_grpc_version_that_answers_5xx_is_rolled_back(env: Environment, calls: GrpcCallers) -> None:
    before, sha = world(env, GRPC), fresh("errors")
    ending = deploy_version(env, GRPC, sha)
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert f"`{GRPC}-{sha}` answered " in ending.cause
    assert world(env, GRPC) == before
    failed, answered = len(calls.failed), calls.answered
    calls.wait_for_answers(answered + 50)
    assert len(calls.failed) == failed, "callers are well again"


def test_a_grpc_version_that_cannot_start_is_rolled_back_and_no_call_is_lost(
    env: Environment, calls: GrpcCallers
) -> None:
    before = world(env, GRPC)
    ending = deploy_version(env, GRPC, fresh("crashes"))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert world(env, GRPC) == before
    assert calls.failed == []


def test_a_grpc_version_that_callers_cannot_reach_is_rolled_back(env: Environment, calls: GrpcCallers) -> None:
    before, sha = world(env, GRPC), fresh("good")
    # Its virtual node looks for tasks of another cluster, of which there are none.
    found = "AWSCloudMap: { NamespaceName: !Ref Namespace, ServiceName: !GetAtt DiscoveryService.Name"
    elsewhere = found + ", Attributes: [{ Key: ECS_CLUSTER_NAME, Value: elsewhere }]"
    template = env.checkout.canary_template.read_text()
    assert found in template
    ending = deploy_version(env, GRPC, sha, CanaryTemplate=encoded(template.replace(found, elsewhere)))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert f"nothing is known of `{GRPC}-{sha}`: no request was measured at this weight" in ending.cause
    assert world(env, GRPC) == before
    assert set(calls.failed) == {"UNAVAILABLE"}


@pytest.mark.parametrize(("kind", "status"), [("status", "INTERNAL"), ("closes", "UNAVAILABLE")])
def test_a_failed_grpc_call_is_not_seen_and_the_verdict_says_so(
    env: Environment, calls: GrpcCallers, kind: str, status: str
) -> None:
    """Promise 11."""
    failing = deploy_version(env, GRPC, fresh(kind), PercentageStep=100)
    assert failing.status == "SUCCEEDED", failing.cause
    (check,) = failing.checks()
    assert check["verdict"] == "Healthy"
    assert check["reason"].endswith("; gRPC failures are not among them")
    assert set(calls.failed) == {status}

    good = deploy_version(env, GRPC, fresh("good"), PercentageStep=100)
    assert good.status == "SUCCEEDED", good.cause
    failed, answered = len(calls.failed), calls.answered
    calls.wait_for_answers(answered + 50)
    assert len(calls.failed) == failed, "callers are well again"
