"""The samples' buildspec, run for real: its commands in bash, with the real `canary`, and with stubs of what is not here."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from canary_infra import samples

ROOT = Path(__file__).resolve().parents[2]
BUILDSPEC = yaml.safe_load((ROOT / "samples" / "build.yml").read_text())
COMMIT = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
REGISTRY = "000000000000.dkr.ecr.us-west-2.amazonaws.com"
PLATFORM = "AllowedCpu: [256]\n"

# Each notes how it was called. The bucket is a folder; the registry has an image when there is a file `pushed`.
STUBS = {
    "docker": """
        [ "$1" != login ] || [ "$password" = token ] || exit 1
        [ "$1" != build ] || [ ! -e "$WORLD/broken" ]
    """,
    "aws": """
        case "$1 $2" in
          "s3 cp") cp "$WORLD/bucket/${4##*/}" "$5" ;;
          "ecr get-login-password") [ -e "$WORLD/denied" ] || echo token ;;
          "ecr describe-images") [ -e "$WORLD/pushed" ] ;;
          *) exit 2 ;;
        esac
    """,
}


@dataclass
class Build:
    """A repository, and the world around its build."""

    world: Path
    repository: Path
    variables: dict[str, str]

    def run(self) -> subprocess.CompletedProcess[str]:
        """Runs the phases as CodeBuild does: one shell, which a failing command ends."""
        phases = [BUILDSPEC["phases"][name]["commands"] for name in ("install", "pre_build", "build")]
        script = "\n".join(
            f"{command.rstrip()}\n_ended=$?; [ $_ended = 0 ] || exit $_ended" for phase in phases for command in phase
        )
        assert BUILDSPEC["env"] == {"shell": "bash"}
        return subprocess.run(
            ["bash", "-c", script], cwd=self.repository, env=self.variables, capture_output=True, text=True, check=False
        )

    def calls(self, program: str = "") -> list[str]:
        """How the stubs were called, in order."""
        calls = self.world / "calls"
        return [line for line in calls.read_text().splitlines() if line.startswith(program)] if calls.exists() else []

    def file(self, name: str) -> Path:
        """A file of the repository."""
        return self.repository / name

    def deploy_json(self) -> dict[str, Any]:
        """The artifact, all of it."""
        assert BUILDSPEC["artifacts"] == {"files": ["deploy.json"]}
        return json.loads(self.file("deploy.json").read_text())


def build(directory: Path, service: str, **variables: str) -> Build:
    """A microservice's repository as its pipeline begins with, and the variables that infra/pipeline.yaml sets."""
    world, repository = directory / "world", directory / "repository"
    (world / "bucket").mkdir(parents=True)
    shutil.copy(ROOT / "target" / "debug" / "canary", world / "bucket" / "canary")
    (world / "bucket" / "platform.yaml").write_text(PLATFORM)
    (world / "bin").mkdir()
    for name, body in STUBS.items():
        stub = world / "bin" / name
        # A login is noted when its password is there, and so after the call that it comes from.
        reads = '[ "$1" != login ] || password=$(cat)'
        stub.write_text(f'#!/bin/sh\n{reads}\necho "{name} $*" >> "$WORLD/calls"\n{body}')
        stub.chmod(0o755)
    (made,) = [made for made in samples.microservices(ROOT, "hello") if made.name == service]
    for name, path in made.repository(ROOT).items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, repository / name)
    given = {
        "PATH": f"{world / 'bin'}:/usr/bin:/bin",
        "WORLD": str(world),
        "IMAGE_REPOSITORY": f"{REGISTRY}/demo/{service}",
        "COMMIT_ID": COMMIT,
        "MICROSERVICE_NAME": service,
        "CANARY_TOOL": "s3://bucket/tools/1/canary",
        "PLATFORM_FILE": "s3://bucket/tools/1/platform.yaml",
        "CANARY_PLATFORM_ENVIRONMENT": "demo",
        "CANARY_PLATFORM_NAMESPACE": "demo.local",
        "CANARY_PLATFORM_PROTOCOL": "http",
        "CANARY_PLATFORM_VPC": "vpc-1",
    }
    return Build(world, repository, given | variables)


def test_a_commit_becomes_an_image_and_a_complete_deploy_json(tmp_path: Path) -> None:
    web = build(tmp_path, "hello-web")
    done = web.run()
    assert done.returncode == 0, done.stderr
    image = f"{REGISTRY}/demo/hello-web:{COMMIT}"
    assert web.calls() == [
        "aws s3 cp --only-show-errors s3://bucket/tools/1/canary .build/canary",
        "aws s3 cp --only-show-errors s3://bucket/tools/1/platform.yaml .build/platform.yaml",
        "aws ecr get-login-password",
        f"docker login --username AWS --password-stdin {REGISTRY}",
        f"aws ecr describe-images --repository-name demo/hello-web --image-ids imageTag={COMMIT}",
        f"docker build --build-arg BIN=hello-web --tag {image} .",
        f"docker push {image}",
    ]
    made = web.deploy_json()
    template = base64.b64decode(made.pop("CanaryTemplate")).decode()
    assert made == {**json.loads(web.file("specfiles/deploy.json").read_text()), "Sha": COMMIT, "ContainerImage": image}
    assert "Type: AWS::ECS::TaskDefinition" in template
    assert "vpc-1" in template, "the platform's variables count"


