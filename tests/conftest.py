"""The environment that the end-to-end tests share: started once, with hello deployed in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployments import remove_services
from grants import calls
from image_maps import ROOT, STACK_SECONDS, image_map

from canary_local import hello
from canary_local.environment import AWS_CALLS, Environment


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that run side by side, those of a file stay together, because they share what they deployed. Those that take longest
    name a group of their own, and begin before the others."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that run side by side are grouped: with a pytest that it does not know, pytest-xdist spreads them and says nothing."""
    if session.config.getoption("loadgroup", False):
        alone = [item.nodeid for item in session.items if not item.nodeid.endswith(tuple(groups(item)))]
        assert not alone, f"this pytest-xdist does not group tests with this pytest: {alone[0]}"


def groups(item: pytest.Item) -> Iterator[str]:
    """How pytest-xdist ends the id of a test in a group."""
    return (f"@{mark.args[0]}" for mark in item.iter_markers("xdist_group"))


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
