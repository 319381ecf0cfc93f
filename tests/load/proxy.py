"""microburst between the functions and AWS: throttles some of their calls, and counts all of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from faults.proxy import Proxy
from faults.rules import FAULTS

from canary_local.loopback import get

# Service, operation and what was done to the call.
_LINE = re.compile(r'^microburst_faults_total\{service="(.*)",operation="(.*)",action="(.*)"\} (\d+)$', re.MULTILINE)
# What functions call, by microburst's names: a request that is signed for `states` is one of `stepfunctions`.
CALLED = (
    "appmesh", "cloudformation", "cloudwatch", "dynamodb", "ecs", "servicediscovery", "ssm", "stepfunctions",
)  # fmt: skip
_THROTTLED = replace(next(fault for fault in FAULTS if fault.name == "throttled"), times=None)

Calls = Counter[tuple[str, str]]
"""How many, by service and operation."""


class Throttles(Proxy):
    """The proxy of the fault matrix, for faults by chance."""

    def throttle(self, percent: float) -> None:
        """Throttles that share of each service's calls from now on; the others pass and are counted."""
        rules = [{"service": service, "probability": percent / 100, **_THROTTLED.rule(service)} for service in CALLED]
        # A rule without an effect counts by operation what it lets pass.
        self.set([*rules, {"service": "*"}])

    def calls(self) -> tuple[Calls, Calls]:
        """All calls since the start, and those of them that were throttled."""
        _, body = get(self.port, "/_microburst/metrics")
        every, throttled = Counter(), Counter()
        for service, operation, action, number in _LINE.findall(body.decode()):
            every[service, operation] += int(number)
            throttled[service, operation] += int(number) if action.startswith("error") else 0
        return every, throttled
