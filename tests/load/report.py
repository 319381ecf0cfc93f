"""What a load came to: tables in Markdown, as they stand in docs/quotas.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from . import mix
from .mix import Service
from .play import Ending, Phase, Played

THROTTLED = "Lambda.TooManyRequestsException"


def lines(played: Played, services: Sequence[Service]) -> list[str]:
    """The whole report."""
    phase, callers = played.phase, played.callers
    answered, failed, crossed = callers.answered.total(), callers.failed, callers.crossed
    return [
        f"{len(played.before.endings)} first deployments at once: {_took(played.before)}",
        f"{len(phase.endings)} deployments at once: {_took(phase)}",
        "",
        *_table(("Deployments", "Ended as promised", "Of", "Median s", "Longest s"), _kinds(phase, services)),
        "",
        f"Requests: {answered} answered, {failed} failed, {crossed} answered by another service's version",
        f"Throttled calls of the functions: {phase.throttled.total()} of {phase.calls.total()}",
        f"Throttled invocations of functions: {_retries(phase, THROTTLED)} of {_sum(phase, 'invocations')}",
        f"Tried again by the state machine: {_retried(phase)}",
        f"Memory left at the least: {phase.lowest_memory} MiB",
        "",
        *_table(("Call of a function", "All", "Throttled", "Each deployment"), _calls(phase)),
        "",
        *_table(("Of one deployment", "Median", "Most"), _sizes(phase, services)),
    ]


def document(played: Played, services: Sequence[Service]) -> dict[str, Any]:
    """The same as data, and every execution's ending."""
    return {
        "report": lines(played, services),
        "problems": played.problems,
        "examples": played.callers.examples,
        "endings": {
            service.name: {
                "kind": service.kind.name,
                "state": end.state,
                "seconds": end.seconds,
                "retried": end.retried,
            }
            for service, end in played.phase.endings.items()
        },
    }


def _took(phase: Phase) -> str:
    return f"{phase.seconds:.0f} s, of which {phase.started_in:.1f} s to start them"


def _kinds(phase: Phase, services: Sequence[Service]) -> Iterable[tuple[Any, ...]]:
    for kind in mix.KINDS:
        ends = [phase.endings[service] for service in services if service.kind is kind]
        if not ends:
            continue
        right = sum((end.state, end.error) == (kind.ends, kind.error) for end in ends)
        seconds = [end.seconds for end in ends]
        label = f"{kind.name}: {kind.means}; `{kind.ends}`"
        yield label, right, len(ends), f"{median(seconds):.0f}", f"{max(seconds):.0f}"


def _calls(phase: Phase) -> Iterable[tuple[Any, ...]]:
    deployments = len(phase.endings)
    for (service, operation), number in sorted(phase.calls.items()):
        yield f"{service}:{operation}", number, phase.throttled[service, operation], f"{number / deployments:.1f}"
    total, throttled = phase.calls.total(), phase.throttled.total()
    yield "all", total, throttled, f"{total / deployments:.1f}"


def _sizes(phase: Phase, services: Sequence[Service]) -> Iterable[tuple[Any, ...]]:
    promoted = [phase.endings[service] for service in services if service.kind is mix.PROMOTED]
    for name, what in (
        ("invocations", "invocations of functions"),
        ("transitions", "state transitions"),
        ("events", "events in the history"),
    ):
        numbers = [getattr(end, name) for end in promoted]
        yield f"promoted: {what}", f"{median(numbers):.0f}", max(numbers)


def _retried(phase: Phase) -> str:
    errors: Counter[str] = Counter()
    for service, end in phase.endings.items():
        errors.update({name: number for name, number in end.retried.items() if name != service.kind.error})
    return ", ".join(f"{name} {number}" for name, number in errors.most_common()) or "nothing"


def _retries(phase: Phase, error: str) -> int:
    return sum(end.retried.get(error, 0) for end in phase.endings.values())


def _sum(phase: Phase, field: str) -> int:
    ends: Iterable[Ending] = phase.endings.values()
    return sum(getattr(end, field) for end in ends)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    texts = [[str(cell) for cell in row] for row in rows]
    return [_row(head), "|".join(["", *("---" for _ in head), ""]), *(_row(row) for row in texts)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
