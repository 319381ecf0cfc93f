"""A few callers of all services: each request is to be answered, and by a version of the service that was asked."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from deployments import Threads

from .mix import Service

CONNECTIONS = 4
_TIMEOUT_SECONDS = 20.0
_KEPT = 20


class Callers(Threads):
    """Calls one service after the other, `rate` times a second in all, until the block ends."""

    def __init__(self, gateway: str, services: Sequence[Service], rate: float) -> None:
        super().__init__(CONNECTIONS)
        self.answered: Counter[str] = Counter()
        """Requests answered with 200, by version."""
        self.failed = 0
        self.crossed = 0
        self.examples: list[str] = []
        self._gateway = urlsplit(gateway)
        self._due = itertools.count()
        self._turns = itertools.cycle(services)
        self._rate, self._begun = rate, time.monotonic()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CONNECTIONS)]

    def __enter__(self) -> Callers:  # noqa: PYI034 (`Self` came with Python 3.11)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(
            self._gateway.hostname or "", self._gateway.port, timeout=_TIMEOUT_SECONDS
        )
        while True:
            with self._lock:
                number, service = next(self._due), next(self._turns)
            # A caller that comes late sends at once, so the rate is kept as long as the machine can.
            if self._ended.wait(max(0.0, self._begun + number / self._rate - time.monotonic())):
                break
            self._call(connection, service)
        connection.close()

    def _call(self, connection: http.client.HTTPConnection, service: Service) -> None:
        try:
            connection.request("GET", f"/{service.name}/data")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                self._note(f"{service.name} answered {answer.status}: {body[:200]!r}", failed=1)
                return
            version = json.loads(body)["version"]
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            self._note(f"{service.name} gave no answer: {type(error).__name__}: {error}", failed=1)
            return
        if version not in (service.stable, service.candidate):
            self._note(f"{service.name} was answered by {version}", crossed=1)
        with self._lock:
            self.answered[version] += 1

    def _note(self, what: str, failed: int = 0, crossed: int = 0) -> None:
        with self._lock:
            self.failed += failed
            self.crossed += crossed
            self.examples = [*self.examples, what][:_KEPT]
