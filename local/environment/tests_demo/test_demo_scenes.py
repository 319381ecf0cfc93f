"""The scenes as data: events and image map."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from canary_local.demo.history import ROLLED_BACK, SUCCEEDED
from canary_local.demo.scenes import Version, event, image_map, scenes

USUAL_MAP = {
    "images": [
        {"image": "*/aws-appmesh-envoy:*", "builtin": "envoy"},
        {"image": "hello-backend:*", "run": ["{checkout}/hello-backend"], "env": {"PORT": "{port}"}},
    ]
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    sample = tmp_path / "samples/hello/hello-backend"
    sample.mkdir(parents=True)
    (sample / "deploy.json").write_text(json.dumps({"EnvironmentName": "demo", "PercentageStep": 10, "Port": 8080}))
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/canary.yaml").write_text("Resources: {}\n")
    return tmp_path


def test_the_four_scenes_and_what_they_promise() -> None:
    played = scenes()
    assert [scene.outcome for scene in played] == [SUCCEEDED, SUCCEEDED, ROLLED_BACK, ROLLED_BACK]
    assert [scene.weights for scene in played] == [[100], [25, 50, 75, 100], None, None]
    assert [version.behaviour for version in (scene.deploys[0] for scene in played[2:])] == [
        {"PORT_OFFSET": "1"},
        {"ERROR_PERCENT": "10"},
    ]
    versions = [version for scene in played for version in scene.deploys]
    assert len({version.sha for version in versions}) == len(versions)


@pytest.mark.parametrize(
    ("step", "weights"), [(30, [30, 60, 90, 100]), (100, [100]), (50, [50, 100]), (34, [34, 68, 100])]
)
def test_the_weights_follow_the_percentage_step(step: int, weights: list[int]) -> None:
    assert scenes(step)[1].weights == weights


def test_an_event_is_deploy_json_and_what_the_build_adds(checkout: Path) -> None:
    made = event(checkout, Version("hello-backend", "abc1234", failure_threshold=5), 25, 8)
    assert made == {
        "EnvironmentName": "demo",
        "Port": 8080,
        "PercentageStep": 25,
        "WaitTime": 8,
        "FailureThresholdValue": 5,
        "Sha": "abc1234",
        "ContainerImage": "hello-backend:abc1234",
        "CanaryTemplate": base64.b64encode(b"Resources: {}\n").decode(),
    }


def test_a_sample_may_bring_its_own_template(checkout: Path) -> None:
    (checkout / "samples/hello/hello-backend/canary-helper.yaml").write_text("own")
    assert base64.b64decode(event(checkout, Version("hello-backend", "a"), 25, 8)["CanaryTemplate"]) == b"own"


def test_the_image_map_runs_a_misbehaving_version_like_any_other_and_tells_it_how() -> None:
    versions = [Version("hello-backend", "good"), Version("hello-backend", "bad", {"PORT_OFFSET": "1"})]
    assert image_map(USUAL_MAP, versions)["images"] == [
        {
            "image": "hello-backend:bad",
            "run": ["{checkout}/hello-backend"],
            "env": {"PORT": "{port}", "PORT_OFFSET": "1"},
        }
    ]
