"""The ways through the state machine, written down by hand: what functions answer, and which states follow from that."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stand_in import IN_PROGRESS, Fails, Script, kept, planned, progress, unfinished

CHECKED = ["Check Deployment Version", "What Comes First?"]
DEPLOYED = ["Deploy New Version", "Is New Version Ready?"]
LOOKED = ["Wait", "Gather Health Check Status", "Is Healthy?"]
SHIFTED = ["Canary & Switch Traffic", *LOOKED]
REMOVED = ["Remove Old Version", "Is Old Version Removed?"]
ROLLED_BACK = ["Roll Back", "Is Rolled Back?"]
FAILED = [*ROLLED_BACK, "Deployment Failed & Rolled Back"]
TAKEN_BACK = ["Answer Not Understood", *FAILED]
PROMOTED = [*DEPLOYED, *SHIFTED, "Record New Version", *REMOVED, "Deployment Succeeded"]

# What a cause ends with that says how to finish.
REPAIR = "'" + json.dumps({"Action": "Repair", "EnvironmentName": "demo", "MicroserviceName": "web"}, separators=(",", ":")) + "'"  # fmt: skip
UNKNOWN = {"status": "Halfway"}
NOT_UNDERSTOOD = "A function returned a status that this state machine does not know."
PROMOTED_EARLIER: Script = {
    "Check Deployment Version": [unfinished(), planned()],
    "Roll Back": [{"status": "Promoted", "deletions": 0}],
}


@dataclass(frozen=True)
class Walk:
    """One way through the state machine, with polls every second."""

    script: Script
    """What differs from a canary in one step that is promoted."""
    states: list[str]
    error: str = ""
    cause: str = ""
    """How the execution's cause begins."""
    waits: list[int] = field(default_factory=list)
    """The seconds of each Wait."""


def not_understood(script: Script, before: list[str], waits: list[int]) -> Walk:
    """A function returned a status that nobody knows, so everything is taken back."""
    cause = f"all is as before. {NOT_UNDERSTOOD}"
    return Walk(script, [*CHECKED, *before, *TAKEN_BACK], "Canary.NotUnderstood", cause, waits)


