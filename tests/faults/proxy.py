"""microburst: the proxy between the functions and the environment."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from canary_local import processes
from canary_local.interrupts import held
from canary_local.loopback import answers, free_port

from .rules import Rule

_READY_SECONDS = 60.0
_TIMEOUT_SECONDS = 10.0
# More than a deployment makes.
_CALLS = 2000


class Proxy:
    """A running microburst. Ends with the `with` block."""

    def __init__(self, upstream: str, log: Path) -> None:
        self.port = free_port(None)
        command = [sys.executable, "-m", "microburst", "--upstream", upstream, "--port", str(self.port), "--no-resign"]
        variables = {"PATH": os.environ["PATH"], "HOME": str(log.parent), "PYTHONUNBUFFERED": "1"}
        with held():
            self._process = processes.start("microburst", command, variables, log.parent, log)
        try:
            ready = lambda: answers(self.port, "/_microburst/health")
            processes.await_ready([self._process], ready, "starting microburst", _READY_SECONDS)
        except BaseException:
            self.stop()
            raise

    @property
    def endpoint(self) -> str:
        """Its URL, which the functions take for that of every AWS service."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, rules: Sequence[Rule]) -> list[int]:
        """Replaces all rules and forgets what they did; returns their ids."""
        made = self._ask("POST", "rules", list(rules))
        self._ask("DELETE", "fired")
        return [rule["id"] for rule in made]

    def lift(self) -> None:
        """Removes all rules, and keeps what they did."""
        self._ask("POST", "rules", [])

    def fired(self, rule: int | None = None) -> list[dict[str, Any]]:
        """What rules did since they were set, oldest first; of one rule if it is named."""
        return self._ask("GET", f"fired?limit={_CALLS}" + (f"&rule_id={rule}" if rule is not None else ""))

    def answered(self) -> bool:
        """Whether every call that was passed on has been answered by the environment."""
        stats = self._ask("GET", "stats")
        return stats["upstream_latency_ms"]["n"] == stats["requests"]["forwarded"]

    def stop(self) -> None:
        """Ends it. Harmless when it has ended."""
        processes.stop(self._process)

    def __enter__(self) -> Proxy:  # noqa: PYI034 (`Self` came with Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_microburst/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read())
