"""`python -m canary_local`: up, down, status, deploy and logs."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import hello, processes, report, state
from .checkout import Checkout
from .environment import DEFAULT_PORT, STACK_SECONDS, Environment, end
from .errors import LocalError
from .executions import read_event
from .loopback import port_is_free

FAILURE, NOT_RUNNING, INTERRUPTED = 1, 3, 130
_LOG_LINES = 15


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; every foreseeable failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    # `make down` or a closed terminal while `up` works must tear down like Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return options.run(options)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        for line in processes.last_lines(error.log, _LOG_LINES) if error.log else []:
            print(f"    {line}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="canary_local", description="The one-machine environment.")
    parser.add_argument("--state-dir", type=Path, help="where its state is kept (default: .local in the checkout)")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, text in (
        ("up", _up, "start the environment, deploy hello and return"),
        ("down", _down, "end it"),
        ("status", _status, "say what runs"),
        ("deploy", _deploy, "start a deployment and follow it"),
        ("logs", _logs, "show the end of the logs"),
    ):
        command = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        command.set_defaults(run=run)
        _ARGUMENTS.get(name, lambda _: None)(command)
    return parser


def _up_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--images", type=Path, action="append", default=[], metavar="FILE",
                         help="an image map of your own; repeatable, the later one wins")  # fmt: skip
    command.add_argument("--port", type=_port, help=f"of the AWS endpoint (default: {DEFAULT_PORT} if it is free)")
    command.add_argument("--stack-seconds", type=_seconds, default=STACK_SECONDS, metavar="SECONDS",
                         help="least time that creating an ECS service takes (default: %(default)s)")  # fmt: skip
    command.add_argument("--no-hello", action="store_true", help="do not deploy the hello services")


def _deploy_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--event", type=Path, required=True, metavar="FILE", help="the deploy request (JSON)")


def _logs_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", nargs="?", help="of one log (default: those of the environment itself)")
    command.add_argument("--lines", type=int, default=50, help="how many of each (default: %(default)s)")


_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "up": _up_arguments,
    "deploy": _deploy_arguments,
    "logs": _logs_arguments,
}


def _port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"`{text}` is not a port between 1024 and 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 600:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of seconds between 0 and 600")
    return value


def _up(options: argparse.Namespace) -> int:
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    port = options.port or (DEFAULT_PORT if port_is_free(DEFAULT_PORT) else None)
    environment = Environment.start(
        images=options.images,
        state_dir=options.state_dir,
        port=port,
        stack_seconds=options.stack_seconds,
        progress=progress,
    )
    try:
        if not options.no_hello:
            progress("deploying hello-web and hello-backend through the state machine")
            hello.deploy_first(environment)
        print(report.welcome(environment, hello=not options.no_hello))
    except BaseException:
        environment.stop()
        raise
    return 0


def _down(options: argparse.Namespace) -> int:
    directory = _state_dir(options)
    running = state.load(directory)
    if running is None:
        print("nothing is running")
        return 0
    end(directory, running)
    print("the environment has ended")
    return 0


def _status(options: argparse.Namespace) -> int:
    running = state.load(_state_dir(options))
    if running is None:
        print("nothing is running: `make up` starts the environment")
        return NOT_RUNNING
    for process in running.processes:
        print(f"{process.name:<10} {'running' if process.alive() else 'ended':<8} pid {process.pid:<8} {process.log}")
    environment = Environment.attach(state_dir=_state_dir(options))
    print(report.status(environment))
    return 0


def _deploy(options: argparse.Namespace) -> int:
    environment = Environment.attach(state_dir=options.state_dir)
    event = read_event(options.event, environment.checkout.canary_template)
    arn = environment.deploy(event)
    print(arn, flush=True)
    status = ""
    narrator = report.Narrator()
    for step in environment.follow(arn):
        for line in narrator.lines(step):
            print(line, flush=True)
        status = step.status
    return 0 if status == "SUCCEEDED" else FAILURE


def _logs(options: argparse.Namespace) -> int:
    """Without a name the logs of the environment itself; those of tasks are listed."""
    directory = _state_dir(options)
    main_logs = {path.stem: path for path in sorted((directory / "logs").glob("*.log"))}
    tasks = directory / "dataplane" / "logs"
    task_logs = {str(path.relative_to(tasks).with_suffix("")): path for path in sorted(tasks.rglob("*.log"))}
    logs = {**main_logs, **task_logs}
    if not logs:
        raise LocalError("there are no logs: nothing has been started")
    if options.name and options.name not in logs:
        raise LocalError(f"there is no log `{options.name}`; there are {', '.join(logs)}")
    for name in [options.name] if options.name else main_logs:
        print(f"==> {name} ({logs[name]})")
        print("\n".join(processes.last_lines(logs[name], options.lines)))
    if not options.name and task_logs:
        print(f"==> more, each by its name: {' '.join(task_logs)}")
    return 0


def _state_dir(options: argparse.Namespace) -> Path:
    return (options.state_dir or Checkout.here().state_dir).resolve()


if __name__ == "__main__":
    sys.exit(main())
