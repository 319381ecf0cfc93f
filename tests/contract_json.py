"""Every reader of a deploy.json takes the same texts: the canary command, `make deploy` and the samples' pipelines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from canary_infra import samples
from canary_infra.errors import InfraError

from canary_local.checkout import Checkout
from canary_local.errors import LocalError
from canary_local.executions import read_event

ROOT = Path(__file__).resolve().parents[1]
TABLE = json.loads((ROOT / "tests" / "json_texts.json").read_text())
TEXTS = {row["what"]: row["text"].replace("FIELDS", TABLE["fields"]) for row in TABLE["texts"]}
REFUSED = {row["what"]: row.get("refused") for row in TABLE["texts"]}


def command(file: Path) -> str:
    """What `canary render` says against a file, nothing if it takes it."""
    template = ROOT / "samples" / "hello" / "hello-backend" / "specfiles" / "canary-helper.yaml"
    arguments = ["render", "--template", template, "--deploy", file, "--sha", "a", "--image", "i:a", "--output", "-"]
    done = subprocess.run([Checkout(ROOT).canary, *arguments], env={}, capture_output=True, text=True, check=False)
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr


def event(file: Path) -> str:
    """What `make deploy` says against a file."""
    try:
        read_event(file, file)
    except LocalError as error:
        return str(error)
    return ""


def sample(file: Path) -> str:
    """What the targets of a sample's pipelines say against its deploy.json."""
    try:
        samples.microservices(file.parents[4], "shop")
    except InfraError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("reader", [command, event, sample])
@pytest.mark.parametrize("what", TEXTS)
def test_every_reader_takes_the_same_texts(reader: Callable[[Path], str], what: str, tmp_path: Path) -> None:
    file = tmp_path / "samples" / "shop" / "web" / samples.DEPLOY_FILE
    file.parent.mkdir(parents=True)
    file.write_text(TEXTS[what], encoding="utf-8")
    said, key = reader(file), REFUSED[what]
    if key is None:
        assert said == ""
    else:
        assert "deploy.json" in said
        assert key == "" or f"`{key}`" in said
