"""The commands up, down, status, env, deploy, repair, call and logs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from . import calls, hello, logs, report, stacks, state
from .arguments import Parser, file, host, seconds, url, whole
from .checkout import STATE_DIR_VARIABLE, Checkout
from .environment import DEFAULT_PORT, STACK_SECONDS, Environment, end, ended_is_said
from .executions import read_event
from .failures import FAILURE, said
from .loopback import port_is_free
from .metrics import PERIODS, Metrics
from .phases import Phases, timed

_EXIT_STATUS = """exit status:
  0    done; of deploy and repair: the execution succeeded; of call: every request was answered with 200
  1    failed; the line on stderr says what
  2    an argument is wrong
  130  interrupted by Ctrl-C, a closed terminal or kill; what it had started has ended
"""
# What `make` takes; the Makefile hands it on.
_VARIABLES = {
    "up": '[UP_OPTIONS="option ..."]',
    "deploy": "EVENT=FILE",
    "repair": "SERVICE=NAME [ENVIRONMENT=NAME]",
    "call": "URL=http://host:port/path [COUNT=N] [HEADER=NAME] [HOST_HEADER=NAME] [ALLOW_FAILED=1]",
    "logs": "[NAME=PART]",
}


def main(arguments: list[str]) -> int:
    """Runs one command; every foreseeable failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    return said(lambda: options.run(options))


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="make",
        usage="make command [NAME=value ...]",
        description="The one-machine environment.",
        epilog=_EXIT_STATUS,
        formatter_class=form,
    )
    parser.add_argument(
        "--state-dir", type=Path, help="where its state is kept (default: CANARY_STATE_DIR, or .local in the checkout)"
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, text in (
        ("up", _up, "start the environment, deploy hello and return"),
        ("down", _down, "end it"),
        ("status", _status, "say what runs"),
        ("env", _env, "print the variables that AWS clients need, for a shell to read"),
        ("deploy", _deploy, "start a deployment and follow it"),
        ("repair", _repair, "take back or finish what a deployment left that was ended before its end"),
        ("call", _call, "make requests and say who answered them"),
        ("logs", _logs, "show the end of the logs"),
    ):
        usage = f"make {name} {_VARIABLES.get(name, '')}".rstrip()
        command = commands.add_parser(
            name, usage=usage, help=text, description=text.capitalize() + ".", epilog=_EXIT_STATUS, formatter_class=form
        )
        command.set_defaults(run=run)
        _ARGUMENTS.get(name, lambda _: None)(command)
    return parser


def _up_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--images", type=file, action="append", default=[], metavar="FILE",
                         help="an image map of your own; repeatable, the later one wins")  # fmt: skip
    command.add_argument(
        "--port", type=whole(1024, 65_535, "port"), help=f"of the AWS endpoint (default: {DEFAULT_PORT} if it is free)"
    )
    command.add_argument("--stack-seconds", type=seconds, default=STACK_SECONDS, metavar="SECONDS",
                         help="the least that CloudFormation takes to create or update an ECS service, and twice what it takes "
                         "to delete one; minutes on AWS (default: %(default)s)")  # fmt: skip
    command.add_argument("--metric-period", type=int, choices=PERIODS, default=Metrics.period,
                         help="seconds between two scrapes of Envoy's counters; 60 on AWS (default: %(default)s)")  # fmt: skip
    command.add_argument("--metric-delay", type=whole(0, 600, "number of seconds"), default=Metrics.delay,
                         metavar="SECONDS", help="from a scrape until CloudWatch has it; up to 120 on AWS (default: %(default)s)")  # fmt: skip
    command.add_argument("--no-hello", action="store_true", help="do not deploy the hello services")
    command.add_argument("--bare", action="store_true", help="do not deploy anything, not even the functions")


def _deploy_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--event", type=file, required=True, metavar="FILE", help="the deploy request (JSON)")


def _repair_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("service", metavar="SERVICE", help="the MicroserviceName")
    command.add_argument("--environment", default=stacks.HELLO_STACK, help="the EnvironmentName (default: %(default)s)")


def _call_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("url", type=url, metavar="URL", help="http://host:port/path")
    command.add_argument(
        "--count",
        type=whole(1, 1_000_000, "number of requests"),
        default=100,
        help="how many requests (default: %(default)s)",
    )
    command.add_argument("--header", default="", metavar="NAME", help="header of the answers whose values are counted")
    command.add_argument("--host-header", type=host, metavar="NAME", help="Host to ask for, in the place of the URL's")
    command.add_argument("--allow-failed", action="store_true", help="exit status 0 even if requests fail")


