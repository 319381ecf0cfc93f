"""Requests that are observed: each one's answer, the version that gave it, and what came of many of them."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

VERSION_HEADER = "x-backend-version"
CONNECTIONS = 4
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """One request: when it was sent, what came back (status none: no answer at all) and how long that took."""

    at: float
    status: int | None
    version: str | None
    seconds: float
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Anything but a 200 is a failure to the caller."""
        return self.status != 200


class Caller:
    """One keep-alive connection; opened again after an error. `observed` is the answer's header that names a version."""

    def __init__(
        self,
        url: str,
        timeout: float = TIMEOUT_SECONDS,
        observed: str = VERSION_HEADER,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        self._observed, self._headers = observed, dict(headers or {})

    def get(self) -> Request:
        """Makes a request and waits for its answer."""
        at, begun = time.time(), time.monotonic()
        try:
            self._connection.request("GET", self._path, headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Request(at, None, None, time.monotonic() - begun, f"{type(error).__name__}: {error}")
        return Request(at, answer.status, answer.headers.get(self._observed), time.monotonic() - begun)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


@dataclass(frozen=True)
class Target:
    """What is called: a URL, the header that is looked at, and the Host that is asked for in the URL's place."""

    url: str
    observed: str = ""
    host: str = ""

    def caller(self) -> Caller:
        """A connection of its own to it."""
        return Caller(self.url, observed=self.observed, headers={"Host": self.host} if self.host else {})


def call(target: Target, count: int, answered: Callable[[], object]) -> list[Request]:
    """Makes `count` requests, one after the other on each of a few connections. `answered` is called after each one."""
    lock, left, made = threading.Lock(), iter(range(count)), list[Request]()

    def run() -> None:
        caller = target.caller()
        while True:
            with lock:
                if next(left, None) is None:
                    break
            request = caller.get()
            with lock:
                made.append(request)
                answered()
        caller.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(min(CONNECTIONS, count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def summary(requests: Sequence[Request], observed: str) -> list[str]:
    """How many were answered with 200, what the others got, and how many each value of the header gave."""
    failed = Counter(_failure(request) for request in requests if request.failed)
    lines = [f"{len(requests)} requests: {len(requests) - failed.total()} answered, {failed.total()} failed"]
    lines += [f"failed with {what}: {count}" for what, count in sorted(failed.items())]
    if observed:
        values = Counter(request.version or "absent" for request in requests if request.status is not None)
        lines += [f"{observed} {value}: {_of(count, len(requests))}" for value, count in sorted(values.items())]
    return lines


def _failure(request: Request) -> str:
    return request.error or f"status {request.status}"


def _of(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.0f} %)"
