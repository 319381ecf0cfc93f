"""The ways through the state machine, written down by hand: what functions answer, and which states follow from that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from stand_in import AT_WORK, Fails, Script, planned

CHECKED = ["Check Deployment Version", "What Comes First?"]
DEPLOYED = ["Deploy New Version", "Is New Version Ready?"]
SHIFTED = ["Canary & Switch Traffic", "Wait", "Gather Health Check Status", "Is Healthy?"]
WATCHED = [*SHIFTED, "Is All Traffic Watched?"]
REMOVED = ["Remove Old Version", "Is Old Version Removed?"]
ROLLED_BACK = ["Roll Back", "Is Rolled Back?"]
REPAIRED = ["Repair", "Is Repaired?"]
FINISHED = ["Finish Removal", "Is Removal Finished?"]
PROMOTED = [*DEPLOYED, *WATCHED, "Was First Deployment?", *REMOVED, "Deployment Succeeded"]

UNFINISHED = planned("Unfinished")
LEFT_PROMOTED: Script = {"Check Deployment Version": [UNFINISHED, planned()], "Repair": [{"status": "Promoted"}]}


@dataclass(frozen=True)
class Walk:
    """One way through the state machine."""

    script: Script
    """What differs from a canary in one step that is promoted."""
    states: list[str]
    error: str = ""
    cause: str = ""


WALKS = {
    "a canary in two steps, with waits for stacks and data": Walk(
        {
            "Deploy New Version": [AT_WORK, {"status": "Ready"}],
            "Canary & Switch Traffic": [{"weight": 50, "target": 100}, {"weight": 100, "target": None}],
            "Gather Health Check Status": [{"decision": "LookAgain"}, {"decision": "Proceed"}],
            "Remove Old Version": [AT_WORK, {"status": "Removed"}],
        },
        [
            *CHECKED, *DEPLOYED, "Wait for New Version", *DEPLOYED,
            *SHIFTED, "Wait for Data", "Gather Health Check Status", "Is Healthy?", "Is All Traffic Watched?", *WATCHED,
            "Was First Deployment?", *REMOVED, "Wait for Removal", *REMOVED, "Deployment Succeeded",
        ],
    ),
    "a first deployment": Walk(
        {"Check Deployment Version": [planned(kind="First")]},
        [*CHECKED, *DEPLOYED, *WATCHED, "Was First Deployment?", "Record First Version", "Deployment Succeeded"],
    ),
    "an unhealthy version": Walk(
        {
            "Gather Health Check Status": [{"decision": "RollBack", "why": "9 errors"}],
            "Roll Back": [AT_WORK, {"status": "RolledBack", "summary": "all is as before"}],
        },
        [
            *CHECKED, *DEPLOYED, *SHIFTED, "Unhealthy", *ROLLED_BACK, "Wait for Rollback", *ROLLED_BACK,
            "Deployment Failed & Rolled Back",
        ],
        "Canary.Unhealthy",
        "all is as before",
    ),
    "an old version that stays": Walk(
        {
            "Remove Old Version": [Fails("Canary.OldVersionNotRemoved")],
            "Roll Back": [{"status": "Promoted", "summary": "stack demo-web-1 is left"}],
        },
        [
            *CHECKED, *DEPLOYED, *WATCHED, "Was First Deployment?", "Remove Old Version", *ROLLED_BACK,
            "Old Version Not Removed",
        ],
        "Canary.OldVersionNotRemoved",
        "stack demo-web-1 is left",
    ),
    "a deployment that queues": Walk(
        {"Check Deployment Version": [{"status": "Queued", "waitSeconds": 5}, planned()]},
        [*CHECKED, "Wait for Turn", *CHECKED, *PROMOTED],
    ),
    "a repair that takes back": Walk(
        {
            "Check Deployment Version": [UNFINISHED, {"status": "Repaired", "service": "demo/web"}],
            "Repair": [AT_WORK, {"status": "RolledBack"}],
        },
        [*CHECKED, *REPAIRED, "Wait for Repair", *REPAIRED, *CHECKED, "Repaired"],
    ),
    "a deployment that first finishes an earlier one": Walk(
        {**LEFT_PROMOTED, "Finish Removal": [AT_WORK, {"status": "Removed"}]},
        [*CHECKED, *REPAIRED, *FINISHED, "Wait to Finish Removal", *FINISHED, *CHECKED, *PROMOTED],
    ),
    "functions of another release": Walk(
        {"Check Deployment Version": [{"status": "Postponed"}]},
        [*CHECKED, "Unknown Answer"],
        "Canary.InvalidState",
        "Check Deployment Version answered Postponed, which this state machine does not know: update the shared stack",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A Task state: how one comes to it, what follows when it gives up, and which errors it tries again how often."""

    script: Script
    before: list[str]
    after: list[str]
    cause: Callable[[str, str], str]
    """How the execution's cause begins, from the error and its cause."""
    error: Callable[[str], str] = lambda error: error
    forgiving: bool = False
    """Whether everything is tried again, but for what says of itself that this cannot help."""

    def caught(self, errors: Sequence[str], transient: Collection[str]) -> int:
        """Which of the function's failures, one after the other, is caught instead of tried again: counted from 0."""
        for number, error in enumerate(errors):
            again = error not in FINAL if self.forgiving else error in transient
            if not again or number == (60 if self.forgiving else 30 if error == THROTTLED else 5):
                return number
        raise AssertionError(f"{errors} are too few to be given up after")


