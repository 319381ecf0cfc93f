"""`python -m canary_infra <target>`: the make targets of the same names."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from . import create, remove
from .aws import clients, message
from .create import Target
from .errors import FAILURE, USAGE, InfraError, UsageError
from .settings import FILE, SETTINGS, resolve

INTERRUPTED = 130
_EXIT_STATUS = """exit status:
  0    done
  1    failed, or something could not be removed; the last lines say what
  2    an argument or a setting is wrong
  130  interrupted; what CloudFormation has begun goes on
"""
CHECKOUT = Path(__file__).resolve().parents[3]

CREATE: dict[str, Callable[[Target], None]] = {
    "create-vpc": create.vpc,
    "create-ecs-mesh": create.ecs_mesh,
    "create-monitoring-resources": create.monitoring,
    "create-shared-cloudformation-stack": create.shared,
    "create-sample-microservice-pipeline-stack": create.pipelines,
}
DELETE: dict[str, remove.Remove] = {
    "delete-sample-microservice-pipeline-stack": remove.microservices,
    "delete-shared-cloudformation-stack": remove.shared,
    "delete-monitoring-resources": remove.monitoring,
    "delete-ecs-mesh": remove.ecs_mesh,
    "delete-vpc": remove.vpc,
    "delete-blog-contents": remove.everything,
}
# platform.machine() -> the templates' Architecture.
_ARM = ("aarch64", "arm64")


def main(arguments: list[str] | None = None) -> int:
    """Runs one target; every foreseeable failure is a line on stderr."""
    options = _parser().parse_args(arguments)
    # A closed terminal ends the watching, as Ctrl-C does; what CloudFormation has begun it goes on with.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(options)
    except InfraError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except (BotoCoreError, ClientError) as error:
        print(f"error: {message(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "interrupted: what was begun goes on without being watched; run the target again to watch", file=sys.stderr
        )
        return INTERRUPTED
    return FAILURE


class Parser(argparse.ArgumentParser):
    """Names the wrong argument in one line; all of them are in `--help`."""

    def error(self, message: str) -> NoReturn:
        """Ends the command with `USAGE`."""
        self.exit(USAGE, f"error: {message}\n")


def _parser() -> Parser:
    parser = Parser(
        prog="make",
        usage='make target [SETTINGS="--setting VALUE ..."] [SETTINGS_FILE=FILE]',
        description="Sets up and removes the stacks of infra/. Needs AWS credentials, or AWS_ENDPOINT_URL and those "
        "of the local environment.",
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--settings", type=Path, help=f"settings file (default: {FILE} in the checkout)")
    commands = parser.add_subparsers(dest="target", required=True, metavar="target")
    described = {"set-env": "Writes the settings that the other targets read, and shows them."}
    for name, target in {**CREATE, **DELETE}.items():
        text = (target.__doc__ or "").split("\n")[0]
        described[name] = f"{'Create or update' if name in CREATE else 'Delete'}: {text}"
    for name, text in described.items():
        command = commands.add_parser(
            name,
            usage=f'make {name} [SETTINGS="--setting VALUE ..."] [SETTINGS_FILE=FILE]',
            help=text,
            description=text,
            epilog=_EXIT_STATUS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for setting in SETTINGS:
            form = f": {setting.form}" if setting.form else ""
            default = f" [{setting.default}]" if setting.default else ""
            command.add_argument(setting.flag, metavar="VALUE", help=f"{setting.help}{form}{default}")
    return parser


def _run(options: argparse.Namespace) -> int:
    machine = "arm64" if platform.machine().lower() in _ARM else "x86_64"
    path = options.settings or CHECKOUT / FILE
    if options.settings and options.target != "set-env" and not path.exists():
        raise UsageError(f"settings file `{path}` does not exist: `make set-env SETTINGS_FILE={path}` writes it")
    settings = resolve(vars(options), os.environ, path, machine)
    if options.target == "set-env":
        _write(path, settings.text())
        print(settings.text(), end="")
        print(f"written to {path}", file=sys.stderr)
        return 0
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    target = Target(settings, clients(settings.aws_region), CHECKOUT, say)
    target.introduce()
    if options.target in CREATE:
        CREATE[options.target](target)
        return 0
    leftovers = remove.Leftovers()
    DELETE[options.target](target, leftovers)
    for leftover in leftovers.found:
        print(f"not removed: {leftover}", file=sys.stderr)
    return FAILURE if leftovers.found else 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise InfraError(f"settings file `{path}` cannot be written: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
