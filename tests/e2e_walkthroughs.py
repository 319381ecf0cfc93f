"""Every page of docs/walkthroughs does what it says: see walkthroughs.py for how a page is run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from walkthroughs import PageError, run

from canary_local import state
from canary_local.checkout import STATE_DIR_VARIABLE
from canary_local.environment import end

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs" / "walkthroughs").glob("*.md"))
# Everything else, an AWS configuration for one, is the page's own to set.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME")
SECONDS = 300


def test_there_are_pages() -> None:
    assert "hello" in [page.stem for page in PAGES]


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.xdist_group(page.stem), id=page.stem) for page in PAGES]
)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    assert shutil.which("curl"), "the pages call the applications with curl: install it"
    shutil.rmtree(ROOT / "target" / "walkthrough" / page.stem, ignore_errors=True)
    play(page, tmp_path)


def test_a_page_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n```sh\nmake up UP_OPTIONS=--bare\nmake -s env\n"
        'cp "$CANARY_STATE_DIR/state.json" "$CANARY_STATE_DIR/kept.json"\nfalse\n```\n'
    )
    with pytest.raises(PageError, match="page.md:6: `false` ended with status 1") as raised:
        play(page, tmp_path)
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in str(raised.value)
    (tmp_path / "state" / "kept.json").rename(tmp_path / "state" / state.FILE)
    ended = state.load(tmp_path / "state")
    assert ended is not None
    assert [process.name for process in ended.processes] == ["dataplane", "ministack"]
    assert not any(process.alive() for process in ended.processes)


def play(page: Path, directory: Path) -> None:
    """Runs a page with an environment of its own, which is ended however the page ends."""
    state_dir, scratch = directory / "state", directory / "scratch"
    scratch.mkdir()
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        run(page, ROOT, scratch, {**variables, STATE_DIR_VARIABLE: str(state_dir)}, SECONDS)
        assert state.load(state_dir) is None, "the page ends the environment that it started"
    finally:
        left = state.load(state_dir)
        if left:
            end(state_dir, left)
