"""ministack with the plugin in front of the stub, as the tests see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from stub_engine import StubEngine

STACK_SECONDS = 2.0


class Local(NamedTuple):
    """`client` gives boto3 clients; `stub` is what ministack takes for the data plane."""

    client: Any
    stub: StubEngine
    endpoint: str
    log: Path
    aws_calls: Path
