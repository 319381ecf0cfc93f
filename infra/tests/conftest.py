"""What the tests of infra/ share: the templates, and for the end-to-end test a local environment without stacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "infra" / "deploy"), str(ROOT / "local" / "environment")]


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A running environment with nothing deployed in it."""
    from canary_local.environment import Environment

    directory = tmp_path_factory.mktemp("infra")
    with Environment.start(ROOT, state_dir=directory / "state", stacks=False) as running:
        yield running
