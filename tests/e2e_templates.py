"""Templates that `canary render` makes, deployed through the real state machine with requests flowing."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployments import Callers, deploy, fresh, through_gateway, world

from canary_local import hello
from canary_local.environment import Environment

SERVICE = "hello-backend"
MANIFEST = """
Task:
  Family: hello-backend
  Cpu: 256
  Memory: 512
AppContainer:
  Port: 8080
  HealthCheckPath: /ping
"""
PLATFORMS = {
    "defaults": "",
    "attributes": "CloudMapAttributes: { ECS_TASK_DEFINITION_FAMILY: '${MicroserviceName}' }",
    "ec2 and dns": "{ LaunchType: EC2, Discovery: DNS }",
    "scaling and tracing": "{ Scaling: { Min: 1, Max: 3 }, XRay: { Enabled: true }, Envoy: { Memory: 128 } }",
}


def render(env: Environment, directory: Path, sha: str, platform: str, manifest: str = MANIFEST) -> dict[str, Any]:
    """The deploy request that a build makes out of a manifest and the platform's settings."""
    root = env.checkout.root
    (directory / "manifest.yaml").write_text(manifest)
    (directory / "platform.yaml").write_text(platform)
    command = [str(root / "target" / "debug" / "canary"), "render", "--output", "-", "--sha", sha]
    command += [
        "--deploy",
        str(root / "samples" / "hello" / SERVICE / "specfiles" / "deploy.json"),
        "--image",
        f"{SERVICE}:{sha}",
    ]
    command += ["--manifest", "manifest.yaml", "--platform", "platform.yaml"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "WaitTime": 3, "PercentageStep": 50, "FailureThresholdValue": 0}


def promoted_without_a_failed_request(env: Environment, event: dict[str, Any]) -> None:
    """Deploys a version with requests flowing."""
    with Callers(through_gateway(env)) as callers:
        ending = deploy(env, event)
    assert ending.status == "SUCCEEDED", ending.cause
    assert ending.verdicts() == {"Healthy"}
    assert world(env, SERVICE).parameter[0] == event["Sha"]
    assert callers.answered > 100
    assert callers.failed == []


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS.keys())
def test_a_made_template_is_promoted_without_a_failed_request(env: Environment, tmp_path: Path, platform: str) -> None:
    promoted_without_a_failed_request(env, render(env, tmp_path, fresh("made"), platform))


def test_a_made_template_is_rolled_back_like_any_other(env: Environment, tmp_path: Path) -> None:
    before = world(env, SERVICE)
    with Callers(through_gateway(env)):
        ending = deploy(env, render(env, tmp_path, fresh("errors"), PLATFORMS["scaling and tracing"]))
    assert (ending.status, ending.error) == ("FAILED", "Canary.Unhealthy"), ending.cause
    assert world(env, SERVICE) == before


def shared_template(env: Environment, directory: Path, sha: str) -> dict[str, Any]:
    """A deploy request with `infra/canary.yaml` as it is."""
    template = base64.b64encode(env.checkout.canary_template.read_bytes()).decode()
    return {**render(env, directory, sha, ""), "CanaryTemplate": template}


@pytest.mark.parametrize("path", ["  HealthCheckPath: /ping\n", ""], ids=["asked for its path", "asked for its port"])
def test_a_made_template_waits_for_an_app_that_listens_late(env: Environment, tmp_path: Path, path: str) -> None:
    manifest = MANIFEST.replace("  HealthCheckPath: /ping\n", path)
    promoted_without_a_failed_request(env, render(env, tmp_path, fresh("late"), "", manifest))


def test_the_shared_template_waits_for_an_app_that_listens_late(env: Environment, tmp_path: Path) -> None:
    promoted_without_a_failed_request(env, shared_template(env, tmp_path, fresh("late")))


def test_an_app_that_answers_its_health_check_path_with_an_error_gets_no_traffic(
    env: Environment, tmp_path: Path
) -> None:
    before, manifest = world(env, SERVICE), MANIFEST.replace("/ping", "/nothing") + "  StartPeriod: 0\n"
    with Callers(through_gateway(env)) as callers:
        ending = deploy(env, render(env, tmp_path, fresh("dead"), "", manifest))
    assert (ending.status, ending.error) == ("FAILED", "Canary.StackFailed"), ending.cause
    assert world(env, SERVICE) == before
    assert callers.failed == []


@pytest.mark.parametrize("port", [9901, 15000, 15001])
def test_the_shared_template_refuses_envoys_ports_by_itself(env: Environment, port: int) -> None:
    values = {"EnvironmentName": "demo", "MicroserviceName": "shop", "Namespace": "demo.local", "Sha": "one"}
    values |= {"ContainerImage": "shop:one", "Port": str(port), "Protocol": "http"}
    with pytest.raises(ClientError, match="Port must not be 9901, 15000 or 15001, on which Envoy listens"):
        env.client("cloudformation").create_stack(
            StackName=f"demo-shop-{port}",
            TemplateBody=env.checkout.canary_template.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        )


def test_a_parameter_that_is_not_given_and_has_no_default_is_refused_in_the_first_state(env: Environment) -> None:
    before = world(env, SERVICE)
    template = env.checkout.canary_template.read_text()
    assert template.count("\nParameters:\n") == 1
    greedy = template.replace("\nParameters:\n", "\nParameters:\n  TeamName:\n    Type: String\n")
    event = hello.event(env.checkout, SERVICE, fresh("greedy"))
    ending = deploy(env, {**event, "CanaryTemplate": base64.b64encode(greedy.encode()).decode()})
    assert (ending.status, ending.error) == ("FAILED", "Canary.InvalidInput"), ending.cause
    assert ending.entered() == ["Check Deployment Version", "Deployment Refused"]
    assert "its parameter `TeamName` has no default" in ending.cause
    assert world(env, SERVICE) == before
