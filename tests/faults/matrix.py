"""The cases: which there are, and which of them a part is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .kinds import Kind
from .rules import FAULTS, Call, Fault

# The function that checks, and how many of its calls alike become cases.
CHECKS, MOST_CHECKS = "gather-health", 2


@dataclass(frozen=True)
class Case:
    """A deployment of a kind, one of whose calls is hit by a fault."""

    kind: Kind
    call: Call
    fault: Fault

    def __str__(self) -> str:
        return f"{self.kind.name} | {self.call} | {self.fault.name}"


@dataclass(frozen=True)
class Part:
    """One of `of` parts of the matrix, counted from 1."""

    number: int = 1
    of: int = 1

    @staticmethod
    def parse(text: str) -> Part:
        """`K/N`."""
        number, _, of = text.partition("/")
        try:
            part = Part(int(number), int(of))
        except ValueError:
            part = Part(0, 0)
        if not 1 <= part.number <= part.of:
            raise ValueError(f"a part is `{text}`: allowed is K/N with K from 1 to N, for example 3/20")
        return part

    @staticmethod
    def of_seed(seed: str, of: int) -> Part:
        """The part that a seed, such as a commit's name, stands for."""
        return Part(_number(seed) % of + 1, of)

    def holds(self, case: Case) -> bool:
        """Whether a case is in it. This goes by the case's name, so it does not depend on what other cases there are."""
        return _number(str(case)) % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def cases(calls: Mapping[Kind, Sequence[Call]], part: Part, only: Sequence[str] = ()) -> list[Case]:
    """The cases of a part whose names hold each of the words in `only`, those of one kind together."""
    outages = set(_outages(calls))
    every = [
        Case(kind, call, fault)
        for kind, found in calls.items()
        for call in found
        for fault in FAULTS
        if fault.tries is None or (kind, call) in outages
    ]
    return [case for case in every if part.holds(case) and all(word in str(case) for word in only)]


def _outages(calls: Mapping[Kind, Sequence[Call]]) -> Iterator[tuple[Kind, Call]]:
    """Where outages hit, which take long: each function's first call of each service, in the first kind that has one,
    those with callers first."""
    seen = set()
    for kind, found in sorted(calls.items(), key=lambda each: each[0].first):
        for call in found:
            if (call.function, call.service) not in seen:
                seen.add((call.function, call.service))
                yield kind, call


def in_every(recordings: Iterable[Sequence[Call]]) -> list[Call]:
    """The calls that every run made, in the order of the first: polls of a stack are repeated until it is ready. Checks are
    repeated until the data are there and are all alike, so the first ones stand for them."""
    first, *others = recordings
    found = (call for call in first if all(call in other for other in others))
    return [call for call in found if call.function != CHECKS or call.nth <= MOST_CHECKS]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
