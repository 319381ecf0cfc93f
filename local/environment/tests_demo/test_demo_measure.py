"""Shares, and what chance allows."""

from __future__ import annotations

import pytest

from canary_local.demo.measure import SETTLE_SECONDS, Sample, Share, bounds, measured, sample, within


def at(second: float, new: int, old: int) -> Sample:
    return Sample(second, second + 0.01, {"new": new, "old": old})


def test_bounds_are_four_standard_errors_around_the_weight() -> None:
    low, high = bounds(640, 25)
    assert low == pytest.approx(25 - 6.847, abs=0.001)
    assert high == pytest.approx(25 + 6.847, abs=0.001)


def test_bounds_stay_percentages() -> None:
    assert bounds(4, 5) == (0.0, pytest.approx(48.59, abs=0.01))


@pytest.mark.parametrize(
    ("candidate", "stable", "weight", "expected"),
    [
        (160, 480, 25, True),
        (203, 437, 25, True),
        (204, 436, 25, False),
        (116, 524, 25, False),
        (640, 0, 100, True),
        (639, 1, 100, False),
        (0, 640, 0, True),
        (1, 639, 0, False),
        (0, 0, 100, False),
        (0, 0, 25, False),
    ],
)
def test_within(candidate: int, stable: int, weight: int, expected: bool) -> None:
    assert within(Share(candidate, stable), weight) is expected


def test_measured_counts_between_the_first_and_last_sample_inside() -> None:
    found = measured([at(0, 0, 100), at(1, 10, 130), at(2, 20, 160), at(3, 50, 170)], "new", "old", 0.0, 2.5)
    assert found == Share(10, 30)


def test_measured_leaves_out_what_an_envoy_may_have_sent_by_the_old_weights() -> None:
    samples = [at(1.0, 0, 0), at(1.0 + SETTLE_SECONDS / 2, 0, 9), at(1.0 + SETTLE_SECONDS, 0, 10), at(3.0, 50, 10)]
    assert measured(samples, "new", "old", 1.0, 3.5) == Share(50, 0)


def test_measured_outlives_a_deleted_node() -> None:
    samples = [at(1, 0, 100), at(1.5, 20, 105), Sample(2, 2.01, {"new": 40})]
    assert measured(samples, "new", "old", 0.0, 3.0) == Share(40, 5)


def test_a_first_deployment_has_no_stable_version() -> None:
    assert measured([at(1, 0, 5), at(2, 7, 9)], "new", None, 0.0, 3.0) == Share(7, 0)


def test_nothing_sampled_is_nothing_measured() -> None:
    assert measured([at(1, 0, 0)], "new", "old", 0.0, 3.0).percent is None


def test_a_sample_reads_the_callers_counters() -> None:
    stats = {"virtualNodes": {"new": {"requests": 9, "sent": 7}, "fresh": {"requests": 0}}}
    assert sample(stats, 1.0, 2.0) == Sample(1.0, 2.0, {"new": 7, "fresh": 0})
