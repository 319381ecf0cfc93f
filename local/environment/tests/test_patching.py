"""A ministack that is not the expected one is refused before it serves anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from canary_local.ministack import patching
from canary_local.ministack.engine import Engine
from canary_local.ministack.patching import IncompatibleMinistack, expect, expect_function, wrap

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of ministack with the function `act`, which is pinned."""
    made = ModuleType("ministack.services.thing")
    made.store = {}  # type: ignore[attr-defined]
    made.nothing = None  # type: ignore[attr-defined]
    made.act = lambda task, reason: f"{task} {reason}"  # type: ignore[attr-defined]
    monkeypatch.setattr(patching, "PINS", tmp_path / "pins.json")
    monkeypatch.setattr(patching, "recorded", {})
    expect_function(made, "act", "task", "reason")
    patching.PINS.write_text(json.dumps(patching.recorded))
    monkeypatch.setattr(patching, "recorded", None)
    return made


def test_a_function_is_replaced_when_it_is_as_expected(module: ModuleType) -> None:
    wrap(module, "act", ("task", "reason"), lambda original: lambda task, reason: original(task, reason).upper())

    assert module.act("a", "b") == "A B"
    assert expect(module, "store", dict) == {}
    assert expect(module, "nothing") is None


def test_what_has_changed_is_named(module: ModuleType) -> None:
    with pytest.raises(IncompatibleMinistack, match=r"takes \(task, reason\), expected \(task\); install the version"):
        expect_function(module, "act", "task")
    with pytest.raises(IncompatibleMinistack, match=r"`ministack.services.thing.gone` does not exist"):
        expect(module, "gone")
    with pytest.raises(IncompatibleMinistack, match=r"`ministack.services.thing.store` is a dict, expected list"):
        expect(module, "store", list)
    with pytest.raises(IncompatibleMinistack, match=r"`ministack.services.thing.store` is not a function"):
        wrap(module, "store", (), lambda original: original)


def test_a_function_whose_source_has_changed_is_named(module: ModuleType) -> None:
    module.act = lambda task, reason: f"{reason} {task}"  # type: ignore[attr-defined]
    with pytest.raises(IncompatibleMinistack, match=r"`ministack.services.thing.act` has changed: its source is not"):
        wrap(module, "act", ("task", "reason"), lambda original: original)

    module.new = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(IncompatibleMinistack, match=r"`ministack.services.thing.new` is not in pins.json"):
        expect_function(module, "new")


def test_a_function_that_the_plugin_has_replaced_is_replaced_again(module: ModuleType) -> None:
    module.act = expect  # type: ignore[attr-defined]

    assert expect_function(module, "act", "module", "name", "kind") is expect


@pytest.mark.parametrize("address", ["", "127.0.0.1:80", "https://127.0.0.1:80", "http://127.0.0.1"])
def test_a_data_plane_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError, match=f"`{address}` is not of the form http://host:port"):
        Engine(address)


def test_an_incompatible_ministack_ends_the_process_with_one_line(tmp_path: Path) -> None:
    # Runs before anything else in the process and takes one of the functions away.
    (tmp_path / "sitecustomize.py").write_text("from ministack.services import ecs\ndel ecs._make_deployment\n")
    variables = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE}",
        "CANARY_LOCAL_DATAPLANE": "http://127.0.0.1:1",
    }

    ended = subprocess.run(
        [sys.executable, "-m", "canary_local.ministack"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("error: ministack 1.")
    assert "`ministack.services.ecs._make_deployment` does not exist" in ended.stderr
    assert "Traceback" not in ended.stderr
