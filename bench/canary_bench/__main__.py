"""The command line of `make bench`."""

from __future__ import annotations

import argparse
import sys
import time

from canary_bench import document, machine
from canary_bench.errors import BenchError
from canary_bench.parts import PARTS
from canary_bench.progress import say
from canary_local.arguments import Parser, whole


def main(arguments: list[str]) -> int:
    """Measures what is asked for, a part after the other; each is written as soon as it is there."""
    options = parser().parse_args(arguments)
    try:
        for name in options.parts or PARTS:
            measured = PARTS[name]
            say(f"{name}: {measured.WHAT}")
            started = time.monotonic()
            table = measured.measure(options)
            print(f"\n{table}\n", flush=True)
            if options.write:
                document.replace(name, f"{table}\n\n{machine.described()}")
                say(f"{name}: written to {document.PATH.relative_to(document.ROOT)}")
            say(f"{name}: took {time.monotonic() - started:.0f} s")
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> Parser:
    """What can be asked for."""
    width = max(map(len, PARTS))
    parts = "\n".join(f"  {name:{width}}  {each.WHAT}" for name, each in PARTS.items())
    made = Parser(
        prog="make bench",
        usage='make bench [BENCH_OPTIONS="[part ...] [options]"]',
        description="Measures, prints tables and writes them into docs/measurements.md.",
        epilog=f"parts:\n{parts}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("parts", nargs="*", type=part, metavar="part", help="which to measure (default: all)")
    made.add_argument("--rounds", type=whole(1, 1000), default=9, help="how often each thing is measured (default: 9)")
    made.add_argument("--no-write", dest="write", action="store_false", help="print the tables only")
    for each in PARTS.values():
        each.add_options(made)
    return made


def part(name: str) -> str:
    """The name of a part."""
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"`{name}` is none of {', '.join(PARTS)}")
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
