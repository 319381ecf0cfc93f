"""Apps that are not the project's run too: a TCP server in Python, by the image map of these tests."""

from __future__ import annotations

import base64
import socket
from typing import Any

from deployments import deploy, ingress, world

from canary_local.environment import Environment
from canary_local.mesh import make_router

SERVICE = "tcp-echo"
PORT = 7007


def event(env: Environment, sha: str) -> dict[str, Any]:
    """A deploy request for a version of the TCP server."""
    return {
        "EnvironmentName": "demo",
        "Namespace": "demo.local",
        "MicroserviceName": SERVICE,
        "Protocol": "tcp",
        "Port": PORT,
        "PercentageStep": 50,
        "WaitTime": 1,
        "Sha": sha,
        "ContainerImage": f"{SERVICE}:{sha}",
        "CanaryTemplate": base64.b64encode(env.checkout.canary_template.read_bytes()).decode(),
    }


def answers(env: Environment, sha: str) -> tuple[str, str]:
    """What a version says through its own Envoy: its greeting, and the echo of a line."""
    host, port = (ingress(env, f"{SERVICE}-{sha}") or "").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        stream = connection.makefile("rw")
        greeting = stream.readline().strip()
        stream.write("ping\n")
        stream.flush()
        return greeting, stream.readline().strip()


def test_a_tcp_app_is_deployed_and_canaried_and_its_verdict_says_what_is_not_known(env: Environment) -> None:
    make_router(env, SERVICE, PORT, "tcp")
    first = deploy(env, event(env, "one"))
    assert first.status == "SUCCEEDED", first.cause
    assert answers(env, "one") == ("one", "ping")

    second = deploy(env, event(env, "two"))
    assert second.status == "SUCCEEDED", second.cause
    assert second.weights() == [50, 100]
    assert second.verdicts() == {"Inconclusive"}
    reason = second.checks()[-1]["reason"]
    assert "tcp has no request counters" in reason
    assert answers(env, "two") == ("two", "ping")
    assert world(env, SERVICE).parameter == ("two", 2)
