"""Where an execution's time goes that its plan does not ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .recorded import WAIT, Span

SHIFT = "Canary & Switch Traffic"
# What a step consists of. Waits of other states are for stacks that were not ready yet.
STEP = (SHIFT, WAIT, "Gather Health Check Status", "Is Healthy?")

Interval = tuple[float, float]


@dataclass(frozen=True)
class Overhead:
    """Seconds by cause."""

    tasks: float
    """In Lambda and the calls that the functions make."""
    polling: float
    """In waits between two polls of a stack, after what was polled for had come."""
    interpreter: float
    """Between states, in choices, and in waits that ended late."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.tasks + self.polling + self.interpreter


def overhead(spans: Sequence[Span], stacks: Sequence[Interval], start: float, end: float) -> Overhead:
    """What remains of the time from `start` to `end` without what the waits were to be and the stacks' own time."""
    asked = [*stacks, *((span.start, span.start + span.asked) for span in spans)]
    tasks = sum(_outside(span, asked) for span in spans if span.kind == "Task")
    polling = sum(_outside(span, asked) for span in spans if span.kind == "Wait" and span.state != WAIT)
    everything = _outside(Span("", "", start, end), asked)
    return Overhead(tasks, polling, everything - tasks - polling)


@dataclass(frozen=True)
class Step:
    """Seconds of one step beyond its waits: all of them, and those in Lambda and in the functions' calls."""

    total: float
    tasks: float
    invocations: int


def per_step(spans: Sequence[Span], scale: float = 1.0) -> list[Step]:
    """Each step, from its shift until it is known what follows. Waits took `scale` of what they were to be."""
    own: list[list[Span]] = []
    for span in spans:
        if span.state == SHIFT:
            own.append([span])
        elif span.state in STEP:
            own[-1].append(span)
    return [_step(each, scale) for each in own]


def _step(spans: Sequence[Span], scale: float) -> Step:
    tasks = [span.seconds for span in spans if span.kind == "Task"]
    asked = scale * sum(span.asked for span in spans)
    return Step(spans[-1].end - spans[0].start - asked, sum(tasks), len(tasks))


def _outside(span: Span, intervals: Sequence[Interval]) -> float:
    """Seconds of a span that none of the intervals covers."""
    covered, reached = 0.0, span.start
    for start, end in sorted(intervals):
        start, end = max(start, reached), min(end, span.end)
        if end > start:
            covered, reached = covered + end - start, end
    return span.seconds - covered
