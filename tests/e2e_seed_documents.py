"""The App Mesh commands of "Getting Started with AWS App Mesh and Amazon ECS", by the AWS CLI, as the sample's README has them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from canary_local.environment import Environment

SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "service-ab"
DOCUMENTS = SAMPLE / "documents"
AWS = Path(sys.executable).parent / "aws"
COMMANDS = [line for line in (SAMPLE / "README.md").read_text().splitlines() if line.startswith("aws appmesh ")]


def aws(env: Environment, command: str) -> dict[str, Any]:
    """The resource that a command answers; its one member is named after the resource's kind."""
    words = [str(AWS), *shlex.split(command)[1:]]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    variables = {**kept, **env.variables, "AWS_PAGER": ""}
    done = subprocess.run(words, cwd=DOCUMENTS, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    (resource,) = json.loads(done.stdout).values()
    return resource


def document(command: str) -> dict[str, Any] | None:
    """What a command sends, if that is in a file."""
    _, _, name = command.partition("file://")
    return json.loads((DOCUMENTS / name).read_text()) if name else None


@pytest.fixture(scope="module")
def answers(env: Environment) -> Iterator[dict[str, dict[str, Any]]]:
    """What each command answered, in order."""
    yield {command: aws(env, command) for command in COMMANDS}
    mesh, client = {"meshName": "apps"}, env.client("appmesh")
    for service in ("servicea.apps.local", "serviceb.apps.local"):
        client.delete_virtual_service(**mesh, virtualServiceName=service)
    client.delete_route(**mesh, virtualRouterName="serviceB", routeName="serviceB")
    client.delete_virtual_router(**mesh, virtualRouterName="serviceB")
    for node in ("serviceA", "serviceB", "serviceBv2"):
        client.delete_virtual_node(**mesh, virtualNodeName=node)
    client.delete_mesh(**mesh)


def test_every_document_is_in_a_command() -> None:
    sent = [command.rpartition("file://")[2] for command in COMMANDS if "file://" in command]
    assert sorted(sent) == sorted(path.name for path in DOCUMENTS.iterdir())


def test_each_is_accepted_and_answered_as_it_was_sent(answers: dict[str, dict[str, Any]]) -> None:
    assert len(answers) == 15
    for command, resource in answers.items():
        sent = document(command)
        assert resource["meshName"] == "apps"
        assert resource["status"] == {"status": "ACTIVE"}
        assert sent is None or sent.items() <= resource.items(), command


def test_what_is_described_is_what_was_created(answers: dict[str, dict[str, Any]]) -> None:
    described = {command: resource for command, resource in answers.items() if "describe-" in command}
    made = {resource["metadata"]["arn"]: resource for command, resource in answers.items() if "create-" in command}
    assert len(described) == 5
    for command, resource in described.items():
        assert resource == made[resource["metadata"]["arn"]], command


def test_the_route_ends_with_the_weights(answers: dict[str, dict[str, Any]], env: Environment) -> None:
    names = {"meshName": "apps", "virtualRouterName": "serviceB", "routeName": "serviceB"}
    route = env.client("appmesh").describe_route(**names)["route"]
    assert route["metadata"]["version"] == 2
    assert route["spec"] == answers["aws appmesh update-route --cli-input-json file://update-route.json"]["spec"]
    weights = {
        target["virtualNode"]: target["weight"] for target in route["spec"]["http2Route"]["action"]["weightedTargets"]
    }
    assert weights == {"serviceB": 75, "serviceBv2": 25}
    service = env.client("appmesh").describe_virtual_service(meshName="apps", virtualServiceName="serviceb.apps.local")
    assert service["virtualService"]["spec"] == {"provider": {"virtualRouter": {"virtualRouterName": "serviceB"}}}