WALKS = {
    "a canary in two steps, with waits for stacks and data": Walk(
        {
            "Deploy New Version": [IN_PROGRESS, {"status": "Ready"}],
            "Canary & Switch Traffic": [progress("Watching", 50, 3), progress("Watching", 100, 4)],
            "Gather Health Check Status": [
                progress("Watching", 50, 2), progress("Shifting", 50), progress("Promoting"),
            ],
            "Remove Old Version": [IN_PROGRESS, {"status": "Removed"}],
        },
        [
            *CHECKED, *DEPLOYED, "Wait for New Version", *DEPLOYED, *SHIFTED, *LOOKED, *SHIFTED,
            "Record New Version", *REMOVED, "Wait for Removal", *REMOVED, "Deployment Succeeded",
        ],
        waits=[1, 3, 2, 4, 1],
    ),
    "an unhealthy version": Walk(
        {
            "Gather Health Check Status": [progress("Unhealthy", reason="9 errors")],
            "Roll Back": [IN_PROGRESS, lambda event: {
                "status": "RolledBack", "error": event["failure"]["Error"], "summary": event["failure"]["Cause"],
            }],
        },
        [*CHECKED, *DEPLOYED, *SHIFTED, "Unhealthy", *ROLLED_BACK, "Wait for Rollback", *FAILED],
        "Canary.Unhealthy",
        "9 errors",
        [0, 1],
    ),
    "an old version that stays": Walk(
        {"Remove Old Version": [Fails("Canary.OldVersionNotRemoved")], "Roll Back": [kept]},
        [
            *CHECKED, *DEPLOYED, *SHIFTED, "Record New Version", "Remove Old Version", *ROLLED_BACK,
            "Old Version Not Removed",
        ],
        "Canary.OldVersionNotRemoved",
        "stack demo-web-1 is left",
        [0],
    ),
    "a deployment that queues": Walk(
        {"Check Deployment Version": [{"status": "Queued", "waitSeconds": 5}, planned()]},
        [*CHECKED, "Wait for Turn", *CHECKED, *PROMOTED],
        waits=[5, 0],
    ),
    "a repair that takes back": Walk(
        {
            "Check Deployment Version": [unfinished(), {"status": "Repaired", "service": "demo/web"}],
            "Roll Back": [IN_PROGRESS, {"status": "RolledBack", "error": "Canary.Interrupted", "summary": "it was stopped."}],
        },
        [*CHECKED, *ROLLED_BACK, "Wait for Rollback", *ROLLED_BACK, *CHECKED, "Repaired"],
        waits=[1],
    ),
    "a deployment that first finishes an earlier one": Walk(
        {**PROMOTED_EARLIER, "Remove Old Version": [IN_PROGRESS, {"status": "Removed"}]},
        [*CHECKED, *ROLLED_BACK, *REMOVED, "Wait for Removal", *REMOVED, *CHECKED, *PROMOTED],
        waits=[1, 0],
    ),
    "a repair that cannot put the traffic back": Walk(
        {"Check Deployment Version": [unfinished()], "Roll Back": [Fails("Canary.RollbackIncomplete")]},
        [*CHECKED, "Roll Back", "Was It a Repair?", "Repair Incomplete"],
        "Canary.RepairIncomplete",
        "Execution arn:earlier left demo-web-2 unfinished, and it could not be repaired: Canary.RollbackIncomplete: ",
    ),
    "a repair that cannot finish the removal": Walk(
        {
            "Check Deployment Version": [unfinished(), planned()],
            "Roll Back": [{"status": "Promoted", "deletions": 0}, Fails("Canary.RollbackIncomplete")],
            "Remove Old Version": [Fails("Canary.OldVersionNotRemoved")],
        },
        [*CHECKED, *ROLLED_BACK, "Remove Old Version", "Roll Back", "Was It a Repair?", "Repair Incomplete"],
        "Canary.RepairIncomplete",
        "Execution arn:earlier left demo-web-2 unfinished, and it could not be repaired: Canary.RollbackIncomplete: ",
    ),
    "a first state that returns a status nobody knows": Walk(
        {"Check Deployment Version": [{"status": "Postponed"}]},
        [*CHECKED, "Unknown Answer"],
        "Canary.NotUnderstood",
        NOT_UNDERSTOOD.removesuffix("."),
    ),
    "a first state that answers without a status": Walk(
        {"Check Deployment Version": [{}]}, [*CHECKED, "Unknown Answer"], "Canary.NotUnderstood", NOT_UNDERSTOOD.removesuffix(".")
    ),
    "a stack's state that nobody knows": not_understood({"Deploy New Version": [IN_PROGRESS, UNKNOWN]}, [*DEPLOYED, "Wait for New Version", *DEPLOYED], [1]),
    "a stack's answer without a state": not_understood({"Deploy New Version": [{}]}, DEPLOYED, []),
    "a phase that nobody knows": not_understood({"Gather Health Check Status": [progress("Pondering")]}, [*DEPLOYED, *SHIFTED], [0]),
    "a check without a phase": not_understood({"Gather Health Check Status": [{}]}, [*DEPLOYED, *SHIFTED], [0]),
    "a removal's answer without a state": not_understood(
        {"Remove Old Version": [{}]}, [*DEPLOYED, *SHIFTED, "Record New Version", *REMOVED], [0]
    ),
    "a removal's state that nobody knows": not_understood(
        {"Remove Old Version": [UNKNOWN]}, [*DEPLOYED, *SHIFTED, "Record New Version", *REMOVED], [0]
    ),
    "a rollback's answer without a state": Walk(
        {"Gather Health Check Status": [progress("Unhealthy")], "Roll Back": [{}]},
        [*CHECKED, *DEPLOYED, *SHIFTED, "Unhealthy", *ROLLED_BACK, "Unknown Answer"],
        "Canary.NotUnderstood",
        NOT_UNDERSTOOD.removesuffix("."),
        [0],
    ),
    "a rollback's state that nobody knows": Walk(
        {"Gather Health Check Status": [progress("Unhealthy")], "Roll Back": [IN_PROGRESS, UNKNOWN]},
        [
            *CHECKED, *DEPLOYED, *SHIFTED, "Unhealthy", *ROLLED_BACK, "Wait for Rollback", *ROLLED_BACK,
            "Unknown Answer",
        ],
        "Canary.NotUnderstood",
        NOT_UNDERSTOOD.removesuffix("."),
        [0, 1],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Retrier:
    """Errors that are tried again, how often, and after how many seconds at most."""

    errors: tuple[str, ...]
    tries: int
    longest: int = 30


# What Step Functions says when Lambda, and not the function, failed, or the function was killed or ran out of time:
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
# Waiting helps against these, 15 minutes on average.
PASSING = Retrier(
    (
        "Canary.Unavailable", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException", "Lambda.TooManyRequestsException", "Lambda.ResourceNotReadyException",
        "Lambda.ResourceConflictException",
    ),
    65,
)  # fmt: skip
# Each try has taken half a minute or more already.
SLOW = Retrier(("Sandbox.Timedout", "Lambda.Unknown", "States.Timeout"), 20)
DOUBTFUL = Retrier(("Canary.Conflict", "Canary.ShiftNotApplied", "Runtime.ExitError"), 5)
RETRIERS = (PASSING, SLOW, DOUBTFUL)
# What a rollback throws when another try cannot help.
FINAL = ("Canary.RollbackIncomplete", "Canary.InvalidState")


@dataclass(frozen=True)
class Task:
    """A Task state: how one comes to it, and what follows when it gives up."""

    script: Script
    before: list[str]
    after: list[str]
    cause: str
    """How the execution's cause begins, with places for the error and its cause."""
    error: str = "{error}"
    forgiving: bool = False
    """Whether everything is tried again, but for what says of itself that this cannot help."""

    def retrier(self, error: str) -> Retrier | None:
        """What tries again after an error."""
        if self.forgiving:
            return None if error in FINAL else Retrier((), 60, 60)
        return next((retrier for retrier in RETRIERS if error in retrier.errors), None)

    def pauses(self, errors: Sequence[str]) -> Iterator[int]:
        """The longest pause after each error that is tried again: 2 s, 4 s, 8 s ..., each retrier by itself."""
        used: Counter[Retrier] = Counter()
        for error in errors:
            retrier = self.retrier(error)
            if retrier is None or used[retrier] == retrier.tries:
                return
            used[retrier] += 1
            yield min(2 ** used[retrier], retrier.longest)
        raise AssertionError(f"{errors} are too few to be given up after")


def _rolled_back(before: list[str]) -> Task:
    return Task({}, [*CHECKED, *before], FAILED, "all is as before. {cause}")


TASKS = {
    "Check Deployment Version": Task({}, [], ["Deployment Refused"], "{cause}"),
    "Deploy New Version": _rolled_back([]),
    "Canary & Switch Traffic": _rolled_back(DEPLOYED),
    "Gather Health Check Status": _rolled_back([*DEPLOYED, *SHIFTED[:2]]),
    "Record New Version": _rolled_back([*DEPLOYED, *SHIFTED]),
    "Remove Old Version": _rolled_back([*DEPLOYED, *SHIFTED, "Record New Version"]),
    "Roll Back": Task(
        {"Deploy New Version": [Fails("Canary.StackFailed")]},
        [*CHECKED, "Deploy New Version"],
        ["Was It a Repair?", "Rollback Incomplete"],
        "The rollback ended with {error}: {cause} The deployment had failed with Canary.StackFailed: ",
        "Canary.RollbackIncomplete",
        forgiving=True,
    ),
}
