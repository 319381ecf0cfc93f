"""microburst between the functions and AWS: throttles some of their calls, and counts all of them."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections import Counter
from pathlib import Path

from canary_local import processes
from canary_local.interrupts import held
from canary_local.loopback import answers, free_port, get

_READY_SECONDS = 60.0
# Service, operation and what was done to the call.
_LINE = re.compile(r'^microburst_faults_total\{service="(.*)",operation="(.*)",action="(.*)"\} (\d+)$', re.MULTILINE)
# As the services document it in their lists of common errors.
_THROTTLES = {
    "appmesh": {"code": "TooManyRequestsException", "status": 429},
    "cloudformation": {"code": "Throttling", "status": 400},
}
_USUAL = {"code": "ThrottlingException", "status": 400}
_SERVICES = ("appmesh", "cloudformation", "cloudwatch", "dynamodb", "ssm", "states")

Calls = Counter[tuple[str, str]]
"""How many, by service and operation."""


class Proxy:
    """A running microburst. Ends with the `with` block."""

    def __init__(self, upstream: str, log: Path) -> None:
        self.port = free_port(None)
        command = [sys.executable, "-m", "microburst", "--upstream", upstream, "--port", str(self.port), "--no-resign"]
        variables = {"PATH": os.environ["PATH"], "HOME": str(log.parent), "PYTHONUNBUFFERED": "1"}
        with held():
            self._process = processes.start("microburst", command, variables, log.parent, log)
        try:
            processes.await_ready(
                [self._process], lambda: answers(self.port, "/_microburst/health"), "starting", _READY_SECONDS
            )
        except BaseException:
            self.stop()
            raise

    @property
    def endpoint(self) -> str:
        """Its URL, which the functions take for that of every AWS service."""
        return f"http://127.0.0.1:{self.port}"

    def throttle(self, percent: float) -> None:
        """Throttles that share of each service's calls from now on; the others pass and are counted."""
        rules = [
            {"service": service, "probability": percent / 100, "error": _THROTTLES.get(service, _USUAL)}
            for service in _SERVICES
        ]
        # A rule without an effect counts by operation what it lets pass.
        body = json.dumps([*rules, {"service": "*"}]).encode()
        request = urllib.request.Request(f"{self.endpoint}/_microburst/rules", body, method="POST")
        with urllib.request.urlopen(request, timeout=_READY_SECONDS):
            pass

    def calls(self) -> tuple[Calls, Calls]:
        """All calls since the start, and those of them that were throttled."""
        _, body = get(self.port, "/_microburst/metrics")
        every, throttled = Counter(), Counter()
        for service, operation, action, number in _LINE.findall(body.decode()):
            every[service, operation] += int(number)
            throttled[service, operation] += int(number) if action.startswith("error") else 0
        return every, throttled

    def stop(self) -> None:
        """Ends it. Harmless when it has ended."""
        processes.stop(self._process)

    def __enter__(self) -> Proxy:  # noqa: PYI034 (`Self` came with Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
