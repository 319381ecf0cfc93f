"""Retries of Step Functions as on AWS: spread by jitter, held below their longest delay, and told a throttle by its name.

The environment variable `CANARY_LOCAL_RETRY_SCALE` shortens the pauses before them, for tests; waits stay as they are.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions

from .patching import expect, wrap

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_USUAL_SECONDS, _USUAL_RATE = 1.0, 2.0
_THROTTLED = "Lambda.TooManyRequestsException"
_SCALE = "CANARY_LOCAL_RETRY_SCALE"


def register() -> None:
    """Replaces the two functions that decide how long a retry waits and what a failed invocation is called."""
    expect(stepfunctions, "_ExecutionError", type)
    wrap(stepfunctions, "_find_matching_retrier", ("retriers", "error", "retry_counts"), _timed)
    wrap(stepfunctions, "_call_lambda", ("func_ref", "event"), _named)


def _timed(original: Callable[..., tuple[Any, int]]) -> Callable[..., tuple[Any, int]]:
    scale = float(os.environ.get(_SCALE, "1"))

    def find_matching_retrier(retriers: list[dict], error: str, retry_counts: dict[int, int]) -> tuple[Any, int]:
        """The retrier with the delay of this very retry; ministack would leave out its jitter and its longest delay."""
        retrier, index = original(retriers, error, retry_counts)
        if retrier is None:
            return retrier, index
        seconds = scale * delay(retrier, retry_counts.get(index, 0))
        return {**retrier, "IntervalSeconds": seconds, "BackoffRate": 1}, index

    return find_matching_retrier


def delay(retrier: dict[str, Any], retries: int) -> float:
    """Seconds before the retry that comes after `retries` others."""
    rate = retrier.get("BackoffRate", _USUAL_RATE)
    seconds = retrier.get("IntervalSeconds", _USUAL_SECONDS) * rate**retries
    longest = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, longest) if retrier.get("JitterStrategy") == "FULL" else longest


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    def call_lambda(func_ref: Any, event: Any) -> Any:
        try:
            return original(func_ref, event)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and '"TooManyRequestsException"' in error.cause:
                raise stepfunctions._ExecutionError(_THROTTLED, error.cause) from None
            raise

    return call_lambda
