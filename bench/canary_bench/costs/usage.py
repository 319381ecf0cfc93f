"""What an execution uses of AWS, and what that costs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from . import prices
from .prices import Price


@dataclass(frozen=True)
class Runtime:
    """What a function's process computes, in milliseconds of a whole processor."""

    start: float
    """Before its first invocation."""
    first: float
    """In its first invocation, whatever that calls."""
    call: float
    """In a later one, for each call of AWS."""


@dataclass
class Usage:
    """Everything that is paid for, and the calls, which are not."""

    transitions: int = 0
    invocations: Counter[str] = field(default_factory=Counter)
    lambda_ms: float = 0.0
    gb_seconds: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    metrics: int = 0
    write_units: int = 0
    events: int = 0
    seconds: float = 0.0
    _called: dict[str, float] = field(default_factory=dict)

    def invoke(
        self,
        function: str,
        at: float,
        calls: tuple[str, ...],
        runtime: Runtime,
        memory: int = 128,
        waited: float = 0.0,
    ) -> int:
        """An invocation at a second of the execution, in milliseconds; `waited` seconds of it did nothing but wait."""
        cold = at - self._called.get(function, -math.inf) >= prices.IDLE_SECONDS
        self._called[function] = at
        computed = (runtime.first if cold else runtime.call * len(calls)) * prices.VCPU_MIB / memory
        # A process starts with a whole processor, whatever its memory.
        ms = math.ceil(computed + (runtime.start if cold else 0) + len(calls) * prices.CALL_MS + waited * 1_000)
        self.invocations[function] += 1
        self.lambda_ms += ms
        self.gb_seconds += ms / 1_000 * memory / 1_024
        self.calls.update(calls)
        return ms

    def dollars(self) -> dict[Price, float]:
        """What each thing comes to, but for the pipeline."""
        invocations = self.invocations.total()
        logged = self.events * prices.EVENT_LOG_BYTES + invocations * prices.INVOCATION_LOG_BYTES
        amounts = {
            prices.TRANSITION: self.transitions,
            prices.REQUEST: invocations,
            prices.GB_SECOND: self.gb_seconds,
            prices.METRIC: self.metrics,
            prices.LOG_GB: logged / 1e9,
            prices.WRITE_UNIT: self.write_units,
            prices.TRACE: 1,
        }
        return {price: price.dollars * amount for price, amount in amounts.items()}

    def total(self) -> float:
        """All of it."""
        return sum(self.dollars().values())

    def pipeline(self) -> float:
        """The minutes of the pipeline's action that waits for the execution."""
        return math.ceil(self.seconds / 60) * prices.PIPELINE_MINUTE.dollars
