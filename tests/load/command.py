"""The command `load`: many services deployed at once through one shared stack. See `--help`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from canary_local import processes
from canary_local.arguments import Parser, whole
from canary_local.checkout import Checkout
from canary_local.errors import LocalError

from . import judge, mix, report
from .play import Options, Played, Requests, Say, play
from .stage import CONCURRENCY, stage

FAILURE = 1
_LOG_LINES = 15
_LARGEST = 240
"""Each service has two tasks at a time, and an environment has addresses for 508."""
_SHOWN = 20


def main(arguments: Sequence[str]) -> int:
    """Plays the load; 0 if every deployment ended as promised and nothing crossed over."""
    options = _parser().parse_args(arguments)
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {text}", flush=True)

    checkout = Checkout.here()
    services = mix.services(options.services)
    options.out.mkdir(parents=True, exist_ok=True)
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    try:
        played = run(checkout, checkout.state_dir / "load", services, options, say)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        for line in processes.last_lines(error.log, _LOG_LINES) if error.log else []:
            print(f"    {line}", file=sys.stderr)
        return FAILURE
    print("\n" + "\n".join(report.lines(played, services)) + "\n")
    facts = {"started": started, "cores": os.cpu_count(), "options": vars(options) | {"out": str(options.out)}}
    document = facts | report.document(played, services)
    (options.out / "report.json").write_text(json.dumps(document, indent=2) + "\n")
    return _verdict(played)


def run(
    checkout: Checkout, directory: Path, services: Sequence[mix.Service], options: argparse.Namespace, say: Say
) -> Played:
    """Plays the load in an environment of its own, and looks at everything afterwards."""
    with stage(checkout, directory, options.concurrency, options.poll, say) as on:
        requests = Requests(options.wait, mix.template(checkout.canary_template))
        rate = options.rate or sum(service.kind.called for service in services)
        played = play(on, services, requests, Options(rate, options.throttle), say)
        say("looking at every service")
        found = judge.services(on.env, services)
    for part in (judge.endings(played.phase), found):
        for name, problems in part.items():
            played.problems.setdefault(name, []).extend(problems)
    return played


def _verdict(played: Played) -> int:
    callers = played.callers
    for name, problems in list(played.problems.items())[:_SHOWN]:
        print(f"WRONG {name}: {'; '.join(problems)}")
    for example in callers.examples:
        print(f"WRONG request: {example}")
    right = not played.problems and not callers.failed and not callers.crossed
    wrong = (
        f"not as promised: {len(played.problems)} services or resources, {callers.failed + callers.crossed} requests"
    )
    print("every deployment ended as promised, and nothing crossed over" if right else wrong)
    return 0 if right else FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="make load",
        usage='make load [LOAD_OPTIONS="option ..."]',
        description="Deploys many services at once through one shared stack, while callers call them and AWS throttles.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--services", type=whole(1, _LARGEST), default=200, metavar="N", help=f"how many, up to {_LARGEST}")
    add("--wait", type=whole(1, 600), default=20, metavar="SECONDS", help="WaitTime of every deployment")
    add("--poll", type=whole(2, 300), default=10, metavar="SECONDS", help="PollSeconds of the shared stack")
    add(
        "--rate",
        type=whole(0, 10_000),
        default=0,
        metavar="N",
        help="requests a second; 0: one for each called service",
    )
    add(
        "--throttle",
        type=whole(0, 50),
        default=5,
        metavar="PERCENT",
        help="of the functions' calls of AWS that is throttled",
    )
    add("--concurrency", type=whole(1, 1000), default=CONCURRENCY, metavar="N",
        help="functions that Lambda runs at a time")  # fmt: skip
    add("--out", type=Path, default=Path("target/load"), metavar="DIR", help="directory of report.json")
    return parser
