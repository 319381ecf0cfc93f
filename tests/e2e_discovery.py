"""A version's tasks are found by the attributes that ECS registers them with, and nothing else is called in their place."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from deployments import Callers, deploy, fresh, through_gateway, world

from canary_local import hello
from canary_local.environment import Environment

SERVICE, PORT = "hello-backend", 8080
# Nobody else's: a task's address begins with its gateway's port in two octets, and no gateway has port 7.
ELSEWHERE = ("127.0.7.1", "127.0.7.2")
FOUND = "AWSCloudMap: { NamespaceName: !Ref Namespace, ServiceName: !GetAtt DiscoveryService.Name"
BY_ATTRIBUTES = f"""{FOUND}, Attributes: [
            {{ Key: ECS_CLUSTER_NAME, Value: !Ref EnvironmentName }},
            {{ Key: ECS_SERVICE_NAME, Value: !Sub '${{MicroserviceName}}-${{Sha}}' }}]"""


@contextmanager
def answering(address: str) -> Iterator[None]:
    """Something that answers like hello-backend, and calls itself by its address."""
    body = json.dumps({"greeting": "Hello", "message": "", "version": address}).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((address, PORT), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def answers(env: Environment, count: int) -> Counter[str]:
    """Which versions of hello-backend answer so many requests."""
    versions: Counter[str] = Counter()
    for _ in range(count):
        with urllib.request.urlopen(through_gateway(env), timeout=10) as answer:
            versions[answer.headers["x-backend-version"]] += 1
    return versions


@pytest.fixture
def live(env: Environment) -> str:
    """A version whose virtual node looks for the tasks of its own ECS service."""
    template, sha = env.checkout.canary_template.read_text(), fresh("attributes")
    assert FOUND in template
    changed = base64.b64encode(template.replace(FOUND, BY_ATTRIBUTES).encode()).decode()
    event = {**hello.event(env.checkout, SERVICE, sha), "CanaryTemplate": changed, "PercentageStep": 50}
    with Callers(through_gateway(env)) as callers:
        ending = deploy(env, event)
    assert ending.status == "SUCCEEDED", ending.cause
    assert callers.failed == []
    assert world(env, SERVICE).targets() == {f"{SERVICE}-{sha}": 100}
    return sha


def test_only_instances_with_the_nodes_attributes_are_called(env: Environment, live: str) -> None:
    cloudmap = env.client("servicediscovery")
    services = {service["Name"]: service["Id"] for service in cloudmap.list_services()["Services"]}
    registry = services[f"{SERVICE}-{live}"]
    (task,) = cloudmap.list_instances(ServiceId=registry)["Instances"]
    node = env.client("appmesh").describe_virtual_node(meshName="demo", virtualNodeName=f"{SERVICE}-{live}")
    wanted = node["virtualNode"]["spec"]["serviceDiscovery"]["awsCloudMap"]["attributes"]
    attributes = {attribute["key"]: attribute["value"] for attribute in wanted}
    assert attributes == {"ECS_CLUSTER_NAME": "demo", "ECS_SERVICE_NAME": f"{SERVICE}-{live}"}
    assert attributes.items() <= task["Attributes"].items()

    def register(address: str, attributes: dict[str, Any]) -> None:
        attributes = {**attributes, "AWS_INSTANCE_IPV4": address}
        cloudmap.register_instance(ServiceId=registry, InstanceId=address, Attributes=attributes)

    lacking, having = ELSEWHERE
    with answering(lacking), answering(having):
        register(lacking, {"ECS_CLUSTER_NAME": "demo"})
        register(having, attributes)
        try:
            # Registrations take effect in their order: once this one has, the one before it could have.
            deadline = time.monotonic() + 20
            while having not in answers(env, 4):
                assert time.monotonic() < deadline, "an instance with the attributes is never called"
            assert set(answers(env, 100)) == {live, having}
        finally:
            for address in ELSEWHERE:
                cloudmap.deregister_instance(ServiceId=registry, InstanceId=address)
            deadline = time.monotonic() + 20
            while having in answers(env, 4):
                assert time.monotonic() < deadline, "an instance that is gone is still called"
