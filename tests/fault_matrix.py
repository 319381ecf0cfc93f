"""A part of the fault matrix, another one for each commit. All of it: `make faults`."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import pytest
from faults.command import play_all, start
from faults.matrix import Part

from canary_local.checkout import Checkout

pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("faults")]
ROOT = Path(__file__).resolve().parents[1]
# So many parts that one takes two to eight minutes: some of its faults are long.
PARTS = 120


def seed() -> str:
    """The commit; the day where there is none."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"{datetime.now(timezone.utc):%Y-%m-%d}"


def test_no_promise_is_broken_in_this_commits_part_of_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    part = Part.of_seed(seed(), PARTS)
    with capsys.disabled(), ExitStack() as stack:
        print(f'\nfault matrix, part {part}: make faults FAULTS_OPTIONS="--part {part}"')
        results, figures = play_all(start(Checkout(ROOT), 1, stack), part, ())
    print(figures.summary())
    assert figures.runs > 0
    assert not [(str(case), violation) for case, result in results.items() for violation in result.violations]
