"""The environment that the end-to-end tests share: started once, with hello deployed in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployments import remove_services
from grants import calls

from canary_local import hello
from canary_local.environment import AWS_CALLS, Environment

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ["{checkout}/target/debug/hello-backend"]

# What the versions of hello-backend in these tests do; a version that is not named here is a good one.
MISBEHAVIOURS = {
    "hello-backend:wrongport*": {"PORT_OFFSET": "1"},
    "hello-backend:errors*": {"ERROR_PERCENT": "100"},
}

# How long a stack takes to be created is no subject of these tests.
STACK_SECONDS = 0.5
# Listens as many seconds after its start as an app that has much to load.
LATE_SECONDS = 12

# Apps that are not ours, with what follows the host on their command line; of the images that match, the first counts.
OTHER_APPS = {
    "hello-backend:turnsbad*": ("turns_bad.py", "{port}"),
    "tcp-echo:closes*": ("tcp_echo.py", "{port}", "closes"),
    "tcp-echo:*": ("tcp_echo.py", "{port}"),
    "grpc-version:closes*": ("tcp_echo.py", "{port}", "closes"),
    "grpc-version:status*": ("grpc_version.py", "{port}", "INTERNAL"),
    "grpc-version:errors*": ("http2_error.py", "{port}"),
    "grpc-version:*": ("grpc_version.py", "{port}"),
    "egress:*": ("egress.py", "{port}", "{egress:tally.demo.local}", "{egress:versions.demo.local}"),
}


def image_map(directory: Path) -> Path:
    """The image map of these tests: misbehaving versions, one that cannot start, and apps that are not ours."""
    place = {"HOST": "{host}", "PORT": "{port}"}
    images = [{"image": name, "run": BACKEND, "env": {**place, **env}} for name, env in MISBEHAVIOURS.items()]
    late = ["/bin/sh", "-c", f"sleep {LATE_SECONDS}; exec {BACKEND[0]}"]
    images.append({"image": "hello-backend:late*", "run": late, "env": place})
    images.append({"image": "*:crashes*", "run": [sys.executable, "-c", "print('no database'); raise SystemExit(3)"]})
    apps = ROOT / "tests" / "apps"
    images += [
        {"image": image, "run": [sys.executable, str(apps / app), "{host}", *arguments]}
        for image, (app, *arguments) in OTHER_APPS.items()
    ]
    # yelb in the environment that all tests share instead of its own.
    yelb = (ROOT / "samples" / "yelb" / "images.json").read_text().replace(".yelb.local", ".demo.local")
    images += json.loads(yelb)["images"]
    path = directory / "images.json"
    path.write_text(json.dumps({"images": images}))
    return path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that run side by side, those of a file stay together, because they share what they deployed; but a test with an
    environment of its own, which takes longest, goes by itself and begins before the others."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True, scope="session")
def _no_function_is_denied_a_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """IAM denies the functions nothing, in any environment of this process: pytest has one for each worker, and each looks at
    its own records when its last test has ended."""
    yield
    records = tmp_path_factory.getbasetemp().rglob(AWS_CALLS)
    denied = {call for record in records for call in calls(record.read_text()) if not call.allowed}
    assert not denied, "\n".join(sorted(map(str, denied)))


_running: list[Environment] = []


@pytest.fixture(autouse=True, scope="module")
def _only_hello_stays() -> Iterator[None]:
    """What a file of tests deployed into the shared environment goes with it, so that its tasks do not pile up."""
    yield
    for running in _running:
        remove_services(running)


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A running environment with version 1111111 of hello-web and hello-backend live."""
    directory = tmp_path_factory.mktemp("environment")
    images, state_dir = [image_map(directory)], directory / "state"
    with Environment.start(ROOT, images=images, state_dir=state_dir, stack_seconds=STACK_SECONDS) as running:
        hello.deploy_first(running)
        _running.append(running)
        yield running
        _running.remove(running)