def _logs_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "name",
        nargs="?",
        default="",
        help="a log's or a task's, or a part of it (default: those of the environment itself)",
    )
    command.add_argument(
        "--lines", type=whole(1, 1_000_000), default=50, help="how many of each (default: %(default)s)"
    )


_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "up": _up_arguments,
    "deploy": _deploy_arguments,
    "repair": _repair_arguments,
    "call": _call_arguments,
    "logs": _logs_arguments,
}


def _up(options: argparse.Namespace) -> int:
    # One that is kept beside the user's own leaves the usual port to that.
    beside = options.state_dir or os.environ.get(STATE_DIR_VARIABLE)
    port = options.port or (DEFAULT_PORT if not beside and port_is_free(DEFAULT_PORT) else None)
    with Phases(timed(lambda text: print(text, flush=True))) as progress:
        environment = Environment.start(
            images=options.images,
            state_dir=options.state_dir,
            port=port,
            stack_seconds=options.stack_seconds,
            stacks=not options.bare,
            metrics=Metrics(options.metric_period, options.metric_delay),
            progress=progress,
        )
        with environment.ended_on_failure():
            if not options.bare and not options.no_hello:
                progress("deploying hello-web and hello-backend through the state machine")
                hello.deploy_first(environment, progress)
            welcome = (
                report.welcome_bare(environment) if options.bare else report.welcome(environment, not options.no_hello)
            )
            environment.keep()
    print(welcome)
    return 0


def _down(options: argparse.Namespace) -> int:
    main_directory = _state_dir(options)
    running = {directory: state.load(directory) for directory in state.directories(main_directory)}
    for directory, environment in running.items():
        if environment:
            end(directory, environment)
            place = "" if directory == main_directory else f" in `{directory}`"
            print(f"the environment{place} has ended")
    if not running:
        print("nothing is running")
    return 0


def _status(options: argparse.Namespace) -> int:
    main_directory = _state_dir(options)
    running = state.load(main_directory)
    others = [directory for directory in state.directories(main_directory) if directory != main_directory]
    for directory in others:
        print(f"another environment runs in `{directory}`: `make down` ends it")
    if running is None:
        print("nothing is running: `make up` starts the environment")
        return 0
    for process in running.processes:
        print(f"{process.name:<10} {'running' if process.alive() else 'ended':<8} pid {process.pid:<8} {process.log}")
    with _attached(options) as environment:
        print(report.status(environment))
    return 0


def _env(options: argparse.Namespace) -> int:
    with _attached(options) as environment:
        print(report.variables(environment))
    return 0


def _deploy(options: argparse.Namespace) -> int:
    event = read_event(options.event, Checkout.here().canary_template)
    with _attached(options) as environment:
        return _follow(environment, environment.deploy(event), str(event.get("MicroserviceName")))


def _repair(options: argparse.Namespace) -> int:
    with _attached(options) as environment:
        return _follow(environment, environment.repair(options.environment, options.service), options.service)


@contextmanager
def _attached(options: argparse.Namespace) -> Iterator[Environment]:
    environment = Environment.attach(state_dir=options.state_dir)
    with ended_is_said(environment.state_dir):
        yield environment


def _follow(environment: Environment, arn: str, service: str) -> int:
    print(arn, flush=True)
    status = ""
    narrator = report.Narrator()
    problems = report.Problems()
    try:
        for steps in environment.looks(arn):
            lines = [line for step in steps for line in narrator.lines(step)]
            for line in lines + problems.lines(environment.problems()):
                print(line, flush=True)
            status = steps[-1].status if steps else status
    except KeyboardInterrupt:
        print(report.goes_on(arn, service), file=sys.stderr)
        raise
    return 0 if status == "SUCCEEDED" else FAILURE


def _call(options: argparse.Namespace) -> int:
    target = calls.Target(options.url, options.header, options.host_header or "")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(options.url, total=options.count)
        requests = calls.call(target, options.count, lambda: shown.advance(task))
    print("\n".join(calls.summary(requests, options.header)))
    failed = any(request.failed for request in requests)
    return FAILURE if failed and not options.allow_failed else 0


def _logs(options: argparse.Namespace) -> int:
    directory = _state_dir(options)
    if options.name:
        print(logs.shown(logs.named(directory, options.name), options.lines))
    else:
        print(logs.overview(directory, options.lines))
    return 0


def _state_dir(options: argparse.Namespace) -> Path:
    return (options.state_dir or Checkout.here().state_dir).resolve()
