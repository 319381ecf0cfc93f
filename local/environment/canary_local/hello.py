"""The hello sample's first deployments, through the state machine like every later one."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from typing import Any

from .checkout import HELLO, Checkout
from .environment import Environment, Progress, silent
from .errors import LocalError
from .executions import Event
from .printed import plain

SHA = "1111111"
# A first deployment has no other version to be compared with; one short look is enough before the prompt returns.
WAIT_SECONDS = 3
# They take about 20 s on a quiet machine.
LIMIT_SECONDS = 300.0


def event(checkout: Checkout, service: str, sha: str = SHA) -> dict[str, Any]:
    """The deploy request that a build of the service would make: its deploy.json and what the build adds."""
    specfiles = checkout.root / "samples" / "hello" / service / "specfiles"
    manifest = specfiles / "manifest.yaml"
    template = ("--manifest", manifest) if manifest.is_file() else ("--template", specfiles / "canary-helper.yaml")
    command = [checkout.canary, "render", *template, "--deploy", specfiles / "deploy.json"]
    command += ["--sha", sha, "--image", f"{service}:{sha}", "--output", "-"]
    # Without the variables of this process, which could be a build's own.
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"`canary render` of {service} failed: {done.stderr.strip()}")
    return {**json.loads(done.stdout), "WaitTime": WAIT_SECONDS}


def deploy_first(environment: Environment, progress: Progress = silent) -> None:
    """Deploys version `SHA` of both services side by side; a `LocalError` if one of them does not succeed."""
    arns = {service: environment.deploy(event(environment.checkout, service)) for service in HELLO}
    # Looked at in turn and without threads, whose end an interruption would have to wait for.
    looks = {service: environment.looks(arn) for service, arn in arns.items()}
    told = {service: Told(service, progress) for service in HELLO}
    deadline = time.monotonic() + LIMIT_SECONDS
    while looks:
        for service in list(looks):
            if told[service].ended(next(looks[service])):
                del looks[service]
        if time.monotonic() > deadline:
            reasons = "; ".join(told[service].failure for service in looks)
            raise LocalError(
                f"the first deployment of {' and '.join(looks)} takes more than {LIMIT_SECONDS:.0f} s: {reasons}"
            )


class Told:
    """Tells how a first deployment goes, state by state and failure by failure, each once."""

    def __init__(self, service: str, progress: Progress) -> None:
        self._service = service
        self._progress = progress
        self._lines: set[str] = set()
        self.failure = "no reason was given"

    def ended(self, steps: list[Event]) -> bool:
        """Takes new steps in; whether they are the last ones. A `LocalError` if it did not succeed, or never will."""
        for step in steps:
            if step.error:
                self.failure = f"{step.error}: {step.cause}"
            # A Choice is left at once, and is named as a question.
            if step.kind == "entered" and not step.state.endswith("?"):
                self._say(step.state)
            if step.kind == "failed":
                self._say(f"attempt failed: {self.failure}")
            if os.strerror(errno.ENOSPC) in step.cause:
                raise LocalError(f"the first deployment of {self._service} finds the disk full: {self.failure}")
            if step.kind == "ended" and step.status != "SUCCEEDED":
                raise LocalError(
                    f"the first deployment of {self._service} ended in `{step.state}` ({step.status}): {self.failure}"
                )
        return bool(steps) and steps[-1].kind == "ended"

    def _say(self, line: str) -> None:
        if line not in self._lines:
            self._lines.add(line)
            self._progress(f"{self._service}: {plain(line)}")