# What a rollback throws when another try cannot help.
FINAL = ("Canary.RollbackIncomplete", "Canary.InvalidState")
# What Step Functions says when Lambda, and not the function, failed, or the function was killed or ran out of time.
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
LAMBDA_ERRORS = (
    "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException", "Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout",
)  # fmt: skip
# An invocation that Lambda throttled: it did nothing, and is tried again for longer.
THROTTLED = "Lambda.TooManyRequestsException"


def _rolled_back(script: Script, before: list[str]) -> Task:
    after = [*ROLLED_BACK, "Deployment Failed & Rolled Back"]
    return Task(script, before, after, lambda _error, _cause: "all is as before")


def _repair_incomplete(error: str, cause: str) -> str:
    return f"Execution arn:earlier left demo-web-2 unfinished, and it could not be repaired: {error}: {cause}"


def _rollback_incomplete(error: str, cause: str) -> str:
    return f"The rollback ended with {error}: {cause} The deployment had failed with Canary.StackFailed: "


TASKS = {
    "Check Deployment Version": Task({}, [], ["Deployment Refused"], lambda _, cause: cause),
    "Deploy New Version": _rolled_back({}, CHECKED),
    "Canary & Switch Traffic": _rolled_back({}, [*CHECKED, *DEPLOYED]),
    "Gather Health Check Status": _rolled_back({}, [*CHECKED, *DEPLOYED, *SHIFTED[:2]]),
    "Record First Version": _rolled_back(
        {"Check Deployment Version": [planned(kind="First")]},
        [*CHECKED, *DEPLOYED, *WATCHED, "Was First Deployment?"],
    ),
    "Remove Old Version": _rolled_back({}, [*CHECKED, *DEPLOYED, *WATCHED, "Was First Deployment?"]),
    "Roll Back": Task(
        {"Deploy New Version": [Fails("Canary.StackFailed")]},
        [*CHECKED, "Deploy New Version"],
        ["Rollback Incomplete"],
        _rollback_incomplete,
        lambda _: "Canary.RollbackIncomplete",
        forgiving=True,
    ),
    "Repair": Task(
        {"Check Deployment Version": [UNFINISHED, planned()]},
        CHECKED,
        ["Repair Incomplete"],
        _repair_incomplete,
        forgiving=True,
    ),
    "Finish Removal": Task(LEFT_PROMOTED, [*CHECKED, *REPAIRED], ["Repair Incomplete"], _repair_incomplete),
}
