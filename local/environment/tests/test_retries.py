"""Retries of Step Functions wait as AWS documents it."""

from __future__ import annotations

import pytest

pytest.importorskip("ministack")
from canary_local.ministack.retries import delay

RETRIER = {"IntervalSeconds": 2, "BackoffRate": 2, "MaxDelaySeconds": 30}


def test_delays_double_up_to_the_longest_one() -> None:
    assert [delay(RETRIER, retries) for retries in range(6)] == [2, 4, 8, 16, 30, 30]
    assert [delay({}, retries) for retries in range(3)] == [1, 2, 4]


def test_full_jitter_takes_any_part_of_the_delay() -> None:
    delays = [delay({**RETRIER, "JitterStrategy": "FULL"}, 4) for _ in range(1000)]
    assert 0 <= min(delays) < 3
    assert 27 < max(delays) <= 30
    assert 13 < sum(delays) / len(delays) < 17
