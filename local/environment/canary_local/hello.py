"""The hello sample's first deployments, through the state machine like every later one."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from . import executions
from .checkout import HELLO, Checkout
from .environment import Environment, Progress, silent
from .errors import LocalError
from .executions import Event

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
    looks = {service: executions.looks(environment.client, arn) for service, arn in arns.items()}
    told: dict[str, list[Event]] = {service: [] for service in HELLO}
    deadline = time.monotonic() + LIMIT_SECONDS
    while looks:
        for service in list(looks):
            for step in next(looks[service]):
                if step.kind == "entered" and step.state not in [other.state for other in told[service]]:
                    progress(f"{service}: {step.state}")
                told[service].append(step)
            if told[service] and told[service][-1].kind == "ended":
                _check_success(service, told[service])
                del looks[service]
        if time.monotonic() > deadline:
            raise LocalError(f"the first deployment of {' and '.join(looks)} takes more than {LIMIT_SECONDS:.0f} s")


def _check_success(service: str, steps: list[Event]) -> None:
    last = steps[-1]
    if last.status != "SUCCEEDED":
        reasons = [f"{step.error}: {step.cause}" for step in steps if step.error] or ["no reason was given"]
        raise LocalError(f"the first deployment of {service} ended in `{last.state}` ({last.status}): {reasons[-1]}")
