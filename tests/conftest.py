"""The environment that the end-to-end tests share: started once, with hello deployed in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from canary_local import hello
from canary_local.environment import Environment

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ["{checkout}/target/debug/hello-backend"]

# What the versions of hello-backend in these tests do; a version that is not named here is a good one.
MISBEHAVIOURS = {
    "hello-backend:wrongport*": {"PORT_OFFSET": "1"},
    "hello-backend:errors*": {"ERROR_PERCENT": "100"},
}


def image_map(directory: Path) -> Path:
    """The image map of these tests: misbehaving versions, one that cannot start, and an app that is not ours."""
    place = {"HOST": "{host}", "PORT": "{port}"}
    images = [{"image": name, "run": BACKEND, "env": {**place, **env}} for name, env in MISBEHAVIOURS.items()]
    images.append({"image": "hello-backend:crashes*", "run": [sys.executable, "-c", "raise SystemExit(3)"]})
    echo = str(ROOT / "tests" / "apps" / "tcp_echo.py")
    images.append({"image": "tcp-echo:*", "run": [sys.executable, echo, "{host}", "{port}"]})
    path = directory / "images.json"
    path.write_text(json.dumps({"images": images}))
    return path


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A running environment with version 1111111 of hello-web and hello-backend live."""
    directory = tmp_path_factory.mktemp("environment")
    with Environment.start(ROOT, images=[image_map(directory)], state_dir=directory / "state") as running:
        hello.deploy_first(running)
        yield running
