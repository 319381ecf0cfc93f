"""A steady stream of requests through the gateway; every one of them is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from ..calls import Caller, Request


class Load:
    """Keep-alive connections that together send `rate` requests a second, on a schedule of their own.

    The schedule does not wait for slow answers of other connections, so a version that is slow or broken sees as
    many requests as a good one.
    """

    def __init__(self, url: str, rate: float = 80.0, connections: int = 8, timeout: float = 10.0) -> None:
        self.url, self.rate, self.connections, self.timeout = url, rate, connections, timeout
        self.requests: list[Request] = []
        self._under_way: list[float | None] = [None] * connections
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts sending; does nothing when already started."""
        if self._threads:
            return
        for number in range(self.connections):
            thread = threading.Thread(target=self._run, args=(number,), name=f"load-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stops sending and waits for the answers that are still to come."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(self.timeout + 1.0)

    def settle(self, at: float) -> None:
        """Waits until every request sent before `at` is recorded, which no request delays beyond its time-out."""
        while any(sent is not None and sent < at for sent in list(self._under_way)):
            self._stopping.wait(0.01)

    def _run(self, number: int) -> None:
        caller = Caller(self.url, self.timeout)
        interval = self.connections / self.rate
        due = time.monotonic() + number / self.rate
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            # Noted before it is sent and forgotten after it is recorded, so that `settle` misses none.
            self._under_way[number] = time.time()
            self.requests.append(caller.get())
            self._under_way[number] = None
            # After a long answer go on from now: requests that were due meanwhile are not sent in a burst.
            due = max(due + interval, time.monotonic() - interval)
        caller.close()


def between(requests: Iterable[Request], start: float, end: float) -> list[Request]:
    """The requests sent from `start` up to, not including, `end`."""
    return [request for request in requests if start <= request.at < end]


def failures(requests: Iterable[Request]) -> int:
    """How many of them failed."""
    return sum(request.failed for request in requests)


def percentile(requests: Iterable[Request], percent: float) -> float | None:
    """The latency, in seconds, that `percent` of the requests did not exceed; none without requests."""
    ordered = sorted(request.seconds for request in requests)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100.0))]
