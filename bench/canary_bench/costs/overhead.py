"""Where an execution's time goes that its plan does not ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .recorded import Span

SHIFT, WATCHED = "Canary & Switch Traffic", "Is All Traffic Watched?"
# What the plan asks for; other waits are for something that was not ready yet.
WAIT = "Wait"

Interval = tuple[float, float]


@dataclass(frozen=True)
class Overhead:
    """Seconds by cause."""

    tasks: float
    """In Lambda and the calls that the functions make."""
    polling: float
    """In waits between two looks, after what was looked for had come."""
    interpreter: float
    """Between states, in choices, and in waits that ended late."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.tasks + self.polling + self.interpreter


def overhead(spans: Sequence[Span], wait: float, stacks: Sequence[Interval], start: float, end: float) -> Overhead:
    """What remains of the time from `start` to `end` without the waits of `wait` seconds and the stacks' own time."""
    asked = [*stacks, *((span.start, span.start + wait) for span in spans if span.state == WAIT)]
    tasks = sum(_outside(span, asked) for span in spans if span.kind == "Task")
    polling = sum(_outside(span, asked) for span in spans if span.kind == "Wait" and span.state != WAIT)
    everything = _outside(Span("", "", start, end), asked)
    return Overhead(tasks, polling, everything - tasks - polling)


@dataclass(frozen=True)
class Step:
    """Seconds of one step beyond its wait: all of them, and those in Lambda and in the functions' calls."""

    total: float
    tasks: float


def per_step(spans: Sequence[Span], wait: float) -> list[Step]:
    """Each step, from its shift until it is known what follows."""
    steps, own = list[Step](), list[Span]()
    for span in spans:
        own = [span] if span.state == SHIFT else [*own, span]
        if span.state == WATCHED:
            tasks = sum(each.seconds for each in own if each.kind == "Task")
            steps.append(Step(span.end - own[0].start - wait, tasks))
    return steps


def _outside(span: Span, intervals: Sequence[Interval]) -> float:
    """Seconds of a span that none of the intervals covers."""
    covered, reached = 0.0, span.start
    for start, end in sorted(intervals):
        start, end = max(start, reached), min(end, span.end)
        if end > start:
            covered, reached = covered + end - start, end
    return span.seconds - covered
