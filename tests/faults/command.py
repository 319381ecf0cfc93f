"""The command behind `make faults`: plays the matrix, or a part of it, and says what came of it. See `--help`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

from canary_local.arguments import Parser, whole
from canary_local.checkout import Checkout
from canary_local.errors import LocalError

from .kinds import KINDS, Kind
from .lane import lane
from .matrix import Case, Part, cases, in_every
from .play import Player, Result
from .report import Figures, figures, table
from .rules import FAULTS, Call

# Each kind is recorded as often at least, so that what is not the same in all runs does not become a case.
RECORDINGS = 2
# An environment takes 200 MB.
MOST_JOBS = 8


def main(arguments: Sequence[str]) -> int:
    """Plays what was asked for; 0 if every promise was kept."""
    options = _parser().parse_args(arguments)
    try:
        with ExitStack() as stack:
            players = start(Checkout.here(), options.jobs, stack)
            results, figure = play_all(players, options.part, options.only)
    except LocalError as error:
        print(f"error: {error}" + (f"; see `{error.log}`" if error.log else ""), file=sys.stderr)
        return 1
    if options.table:
        options.table.write_text(table(results, figure, _said(options)))
    print(figure.summary())
    return 1 if figure.violations or not figure.runs else 0


def start(checkout: Checkout, jobs: int, stack: ExitStack) -> list[Player]:
    """Starts an environment for each job; they end with `stack`. Their logs stay if it ends with an error."""
    directory = Path(tempfile.mkdtemp(prefix="canary-faults-"))
    stack.push(lambda kind, *_: shutil.rmtree(directory) if kind in (None, KeyboardInterrupt) else None)
    return [Player(stack.enter_context(lane(checkout, directory / str(job)))) for job in range(1, jobs + 1)]


def play_all(players: Sequence[Player], part: Part, only: Sequence[str]) -> tuple[dict[Case, Result], Figures]:
    """Records the calls of each kind, then plays the part's cases, each player taking the next one when it is free."""
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:6.0f} s] {text}", flush=True)

    with ThreadPoolExecutor(len(players)) as pool, _ended_early(players):
        recorded = list(pool.map(_recorded, players))
        while len(recorded) < RECORDINGS:
            recorded.append(_recorded(players[0]))
        calls = {kind: in_every([recording[kind] for recording in recorded]) for kind in KINDS}
        for kind, found in calls.items():
            say(f"{kind.name}: {len(found)} calls")
        chosen = cases(calls, part, only)
        if only and not chosen:
            raise LocalError(
                f"no case of part {part} holds `{'` and `'.join(only)}`; `--help` says what their names hold"
            )
        say(f"part {part}: {len(chosen)} of {sum(map(len, calls.values())) * len(FAULTS)} cases")
        results: dict[Case, Result] = {}
        waiting, lock = iter(chosen), threading.Lock()

        def work(player: Player) -> None:
            for case in _shared(waiting, lock):
                results[case] = result = player.judge(case.kind, case.call, case.fault)
                finished = f", finished by {result.repaired}" if result.repaired else ""
                say(f"{len(results)}/{len(chosen)} {case} -> {result.final}{finished} ({result.seconds:.1f} s)")
                for violation in result.violations:
                    say(f"  VIOLATION {violation}")

        for done in as_completed([pool.submit(work, player) for player in players]):
            done.result()
    results = {case: results[case] for case in chosen}
    return results, figures(results, time.monotonic() - begun)


@contextmanager
def _ended_early(players: Sequence[Player]) -> Iterator[None]:
    """Ends the environments if the block ends early, by Ctrl-C or an error: whoever plays in one then ends too, and what that
    player's own error says is that its environment was ended."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            traceback.print_exception(error)
        for player in players:
            player.env.stop()
        raise


def _recorded(player: Player) -> dict[Kind, list[Call]]:
    return {kind: player.record(kind) for kind in KINDS}


def _shared(waiting: Iterator[Case], lock: threading.Lock) -> Iterator[Case]:
    while True:
        with lock:
            case = next(waiting, None)
        if case is None:
            return
        yield case


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="make faults",
        usage='make faults [FAULTS_OPTIONS="option ..."]',
        description="Every AWS call of a deployment, hit by every fault; see docs/faults.md.",
    )
    parser.add_argument("--jobs", type=whole(1, MOST_JOBS), default=2, metavar="N",
                        help=f"environments to play in side by side, to {MOST_JOBS} (default: 2)")  # fmt: skip
    parser.add_argument("--part", type=_part, default=Part(), metavar="K/N", help="one of N parts (default: all)")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="WORD",
        help="cases whose names hold each of the words, as in `first | deploy-stack cloudformation:CreateStack #1 | lost`: "
        f"the deployment ({', '.join(kind.name for kind in KINDS)}), the call, and the fault "
        f"({', '.join(fault.name for fault in FAULTS)})",
    )  # fmt: skip
    parser.add_argument("--table", type=_writable, metavar="FILE",
                        help="write the table of calls, faults and endings there")  # fmt: skip
    return parser


def _writable(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"`{text}` is not a file in a directory that exists")
    return path


def _part(text: str) -> Part:
    try:
        return Part.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _said(options: argparse.Namespace) -> str:
    """The command that plays this again."""
    said = [f"--jobs {options.jobs}"] + ([f"--part {options.part}"] if options.part.of > 1 else [])
    said += [f"--only {' '.join(options.only)}"] if options.only else []
    return f'make faults FAULTS_OPTIONS="{" ".join(said)}"'
