"""The running environment as an object: start one, or attach to the one that `make up` started.

with Environment.start(Checkout.here(), state_dir=tmp / "env") as env:
    arn = env.deploy(event)
    for step in env.follow(arn):
        ...
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from . import executions, processes, stacks, state
from .aws import ACCESS_KEY, REGION, SECRET_KEY, Clients
from .checkout import HELLO, Checkout, envoy
from .ending import check_alive, end, ended_is_said
from .errors import LocalError
from .executions import Event
from .images import check as check_images
from .interrupts import held
from .loopback import address_prefix, answers, free_port, get
from .metrics import Metrics
from .processes import Process
from .stacks import HELLO_STACK

DEFAULT_PORT = 4566
READY_SECONDS = 60.0
STACK_SECONDS = 3.0
# The record of IAM's decisions, among the logs.
AWS_CALLS = "aws-calls.jsonl"

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Tells nobody."""


class Environment:
    """A running environment. Ends with the `with` block if it was started by one."""

    def __init__(self, checkout: Checkout, state_dir: Path, running: state.State) -> None:
        self.checkout = checkout
        self.state_dir = state_dir
        self._state = running
        self._client = Clients(self.endpoint)
        self._outputs: dict[str, str] | None = None

    @classmethod
    def start(
        cls,
        checkout: Checkout | Path | None = None,
        *,
        images: Sequence[Path] = (),
        state_dir: Path | None = None,
        port: int | None = None,
        stack_seconds: float = STACK_SECONDS,
        stacks: bool = True,
        metrics: Metrics = Metrics(),  # noqa: B008 (frozen)
        ministack: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> Environment:
        """Starts the processes and, with `stacks`, deploys the shared stack and the hello environment.

        `images` are the user's image maps, the later ones winning. Without `port` any free one is taken. Each
        environment that is to run beside others needs a `state_dir` of its own; without one the checkout says where.
        `metrics` says how often Envoy's counters are scraped and how late CloudWatch has them, and `ministack` holds settings of ministack that go before the usual ones, as environment variables.
        Ends what it started if it fails.
        """
        checkout = Checkout(checkout) if isinstance(checkout, Path) else checkout or Checkout.here()
        checkout.check(HELLO if stacks else ())
        maps = check_images(checkout.dataplane, [*checkout.image_maps, *images])
        directory = (state_dir or checkout.state_dir).resolve()
        with state.starting(directory):
            _make_room(directory, progress)
            gateway_port = free_port(port)
            ports = gateway_port, free_port(None, other_than=gateway_port)
            environment = cls(checkout, directory, state.State(*ports, owner=processes.this()))
            state.save(directory, environment._state)
            with environment.ended_on_failure():
                environment._start_processes(
                    environment._dataplane_command(maps, metrics),
                    {**environment._ministack_variables(stack_seconds), **(ministack or {})},
                    progress,
                )
                if stacks:
                    environment._deploy_stacks(metrics, progress)
                environment._state.ready = True
                state.update(directory, environment._state)
        return environment

    @classmethod
    def attach(cls, checkout: Checkout | None = None, state_dir: Path | None = None) -> Environment:
        """The environment that runs already, or a `LocalError` that says how to start one."""
        checkout = checkout or Checkout.here()
        directory = (state_dir or checkout.state_dir).resolve()
        running = state.load(directory)
        if running is None:
            raise LocalError("no environment is running: `make up` starts one")
        check_alive(running)
        if not running.ready:
            raise LocalError("the environment is still starting: wait for `make up` to return")
        return cls(checkout, directory, running)

    @property
    def endpoint(self) -> str:
        """The URL of every AWS service, App Mesh included."""
        return f"http://127.0.0.1:{self._state.gateway_port}"

    @property
    def gateway_url(self) -> str:
        """The URL of the virtual gateway `ingress`, through which requests enter the mesh."""
        url = self.find_gateway()
        if url is None:
            raise LocalError("the virtual gateway `ingress` does not run; `make status` and `make logs` tell more")
        return url

    def find_gateway(self) -> str | None:
        """The URL of the virtual gateway `ingress`, of the hello environment if there are several; None while there is none."""
        meshes = self.meshes()
        for name in sorted(meshes, key=lambda name: name != HELLO_STACK):
            url = gateway_url(meshes[name]["gateways"].get("ingress", {}))
            if url:
                return url
        return None

    @property
    def state_machine_arn(self) -> str:
        """The state machine of the shared stack, in all its releases."""
        return self._output("StateMachineArn")

    @property
    def state_machine_alias_arn(self) -> str:
        """The installed release of the state machine, which pipelines start."""
        return self._output("StateMachineAliasArn")

    def _output(self, name: str) -> str:
        if self._outputs is None:
            self._outputs = stacks.outputs(self.client, stacks.SHARED_STACK)
        return self._outputs[name]

    @property
    def processes(self) -> tuple[Process, ...]:
        """The processes of the environment, in the order they were started."""
        return tuple(self._state.processes)

    @property
    def aws_calls(self) -> Path:
        """The record of IAM's decisions: a line of JSON for each call of a role or a user."""
        return self.state_dir / "logs" / AWS_CALLS

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables with which any AWS SDK or the AWS CLI talks to this environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def client(self, service: str) -> Any:
        """The boto3 client of an AWS service; any thread may use it."""
        return self._client(service)

    def stats(self, mesh: str = stacks.HELLO_STACK) -> dict[str, Any]:
        """What the Envoys of a mesh counted: `virtualNodes`, `gateways` and `routes`, all empty if there is no such mesh."""
        return self.meshes().get(mesh, {"virtualNodes": {}, "gateways": {}, "routes": {}})

    def meshes(self) -> dict[str, dict[str, Any]]:
        """What `stats` gives, by mesh."""
        return self._ask_dataplane("/_local/stats")["meshes"]

    def problems(self) -> list[dict[str, str]]:
        """What is degraded: Envoys that did not take their configuration, with Envoy's words in `message`, and a full disk."""
        health = self._ask_dataplane("/_local/health")
        lost = health.get("lostLogLines", 0)
        message = f"{lost} lines could not be written: is the disk full?"
        log = {"resource": "the data plane's own log", "task": "none", "message": message}
        return health.get("rejected", []) + ([log] if lost else [])

    def _ask_dataplane(self, path: str) -> dict[str, Any]:
        status, body = get(self._state.dataplane_port, path)
        if status != 200:
            raise LocalError(f"the data plane answers HTTP {status} to `{path}`: {body.decode(errors='replace')}")
        return json.loads(body)

    def deploy(self, event: Mapping[str, Any]) -> str:
        """Starts a deployment and returns the execution's ARN. A missing CanaryTemplate is added."""
        complete = executions.complete_event(dict(event), self.checkout.canary_template)
        return executions.start(self.client, self.state_machine_alias_arn, complete)

    def repair(self, environment_name: str, service: str) -> str:
        """Starts a repair of what a deployment of the service left; returns the execution's ARN."""
        request = {"Action": "Repair", "EnvironmentName": environment_name, "MicroserviceName": service}
        return executions.start(self.client, self.state_machine_alias_arn, request)

    def follow(self, arn: str) -> Iterator[Event]:
        """Every step of an execution as it happens; the last one's kind is `ended`."""
        return executions.follow(self.client, arn)

    def looks(self, arn: str) -> Iterator[list[Event]]:
        """The new steps of an execution at each look, which may be none; the last one's kind is `ended`."""
        return executions.looks(self.client, arn)

    def keep(self) -> None:
        """Lets the environment outlive this command."""
        self._state.owner = None
        state.update(self.state_dir, self._state)
        for process in self._state.processes:
            processes.release(process)

    def stop(self) -> None:
        """Ends every process, those that depend on others first. Harmless when they are gone."""
        end(self.state_dir, self._state)

    def __enter__(self) -> Environment:  # noqa: PYI034 (`Self` came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.ended_on_failure():
            if error:
                raise error
        self.stop()

    @contextmanager
    def ended_on_failure(self) -> Iterator[None]:
        """Ends the environment if the block fails. If the environment ended first, that is what the error says."""
        try:
            with ended_is_said(self.state_dir):
                yield
        except BaseException:
            self.stop()
            raise

    def _start_processes(self, dataplane: list[str], ministack: Mapping[str, str], progress: Progress) -> None:
        progress("starting the data plane (App Mesh, Envoy, tasks)")
        self._launch("dataplane", dataplane, _base_variables())
        progress("starting ministack (the other AWS services)")
        self._launch("ministack", [sys.executable, "-m", "canary_local.ministack"], ministack)
        ports = ((self._state.dataplane_port, "/_local/health"), (self._state.gateway_port, "/_ministack/ready"))
        processes.await_ready(
            self._state.processes, lambda: all(answers(*port) for port in ports), "starting", READY_SECONDS
        )

    def _launch(self, name: str, command: list[str], variables: Mapping[str, str]) -> None:
        log = self.state_dir / "logs" / f"{name}.log"
        # What functions and containers leave behind goes when the environment ends.
        scratch = self.state_dir / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        variables = {**variables, "TMPDIR": str(scratch)}
        with held():
            self._state.processes.append(processes.start(name, command, variables, self.checkout.root, log))
            state.update(self.state_dir, self._state)

    def _dataplane_command(self, maps: list[Path], metrics: Metrics) -> list[str]:
        options = {
            "listen": f"127.0.0.1:{self._state.dataplane_port}",
            "state-dir": self.state_dir / "dataplane",
            "log-dir": self.state_dir / "logs",
            "checkout": self.checkout.root,
            "envoy": envoy(),
            "gateway": self.endpoint,
            "region": REGION,
            **metrics.dataplane_options(),
        }
        command = [str(self.checkout.dataplane), "serve", *(f"--{name}={value}" for name, value in options.items())]
        # Both ports are this environment's alone, and so are the addresses: 508 tasks.
        for port in (self._state.gateway_port, self._state.dataplane_port):
            command.append(f"--address-prefix={address_prefix(port)}")
        return command + [f"--images={path}" for path in maps]

    def _ministack_variables(self, stack_seconds: float) -> dict[str, str]:
        return {
            **_base_variables(),
            **self.variables,
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._state.gateway_port),
            "MINISTACK_REGION": REGION,
            # Listeners on fixed ports that nothing here uses, and that would collide between environments.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "CANARY_LOCAL_DATAPLANE": f"http://127.0.0.1:{self._state.dataplane_port}",
            "CANARY_LOCAL_STACK_SECONDS": str(stack_seconds),
            "CANARY_LOCAL_AWS_CALLS": str(self.aws_calls),
        }

    def _deploy_stacks(self, metrics: Metrics, progress: Progress) -> None:
        progress("uploading functions and state machine")
        stacks.upload_artifacts(self.client, self.checkout)
        progress(f"deploying stack `{stacks.SHARED_STACK}` (functions, roles, state machine)")
        self._outputs = stacks.deploy_shared(self.client, self.checkout, metrics)
        progress(f"deploying stack `{stacks.HELLO_STACK}` (cluster, mesh, gateway)")
        stacks.deploy_hello(self.client, self.checkout)


def gateway_url(gateway: Mapping[str, Any]) -> str | None:
    """Where a gateway of the statistics takes requests; None if no task of it runs."""
    address, port = gateway.get("address"), gateway.get("port")
    return f"http://{address}:{port}" if address and port else None


def _make_room(directory: Path, progress: Progress) -> None:
    """Ends what a command that is gone left in `directory`, and removes its files."""
    running = state.load(directory)
    if running and running.in_use():
        raise LocalError(f"an environment runs already (state in `{directory}`): `make down` ends it")
    if running and any(process.alive() for process in running.processes):
        progress("ending the environment that an earlier command left")
    if running:
        end(directory, running)
    state.prepare(directory)


def _base_variables() -> dict[str, str]:
    """A clean start: the user's proxies and AWS settings are not meant for these processes."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "RUST_LOG", "LOG_LEVEL")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "PYTHONUNBUFFERED": "1"}
