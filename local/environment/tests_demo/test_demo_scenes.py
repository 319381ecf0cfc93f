"""The scenes as data: events and image map."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from canary_local.demo.history import ROLLED_BACK, SUCCEEDED
from canary_local.demo.scenes import Version, event, image_map, scenes
from canary_local.errors import LocalError

CHECKOUT = Path(__file__).resolve().parents[3]
USUAL_MAP = {
    "images": [
        {"image": "*/aws-appmesh-envoy:*", "builtin": "envoy"},
        {"image": "hello-backend:*", "run": ["{checkout}/hello-backend"], "env": {"PORT": "{port}"}},
    ]
}


def test_the_four_scenes_and_what_they_promise() -> None:
    played = scenes()
    assert [scene.outcome for scene in played] == [SUCCEEDED, SUCCEEDED, ROLLED_BACK, ROLLED_BACK]
    assert [scene.weights for scene in played] == [[100], [25, 50, 75, 100], [], None]
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


@pytest.mark.parametrize("service", ["hello-backend", "hello-web"])
def test_an_event_is_deploy_json_and_what_the_build_adds(service: str) -> None:
    specfiles = CHECKOUT / "samples" / "hello" / service / "specfiles"
    made = event(CHECKOUT, Version(service, "abc1234", failure_threshold=5), 25, 8)
    template = base64.b64decode(made.pop("CanaryTemplate"))
    assert made == {
        **json.loads((specfiles / "deploy.json").read_text()),
        "PercentageStep": 25,
        "WaitTime": 8,
        "FailureThresholdValue": 5,
        "Sha": "abc1234",
        "ContainerImage": f"{service}:abc1234",
    }
    # One of them brings its own template, for the other one is made of its manifest.
    if service == "hello-backend":
        assert template == (specfiles / "canary-helper.yaml").read_bytes()
    else:
        assert b"hello-backend.${Namespace}" in template


def test_an_event_that_no_build_would_make_is_refused() -> None:
    with pytest.raises(LocalError, match="`canary render` of hello-web failed: --sha: .*`no-hyphens`"):
        event(CHECKOUT, Version("hello-web", "no-hyphens"), 25, 8)


def test_the_image_map_runs_a_misbehaving_version_like_any_other_and_tells_it_how() -> None:
    versions = [Version("hello-backend", "good"), Version("hello-backend", "bad", {"PORT_OFFSET": "1"})]
    assert image_map(USUAL_MAP, versions)["images"] == [
        {
            "image": "hello-backend:bad",
            "run": ["{checkout}/hello-backend"],
            "env": {"PORT": "{port}", "PORT_OFFSET": "1"},
        }
    ]
