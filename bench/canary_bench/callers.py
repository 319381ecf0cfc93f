"""As many requests as are answered, by callers in processes of their own: the environment's own caller, several times."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from canary_local.calls import Caller, Request

CALLERS = 8
SECONDS = 5.0
# Until every process has its task.
_SOON = 0.2


@dataclass(frozen=True)
class Load:
    """What came of it; times in seconds."""

    per_second: float
    p50: float
    p99: float
    failed: int


def run(url: str) -> Load:
    """One request after the other on each caller's connection, for some seconds."""
    processes = multiprocessing.get_context("spawn")
    # No process goes on before all of them have started, so each takes one of the tasks.
    ready = processes.Barrier(CALLERS)
    with processes.Pool(CALLERS, ready.wait) as pool:
        begin = pool.apply(time.time) + _SOON
        made = pool.map(call_until, [(url, begin, begin + SECONDS)] * CALLERS, chunksize=1)
    return summed([request for requests in made for request in requests], SECONDS)


def call_until(task: tuple[str, float, float]) -> list[Request]:
    """Calls from a moment until another."""
    url, begin, end = task
    caller, made = Caller(url), list[Request]()
    time.sleep(max(0.0, begin - time.time()))
    while time.time() < end:
        made.append(caller.get())
    caller.close()
    return made


def summed(requests: Sequence[Request], seconds: float) -> Load:
    """All of them as one; only those that were answered with 200 count as carried."""
    answered = [request.seconds for request in requests if not request.failed]
    cut = quantiles(answered, n=100, method="inclusive")
    return Load(len(answered) / seconds, cut[49], cut[98], len(requests) - len(answered))
