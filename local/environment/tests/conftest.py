"""Paths, and one ministack with the plugin in front of a stub engine for the tests that need it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE))

from plugin_local import STACK_SECONDS, Local
from stub_engine import StubEngine

from canary_local import processes
from canary_local.aws import Clients
from canary_local.loopback import answers, free_port


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    directory = tmp_path_factory.mktemp("plugin")
    stub = StubEngine(directory)
    port = free_port(None)
    endpoint = f"http://127.0.0.1:{port}"
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PACKAGE),
        "TMPDIR": str(directory),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": "us-west-2",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_ENDPOINT_URL": endpoint,
        "CANARY_LOCAL_DATAPLANE": stub.url,
        "CANARY_LOCAL_STACK_SECONDS": str(STACK_SECONDS),
        "CANARY_LOCAL_AWS_CALLS": str(directory / "aws-calls.jsonl"),
    }
    log = directory / "ministack.log"
    command = [sys.executable, "-m", "canary_local.ministack"]
    process = processes.start("ministack", command, variables, directory, log)
    try:
        processes.await_ready([process], lambda: answers(port, "/_ministack/ready"), "starting", 60)
        yield Local(Clients(endpoint), stub, endpoint, log, directory / "aws-calls.jsonl")
    finally:
        processes.stop(process)
        stub.close()