def test_a_team_may_bring_a_template_of_its_own(tmp_path: Path) -> None:
    backend = build(tmp_path, "hello-backend")
    done = backend.run()
    assert done.returncode == 0, done.stderr
    own = backend.file("specfiles/canary-helper.yaml").read_bytes()
    assert base64.b64decode(backend.deploy_json()["CanaryTemplate"]) == own
    assert "(`AllowedCpu`, `Vpc`) are for templates made from a manifest" in done.stderr


def test_a_build_without_the_platforms_tools_uses_its_own(tmp_path: Path) -> None:
    web = build(tmp_path, "hello-web", CANARY_TOOL="", PLATFORM_FILE="")
    (web.world / "bucket" / "canary").rename(web.world / "bin" / "canary")
    done = web.run()
    assert done.returncode == 0, done.stderr
    assert web.calls("aws s3") == []


def test_a_build_that_is_run_again_takes_the_image_that_is_there(tmp_path: Path) -> None:
    web = build(tmp_path, "hello-web")
    (web.world / "pushed").touch()
    done = web.run()
    assert done.returncode == 0, done.stderr
    assert [call.split()[1] for call in web.calls("docker")] == ["login"]
    assert web.deploy_json()["Sha"] == COMMIT


def test_a_build_by_hand_takes_the_commit_that_codebuild_names(tmp_path: Path) -> None:
    web = build(tmp_path, "hello-web", COMMIT_ID="", CODEBUILD_RESOLVED_SOURCE_VERSION="7" * 40)
    assert web.run().returncode == 0
    assert web.deploy_json()["Sha"] == "7" * 40


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("specfiles/manifest.yaml", "Task: {}\n", "specfiles/manifest.yaml"),
        ("specfiles/manifest.yaml", None, "`Task.Cpu`"),
        ("specfiles/deploy.json", "{}", "specfiles/deploy.json: `MicroserviceName`"),
    ],
)
def test_a_mistake_is_said_before_anything_is_built(
    tmp_path: Path, file: str, text: str | None, complaint: str
) -> None:
    web = build(tmp_path, "hello-web")
    # Without a text: a size that the platform's file does not allow.
    web.file(file).write_text(
        text or web.file(file).read_text().replace("Cpu: 256", "Cpu: 512").replace("Memory: 512", "Memory: 1024")
    )
    done = web.run()
    assert done.returncode == 1
    assert complaint in done.stderr
    assert web.calls("docker") == []
    assert not web.file("deploy.json").exists()


@pytest.mark.parametrize("service", ["hello-web", "hello-backend"], ids=["manifest", "own template"])
@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("ENVIRONMENT", "shop", "`EnvironmentName` is `demo`"),
        ("NAMESPACE", "shop.local", "`Namespace` is `demo.local`"),
        ("PROTOCOL", "grpc", "`Protocol` is `http`"),
    ],
)
def test_another_environment_than_the_pipelines_is_refused(
    tmp_path: Path, service: str, variable: str, value: str, complaint: str
) -> None:
    made = build(tmp_path, service, **{f"CANARY_PLATFORM_{variable}": value})
    done = made.run()
    assert (done.returncode, made.calls("docker")) == (1, [])
    assert complaint in done.stderr


def test_a_template_of_a_teams_own_is_held_to_the_platforms_file(tmp_path: Path) -> None:
    backend = build(tmp_path, "hello-backend", CANARY_PLATFORM_ENVIRONMENT="")
    (backend.world / "bucket" / "platform.yaml").write_text("Environment: shop\n")
    assert backend.run().returncode == 1
    assert backend.calls("docker") == []


def test_a_registry_that_refuses_ends_the_build(tmp_path: Path) -> None:
    web = build(tmp_path, "hello-web")
    (web.world / "denied").touch()
    assert web.run().returncode == 1
    assert [call.split()[1] for call in web.calls("docker")] == ["login"]


def test_without_an_image_there_is_no_artifact(tmp_path: Path) -> None:
    web = build(tmp_path, "hello-web")
    (web.world / "broken").touch()
    assert web.run().returncode == 1
    assert [call.split()[1] for call in web.calls("docker")] == ["login", "build"]
    assert not web.file("deploy.json").exists()


def test_every_phase_ends_the_build_when_it_fails() -> None:
    assert {phase["on-failure"] for phase in BUILDSPEC["phases"].values()} == {"ABORT"}
    assert list(BUILDSPEC["phases"]) == ["install", "pre_build", "build"]
