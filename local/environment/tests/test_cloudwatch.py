"""Data points of one second and of one minute, asked for as the functions do."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest
from plugin_local import Local

NAMESPACE = "Test"
# A whole minute that is over.
BASE = int(time.time()) // 60 * 60 - 300


def at(second: float) -> datetime:
    return datetime.fromtimestamp(BASE + second, timezone.utc)


def put(local: Local, name: str, resolution: int | None, *data: tuple[float, float]) -> None:
    extra = {"StorageResolution": resolution} if resolution else {}
    metrics = [{"MetricName": name, "Timestamp": at(second), "Value": value, **extra} for second, value in data]
    local.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=metrics)


def points(local: Local, name: str, period: int, start: float, end: float, **how: Any) -> list[tuple[float, float]]:
    """Seconds since `BASE` and sums, in the order in which they come."""
    stat = {"Metric": {"Namespace": NAMESPACE, "MetricName": name}, "Period": period, "Stat": "Sum"}
    answer = local.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "x", "MetricStat": stat}], StartTime=at(start), EndTime=at(end), **how
    )
    (result,) = answer["MetricDataResults"]
    seconds = [stamp.timestamp() - BASE for stamp in result["Timestamps"]]
    return list(zip(seconds, result["Values"]))


def test_a_period_of_one_second_has_a_point_for_each_second(local: Local) -> None:
    put(local, "fine", 1, (1.5, 1), (2.25, 2), (2.75, 4), (3.5, 8))

    assert points(local, "fine", 1, 0, 60, ScanBy="TimestampAscending") == [(1, 1), (2, 6), (3, 8)]
    assert points(local, "fine", 1, 0, 60) == [(3, 8), (2, 6), (1, 1)], "the newest is first"
    assert points(local, "fine", 60, 0, 60) == [(0, 15)]


@pytest.mark.parametrize(("start", "end", "expected"), [(2, 3, [2]), (2.9, 3, [2]), (2, 3.1, [3, 2]), (3, 3, [])])
def test_the_start_is_rounded_down_and_the_end_is_exclusive(
    local: Local, start: float, end: float, expected: list[int]
) -> None:
    name = f"bounds-{start}-{end}"
    put(local, name, 1, (1.5, 1), (2.5, 1), (3.5, 1))

    assert [second for second, _ in points(local, name, 1, start, end)] == expected


def test_a_minute_is_given_as_a_whole_wherever_in_it_the_request_begins_and_ends(local: Local) -> None:
    put(local, "minutes", None, (10, 1), (50, 2), (70, 4), (130, 8))

    assert points(local, "minutes", 60, 30, 90) == [(60, 4), (0, 3)]
    assert points(local, "minutes", 60, 60, 120) == [(60, 4)]


def test_without_high_resolution_only_the_minute_is_kept(local: Local) -> None:
    put(local, "coarse", None, (10, 1), (50, 2))

    assert points(local, "coarse", 1, 0, 60) == [(0, 3)]
