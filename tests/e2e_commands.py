"""The commands with a running environment: what they print can be used as it is printed."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from canary_local import report
from canary_local.commands import main
from canary_local.environment import Environment


def test_the_hints_of_up_work_in_a_shell_that_knows_nothing(env: Environment) -> None:
    hints = [line for line in report.welcome(env, hello=True).splitlines() if line.startswith("  ")]
    shell = ["bash", "-euo", "pipefail", "-c", "\n".join(hints)]
    variables = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
    done = subprocess.run(
        shell, cwd=env.checkout.root, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"virtualNodeName": "hello-web-' in done.stdout
    assert f"'stateMachineArn': '{env.state_machine_arn}'" in done.stdout


def test_the_log_of_a_task_is_found_by_its_service(env: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--state-dir", str(env.state_dir), "logs"]
    assert main(command) == 0
    names = re.findall(r"^    (hello-web-[A-Za-z0-9]+)-[0-9a-f]{8}/hello-web$", capsys.readouterr().out, re.MULTILINE)
    assert names
    assert main([*command, f"{names[0]}/hello-web"]) == 0
    assert capsys.readouterr().out.startswith(f"==> {names[0]}-")
