"""What the data plane says of its health, as the commands tell it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from canary_local.environment import Environment

REJECTED = {"resource": "mesh/demo/virtualNode/web", "task": "t1", "message": "Envoy rejected cluster `x`: because"}
LOG = {
    "resource": "the data plane's own log",
    "task": "none",
    "message": "7 lines could not be written: is the disk full?",
}


@pytest.mark.parametrize(
    ("health", "problems"),
    [
        ({"status": "ok"}, []),
        ({"status": "degraded", "rejected": [REJECTED]}, [REJECTED]),
        ({"status": "degraded", "rejected": [REJECTED], "lostLogLines": 7}, [REJECTED, LOG]),
    ],
)
def test_rejections_and_a_full_disk_are_problems(health: dict[str, Any], problems: list[dict[str, str]]) -> None:
    environment = SimpleNamespace(_ask_dataplane=lambda _: health)

    assert Environment.problems(environment) == problems  # type: ignore[arg-type]
