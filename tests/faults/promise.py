"""What a deployment promises (docs/semantics.md), compared with what a run left. Each violation cites a promise's number.

One thing more is compared: callers are answered all the while, but for a candidate that is bad on purpose. No promise says so;
its violations begin with `callers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .kinds import INCOMPLETE, NOT_REMOVED, REFUSED, ROLLED_BACK, SUCCEEDED, Kind
from .rules import Call, Fault
from .sight import Sight

# The command that a cause gives to finish with: a stack's name, or the input of a repair.
DELETE_STACK = re.compile(r"aws cloudformation delete-stack --stack-name ([A-Za-z0-9-]+)")
REPAIR = re.compile(r"aws stepfunctions start-execution --state-machine-arn (\S+) --input '(\{[^']*\})'")


@dataclass(frozen=True)
class Run:
    """A deployment that was hit, and what was seen before and after it."""

    kind: Kind
    call: Call
    fault: Fault
    sha: str
    status: str
    final: str
    """The last state that was entered."""
    cause: str
    before: Sight
    after: Sight
    failed_requests: Sequence[str] = ()
    """Requests of callers that were not answered, but for answers of a candidate that is bad on purpose."""
    answered: frozenset[str] = frozenset()
    """The versions that answered after the end."""

    @property
    def candidate(self) -> str:
        """The virtual node of the version that was deployed."""
        return self.after.version(self.sha)


def violations(run: Run, final_states: frozenset[str]) -> list[str]:
    """What was not as it should be, each with the number of the promise; empty if all was."""
    return [*_ending(run, final_states), *_traffic(run), *_record_and_stacks(run)]


def unsettled(sight: Sight, answered: frozenset[str]) -> list[str]:
    """Why a service is not as it should be when nothing is under way: one version, live, recorded and alone, or none."""
    if sight.route is None and sight.record is None:
        left = [f"13: stack `{stack}` is left" for stack in sight.stacks]
    else:
        live = sight.sole()
        left = [] if live else [f"13: the route has {sight.targets()}"]
        if sight.record is None or live != sight.version(sight.record[0]):
            left.append(f"13: SSM records {sight.record} and the route has {sight.targets()}")
        expected = {sight.stack(live)} if live else set()
        left += [f"13: stack `{stack}` is left" for stack in sorted(set(sight.stacks) - expected)]
        left += [f"7: stack `{stack}` is gone" for stack in sorted(expected - set(sight.stacks))]
        if live and answered != {live}:
            left.append(f"16: {_names(answered)} answered, and the route has {sight.targets()}")
    return left + ([f"13: the lock is still {dict(sight.lock)}"] if sight.lock else [])


def _ending(run: Run, final_states: frozenset[str]) -> Iterator[str]:
    wanted = "SUCCEEDED" if run.final == SUCCEEDED else "FAILED"
    if run.final not in final_states or run.status != wanted:
        yield f"16: ended {run.status} in `{run.final}`: {run.cause}"
    if run.fault.passes and run.final != run.kind.ends:
        yield f"16: a fault that passes ended in `{run.final}` and not in `{run.kind.ends}`: {run.cause}"
    if run.final not in (SUCCEEDED, ROLLED_BACK, REFUSED, NOT_REMOVED, INCOMPLETE):
        yield f"16: a deployment alone does not end in `{run.final}`: {run.cause}"
    if run.final in (INCOMPLETE, NOT_REMOVED) and not (REPAIR.search(run.cause) or DELETE_STACK.search(run.cause)):
        yield f"16: the cause names no command to finish with: {run.cause}"


def _traffic(run: Run) -> Iterator[str]:
    before, after = run.before, run.after
    if before.route and after.settings() != before.settings():
        yield f"2: the route's settings were {before.settings()} and are {after.settings()}"
    for version in after.targets():
        if not after.stands(version):
            yield f"7: the route names `{version}`, whose stack is {after.stacks.get(after.stack(version))}"
    expected = {run.candidate: 100} if run.final in (SUCCEEDED, NOT_REMOVED) else before.targets()
    if after.targets() != expected and not (run.final == INCOMPLETE and _could_not_move(run)):
        yield f"16: after `{run.final}` the route has {after.targets()} and not {expected}"
    if not run.answered <= after.targets().keys() or (after.targets() and not run.answered):
        yield f"16: {_names(run.answered)} answered, and the route has {after.targets()}"
    if run.failed_requests:
        yield f"callers: {len(run.failed_requests)} requests failed: {run.failed_requests[0]}"


def _could_not_move(run: Run) -> bool:
    """Whether it was Roll Back itself that was denied what it needs to move the traffic, and the cause names the route."""
    return not run.fault.passes and run.call.function == "rollback" and f"route of {run.after.service}" in run.cause


def _record_and_stacks(run: Run) -> Iterator[str]:
    before, after = run.before, run.after
    promoted = run.final in (SUCCEEDED, NOT_REMOVED)
    number = (before.record[1] if before.record else 0) + 1
    recorded = (run.sha, number) if promoted else before.record
    if after.record != recorded:
        yield f"8: after `{run.final}` SSM records {after.record} and not {recorded}"
    for name, stack in before.stacks.items():
        if not promoted and after.stacks.get(name) != stack:
            yield f"8: stack `{name}` was {stack} and is {after.stacks.get(name)}"
    alone = {after.stack(run.candidate)} if promoted else set(before.stacks)
    for name in sorted(set(after.stacks) - alone):
        if run.final not in (NOT_REMOVED, INCOMPLETE) or name not in run.cause:
            yield f"16: stack `{name}` is left ({after.stacks[name][0]}) and the cause does not say so: {run.cause}"


def _names(versions: frozenset[str]) -> str:
    return ", ".join(f"`{version}`" for version in sorted(versions)) or "nobody"
