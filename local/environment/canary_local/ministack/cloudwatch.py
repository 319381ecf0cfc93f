"""CloudWatch's data points as its API documents them: resolution, the bounds of a request, and their order."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch

from .patching import expect_function, wrap

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Response]

_PARAMETERS = ("params", "cbor_data", "is_cbor", "is_json")
_MINUTE = 60


def register() -> None:
    """Corrects PutMetricData and GetMetricData of the JSON and CBOR protocols, one of which every SDK speaks."""
    expect_function(cloudwatch, "_parse_ts", "value")
    expect_function(cloudwatch, "_cbor_ok", "data")
    expect_function(cloudwatch, "_cbor_metric_data_result", "result")
    expect_function(cloudwatch, "_json_ok", "data")
    wrap(cloudwatch, "_put_metric_data", _PARAMETERS, _put_metric_data)
    wrap(cloudwatch, "_get_metric_data", _PARAMETERS, _get_metric_data)


def _put_metric_data(original: Handler) -> Handler:
    def put_metric_data(params: Any, data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Response:
        """Keeps data to the second only if they are of high resolution, otherwise to the minute."""
        if not (is_cbor or is_json):
            return original(params, data, is_cbor, is_json)
        metrics = [_to_the_minute(metric) for metric in data.get("MetricData", [])]
        return original(params, {**data, "MetricData": metrics}, is_cbor, is_json)

    return put_metric_data


def _to_the_minute(metric: dict[str, Any]) -> dict[str, Any]:
    at = cloudwatch._parse_ts(metric.get("Timestamp"))
    if at is None or metric.get("StorageResolution") == 1:
        return metric
    return {**metric, "Timestamp": _down(at, _MINUTE)}


def _get_metric_data(original: Handler) -> Handler:
    def get_metric_data(params: Any, data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Response:
        """Gives every data point whose time is from StartTime, rounded down, to before EndTime; the newest first."""
        if not (is_cbor or is_json):
            return original(params, data, is_cbor, is_json)
        results = []
        for query in data.get("MetricDataQueries", []):
            request = {**data, "MetricDataQueries": [query], **_bounds(data, query)}
            _, _, body = original(params, request, False, True)
            results += json.loads(body)["MetricDataResults"]
        if data.get("ScanBy") != "TimestampAscending":
            for result in results:
                result["Timestamps"].reverse()
                result["Values"].reverse()
        if is_json:
            return cloudwatch._json_ok({"MetricDataResults": results})
        return cloudwatch._cbor_ok({"MetricDataResults": [cloudwatch._cbor_metric_data_result(r) for r in results]})

    return get_metric_data


def _bounds(data: dict[str, Any], query: dict[str, Any]) -> dict[str, float]:
    """Bounds between which a data point lies as a whole or not at all."""
    step = min(int((query.get("MetricStat") or {}).get("Period") or _MINUTE), _MINUTE)
    start, end = (cloudwatch._parse_ts(data.get(name)) for name in ("StartTime", "EndTime"))
    bounds = {}
    if start is not None:
        bounds["StartTime"] = _down(start, step)
    if end is not None:
        bounds["EndTime"] = float(math.ceil(end / step) * step)
    return bounds


def _down(at: float, step: int) -> float:
    return float(at // step * step)
