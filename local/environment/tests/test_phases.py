"""The phases of what takes a while."""

from __future__ import annotations

import queue
import re

from canary_local.phases import Phases, timed


def test_a_phase_is_told_once_it_begins_and_again_while_it_lasts() -> None:
    said: queue.Queue[str] = queue.Queue()
    with Phases(said.put, remind_seconds=0.05) as progress:
        progress("starting")
        assert [said.get(timeout=20) for _ in range(3)] == ["starting", "still starting", "still starting"]
        progress("deploying")
        after = [said.get(timeout=20) for _ in range(3)]
        assert after[after.index("deploying") + 1 :] != []
        assert set(after[after.index("deploying") + 1 :]) == {"still deploying"}


def test_the_seconds_go_before() -> None:
    said: list[str] = []
    timed(said.append)("starting")
    assert re.fullmatch(r"\[  0\.\d s\] starting", said[0])
