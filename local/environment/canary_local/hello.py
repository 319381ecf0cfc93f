"""The hello sample's first deployments, through the state machine like every later one."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .checkout import HELLO, Checkout
from .environment import Environment
from .errors import LocalError

SHA = "1111111"
# A first deployment has no other version to be compared with; one short look is enough before the prompt returns.
WAIT_SECONDS = 3


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


def deploy_first(environment: Environment) -> None:
    """Deploys version `SHA` of both services side by side; a `LocalError` if one of them does not succeed."""
    with ThreadPoolExecutor(max_workers=len(HELLO)) as pool:
        for _ in pool.map(lambda service: _deploy(environment, service), HELLO):
            pass


def _deploy(environment: Environment, service: str) -> None:
    failure = "no reason was given"
    for step in environment.follow(environment.deploy(event(environment.checkout, service))):
        if step.error:
            failure = f"{step.error}: {step.cause}"
        if step.kind == "ended" and step.status != "SUCCEEDED":
            raise LocalError(f"the first deployment of {service} ended in `{step.state}` ({step.status}): {failure}")
