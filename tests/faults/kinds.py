"""The kinds of deployments that are hit by faults, and how each ends without one."""

from __future__ import annotations

from dataclasses import dataclass

SUCCEEDED = "Deployment Succeeded"
ROLLED_BACK = "Deployment Failed & Rolled Back"
REFUSED = "Deployment Refused"
NOT_REMOVED = "Old Version Not Removed"
INCOMPLETE = "Rollback Incomplete"


@dataclass(frozen=True)
class Kind:
    """One kind of deployment."""

    name: str
    means: str
    first: bool
    bad: bool
    ends: str


KINDS = (
    Kind("first", "the first deployment of a service", first=True, bad=False, ends=SUCCEEDED),
    Kind("promoted", "a good new version, in two steps, with callers", first=False, bad=False, ends=SUCCEEDED),
    Kind("rolled-back", "a new version that answers 500, with callers", first=False, bad=True, ends=ROLLED_BACK),
)
