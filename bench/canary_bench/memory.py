"""Memory that the processes of an environment have for themselves: what would be free again if they ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import psutil

from canary_local.environment import Environment

ENVOY = "Envoys"
FUNCTION = "functions"
MINISTACK = "ministack"
DATAPLANE = "data plane"
APPLICATION = "applications"
KINDS = (ENVOY, APPLICATION, DATAPLANE, MINISTACK, FUNCTION)


@dataclass(frozen=True)
class Found:
    """Megabytes and number of processes by kind."""

    megabytes: Counter[str]
    count: Counter[str]


def by_kind(env: Environment) -> Found:
    """All processes of an environment, those that tasks and functions run in included."""
    megabytes, count = Counter[str](), Counter[str]()
    for process in env.processes:
        own = psutil.Process(process.pid)
        for each in (own, *own.children(recursive=True)):
            try:
                kind, private = kind_of(each, process.name, each == own), each.memory_full_info().uss
            except psutil.NoSuchProcess:
                # A health check that has just ended.
                continue
            megabytes[kind] += private / 1e6
            count[kind] += 1
    return Found(megabytes, count)


def kind_of(process: psutil.Process, root: str, is_root: bool) -> str:
    """What a process is, from its program and from which process it descends."""
    if is_root:
        return DATAPLANE if root == "dataplane" else MINISTACK
    if process.name() == "envoy":
        return ENVOY
    return APPLICATION if root == "dataplane" else FUNCTION
