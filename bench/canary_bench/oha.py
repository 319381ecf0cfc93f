"""oha, a load generator in Rust: https://github.com/hatoo/oha. `make bench` installs it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from canary_bench.document import ROOT
from canary_bench.errors import BenchError

VERSION = "1.16.0"
# Without TLS, which nothing here speaks.
INSTALL = ["cargo", "install", "--quiet", "--locked", "--no-default-features", f"oha@{VERSION}", "--root"]
CONNECTIONS = 32
SECONDS = 10


@dataclass(frozen=True)
class Load:
    """What it measured; times in seconds."""

    per_second: float
    p50: float
    p99: float
    failed: int


def run(url: str) -> Load:
    """As many requests as are answered, on keep-alive connections, one after the other on each."""
    command = [
        str(installed()),
        "--no-tui",
        "--output-format",
        "json",
        "-c",
        f"{CONNECTIONS}",
        "-z",
        f"{SECONDS}s",
        url,
    ]
    done = subprocess.run(command, env=without_proxies(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"`oha` failed: {done.stderr.strip()}")
    return read(json.loads(done.stdout))


def read(report: dict) -> Load:
    """Its report. What was cut off when the time was over is no failure."""
    failed = sum(count for error, count in report["errorDistribution"].items() if error != "aborted due to deadline")
    failed += sum(count for status, count in report["statusCodeDistribution"].items() if status != "200")
    times = report["latencyPercentiles"]
    return Load(report["summary"]["requestsPerSec"], times["p50"], times["p99"], failed)


def installed() -> Path:
    """The program; it is built if this version of it is not there."""
    root = ROOT / "target" / "tools" / f"oha-{VERSION}"
    program = root / "bin" / "oha"
    if not program.exists():
        # Link-time optimization would take minutes more.
        fast = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
        done = subprocess.run([*INSTALL, str(root)], env={**os.environ, **fast}, check=False)
        if done.returncode:
            raise BenchError(f"`{' '.join([*INSTALL, str(root)])}` failed; the lines above say why")
    return program


def without_proxies() -> dict[str, str]:
    """This process's variables but for the proxies, which are meant for other machines."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
