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

from botocore.exceptions import BotoCoreError, ClientError

from . import create, remove
from .aws import clients, message
from .create import Target
from .errors import InfraError
from .settings import FILE, SETTINGS, resolve

FAILURE, INTERRUPTED = 1, 130
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
    except (BotoCoreError, ClientError) as error:
        print(f"error: {message(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "interrupted: what was begun goes on without being watched; run the target again to watch", file=sys.stderr
        )
        return INTERRUPTED
    return FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="canary_infra",
        description="Sets up and removes the stacks of infra/. Needs AWS credentials, or AWS_ENDPOINT_URL and those "
        "of the local environment.",
    )
    parser.add_argument("--settings", type=Path, default=CHECKOUT / FILE, help="settings file (default: %(default)s)")
    commands = parser.add_subparsers(dest="target", required=True, metavar="target")
    set_env = commands.add_parser("set-env", help="write the settings that the other targets read, and show them")
    _add(set_env, "the settings that the other targets read")
    for name, target in {**CREATE, **DELETE}.items():
        text = (target.__doc__ or "").split("\n")[0].rstrip(".")
        verb = "create or update" if name in CREATE else "delete"
        _add(commands.add_parser(name, help=f"{verb}: {text}"), text)
    return parser


def _add(command: argparse.ArgumentParser, description: str) -> None:
    command.description = description
    for setting in SETTINGS:
        allowed = f" ({', '.join(setting.allowed)})" if setting.allowed else ""
        default = f" [{setting.default}]" if setting.default else ""
        command.add_argument(setting.flag, metavar="VALUE", help=f"{setting.help}{allowed}{default}")


def _run(options: argparse.Namespace) -> int:
    machine = "arm64" if platform.machine().lower() in _ARM else "x86_64"
    settings = resolve(vars(options), os.environ, options.settings, machine)
    if options.target == "set-env":
        _write(options.settings, settings.text())
        print(settings.text(), end="")
        print(f"written to {options.settings}", file=sys.stderr)
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
