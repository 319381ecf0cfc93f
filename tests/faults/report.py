"""The figures of what was played, and the table of calls, faults and endings for docs/."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from .kinds import INCOMPLETE, KINDS, NOT_REMOVED, REFUSED, ROLLED_BACK, SUCCEEDED, Kind
from .matrix import Case
from .play import Result
from .rules import FAULTS

# How the table writes the endings.
LETTERS = {SUCCEEDED: "S", ROLLED_BACK: "B", REFUSED: "F", NOT_REMOVED: "O", INCOMPLETE: "I"}
REPAIRED = "\u00b7"


@dataclass(frozen=True)
class Figures:
    """What came of all the runs."""

    runs: int
    endings: Mapping[str, int]
    repairs: Mapping[str, int]
    violations: int
    seconds: float

    def summary(self) -> str:
        """The figures in words."""
        lines = [f"runs: {self.runs} in {self.seconds / 60:.0f} min"]
        lines += [f"ended in {final}: {count}" for final, count in self.endings.items()]
        lines += [f"finished by {how} once the fault was over: {count}" for how, count in self.repairs.items()]
        return "\n".join([*lines, f"violations: {self.violations}"])


def figures(results: Mapping[Case, Result], seconds: float) -> Figures:
    """Counts."""
    endings = Counter(result.final for result in results.values())
    repairs = Counter(result.repaired for result in results.values() if result.repaired)
    violated = sum(bool(result.violations) for result in results.values())
    return Figures(len(results), dict(endings.most_common()), dict(repairs.most_common()), violated, seconds)


def table(results: Mapping[Case, Result], figure: Figures, command: str) -> str:
    """The page docs/faults.md."""
    return "\n".join([*_head(figure, command), *(line for kind in KINDS for line in _section(kind, results))]) + "\n"


def _head(figure: Figures, command: str) -> Iterator[str]:
    machine = f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}"
    yield "# Every call, every fault"
    yield ""
    yield "<!-- Written by the command below. -->"
    yield "Each AWS call that a deployment makes is hit by each fault, one at a time, and what is left is compared with the promises"
    yield "of [semantics.md](semantics.md). The calls are those that deployments without a fault were seen to make. How it is done:"
    yield "[decision 0008](decisions/0008-faults.md)."
    yield ""
    yield f"`{command}` on {datetime.now(timezone.utc):%Y-%m-%d}, commit {_commit()}, {machine}:"
    yield ""
    yield "```text"
    yield figure.summary()
    yield "```"
    yield ""
    yield "| Fault | What happens |"
    yield "|---|---|"
    for fault in FAULTS:
        yield f"| {fault.name} | {fault.means} |"
    yield ""
    letters = ", ".join(f"**{letter}** {final}" for final, letter in LETTERS.items())
    yield f"Endings: {letters}; **!** a promise was broken. {REPAIRED} after a letter: what the run had left, if only its lock, was"
    yield "finished by a repair or by the command in the cause, once the fault was over."
    yield "A call is named by its function, its operation, and its number among the calls alike."


def _section(kind: Kind, results: Mapping[Case, Result]) -> Iterator[str]:
    found = {(case.call, case.fault): result for case, result in results.items() if case.kind == kind}
    calls = list(dict.fromkeys(case.call for case in results if case.kind == kind))
    if not calls:
        return
    yield ""
    yield f"## {kind.name}: {kind.means}"
    yield ""
    yield "| Call | " + " | ".join(fault.name for fault in FAULTS) + " |"
    yield "|---" * (len(FAULTS) + 1) + "|"
    for call in calls:
        yield f"| {call} | " + " | ".join(_cell(found.get((call, fault))) for fault in FAULTS) + " |"


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    broken = "!" if result.violations else ""
    return LETTERS.get(result.final, result.final) + (REPAIRED if result.repaired else "") + broken


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
