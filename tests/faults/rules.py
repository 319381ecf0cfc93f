"""The faults, as rules of microburst: which call is hit, how often, and what its caller gets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Rule = dict[str, Any]

# The SDK makes three tries, so a fault that hits three times in a row is one that Step Functions has to try again for.
TRIES = 3
# Longer than a function of the fault environment may run.
HANG_MS = 8_000
# So slow that no answer arrives before its function has ended, though the call was made.
HANG = {"bandwidth_kbps": 0.001, "abort_bytes": 0}
# What the SDK is told apart by: each function has its own, see `lane`.
APPLICATION = "x-amz-user-agent"

# Codes and statuses as the services document them in their lists of common errors.
_THROTTLED = {
    "appmesh": {"code": "TooManyRequestsException", "status": 429},
    "cloudformation": {"code": "Throttling", "status": 400},
}
_USUALLY_THROTTLED = {"code": "ThrottlingException", "status": 400}
_DENIED = {"cloudformation": {"code": "AccessDenied", "status": 403}}
_USUALLY_DENIED = {"code": "AccessDeniedException", "status": 400}
_FAILED = {"code": "InternalFailure", "status": 500}


@dataclass(frozen=True, order=True)
class Call:
    """The `nth` call of an operation that a function makes during one deployment."""

    function: str
    service: str
    operation: str
    nth: int

    def __str__(self) -> str:
        return f"{self.function} {self.service}:{self.operation} #{self.nth}"

    def matching(self) -> Rule:
        """What the rules that look for it ask for."""
        return {"service": self.service, "operation": self.operation, "headers": {APPLICATION: app(self.function)}}


@dataclass(frozen=True, eq=False)
class Fault:
    """One way in which a call goes wrong. `times` is none if it does from then on. With `tries` it does until the state has
    failed so often, which is how long an outage lasts where pauses are short."""

    name: str
    means: str
    effect: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = 1
    per_service: Mapping[str, Any] = field(default_factory=dict)
    kills: bool = False
    tries: int | None = None

    @property
    def passes(self) -> bool:
        """Whether trying again helps."""
        return self.times is not None or self.tries is not None

    def rule(self, service: str) -> Rule:
        """What its callers get instead of the answer."""
        error = self.per_service.get(service)
        hits = {"times": self.times} if self.times else {}
        return {**self.effect, **({"error": error} if error else {}), **hits}


def tries_in(minutes: int) -> int:
    """How often Step Functions tries again in so many minutes: after half of 2 s, 4 s, 8 s ... at most 30 s on average."""
    pauses = itertools.accumulate(min(2**number, 30) / 2 for number in itertools.count(1))
    return next(tries for tries, seconds in enumerate(pauses, start=1) if seconds >= 60 * minutes)


def _away(minutes: int) -> Fault:
    means = f"the call gets a 500 for {minutes} minutes, in which Step Functions tries again {tries_in(minutes)} times"
    return Fault(f"away-{minutes}-min", means, {"error": _FAILED}, None, tries=tries_in(minutes))


FAULTS = (
    Fault(
        "throttled",
        f"the first {TRIES} tries are throttled, which are all that the SDK makes",
        {"error": _USUALLY_THROTTLED}, TRIES, _THROTTLED,
    ),
    Fault("failed", f"{TRIES} tries get a 500, before anything was done", {"error": _FAILED}, TRIES),
    Fault("reset", f"the connection is reset in {TRIES} tries, before anything was done", {"reset": True}, TRIES),
    Fault("lost", "the call has its effect and the answer is lost", {"response": {"abort_bytes": 0}}),
    Fault("denied", "access is denied, to this function, from that call on", {"error": _USUALLY_DENIED}, None, _DENIED),
    Fault("killed", "the call has its effect and the function is killed before it has the answer",
          {"response": HANG}, kills=True),
    Fault("timed-out", "the call hangs, without effect, until Lambda ends the function", {"timeout_ms": HANG_MS}),
    _away(2),
    _away(10),
)  # fmt: skip


def app(function: str) -> str:
    """How a function's SDK names itself in every request."""
    return f"app/canary-{function}"


def recording(functions: tuple[str, ...]) -> list[Rule]:
    """Rules that change nothing and by which each function's calls are told apart: the n-th is the n-th function's."""
    return [{"service": "*", "headers": {APPLICATION: app(function)}, "latency": 0} for function in functions]


def planned(call: Call, fault: Fault) -> list[Rule]:
    """The rules that let the calls before `call` pass and then hit it; the last one is the fault."""
    before = [{**call.matching(), "latency": 0, "times": call.nth - 1}] if call.nth > 1 else []
    return [*before, {**call.matching(), **fault.rule(call.service)}]
