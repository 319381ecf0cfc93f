"""An environment whose functions, and nobody else, call AWS through microburst. Nothing pauses for long in it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from canary_local import functions, stacks
from canary_local.aws import Clients
from canary_local.checkout import FUNCTIONS, Checkout
from canary_local.environment import Environment
from canary_local.loopback import free_port
from canary_local.metrics import Metrics

from .proxy import Proxy
from .rules import app

# Step Functions' pauses before retries are this much shorter: the half hour of Roll Back's 60 retries is 4 s. Its waits are not,
# because a candidate is judged by the clock.
RETRY_SCALE = 0.002
# The fewest that leave room for a stack's 60 minutes in an execution's history.
POLL_SECONDS, WAIT_TIME = 2, 1
# Below the SDK's 4 s for one try, so that it is Lambda that ends a call that hangs.
TIMEOUT_SECONDS = 3
STACK_SECONDS = 0.5
# As soon as there can be data of the whole watch time.
METRICS = Metrics(period=1, delay=0)
# Of the versions that are deployed, those whose name begins with this answer every request with 500.
BAD = "bad"


class Lane:
    """One environment with its proxy. Cases are played in it one after the other."""

    def __init__(self, env: Environment, proxy: Proxy) -> None:
        self.env = env
        self.proxy = proxy

    def kill(self, function: str) -> bool:
        """Ends a function's processes with SIGKILL; false if it has none."""
        (ministack,) = (process for process in self.env.processes if process.name == "ministack")
        found = [
            pid for pid in _children(ministack.pid) if _variable(pid, "AWS_LAMBDA_FUNCTION_NAME") == name(function)
        ]
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return bool(found)


@contextmanager
def lane(checkout: Checkout, directory: Path) -> Iterator[Lane]:
    """Starts an environment in `directory`; ends it with the block."""
    port = free_port(None)
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(f"http://127.0.0.1:{port}", directory / "microburst.log"))
        # microburst sends other headers than the SDK has signed, so nothing can be authorized here.
        settings = {"AUTH": "false", "AWS_ENDPOINT_URL": proxy.endpoint, "CANARY_LOCAL_RETRY_SCALE": str(RETRY_SCALE)}
        env = stack.enter_context(
            Environment.start(
                checkout,
                images=[_image_map(directory)],
                state_dir=directory / "state",
                port=port,
                stack_seconds=STACK_SECONDS,
                metrics=METRICS,
                ministack=settings,
            )
        )
        _hurry(env)
        _warm_up(proxy)
        yield Lane(env, proxy)


def name(function: str) -> str:
    """A function's name in Lambda."""
    return f"{stacks.SHARED_STACK}-{function}"


def _hurry(env: Environment) -> None:
    """Gives the functions their short time-out and poll interval, and each a name of its own in the requests of its SDK."""
    variables = {function: {"AWS_SDK_UA_APP_ID": app(function).removeprefix("app/")} for function in FUNCTIONS}
    variables["check-version"]["POLL_SECONDS"] = str(POLL_SECONDS)
    functions.reconfigure(env.client, variables, Timeout=TIMEOUT_SECONDS)


def _warm_up(proxy: Proxy) -> None:
    """microburst reads the description of a service at its first call, which takes longer than the SDK waits for a try."""
    through = Clients(proxy.endpoint)
    through("appmesh").list_meshes()
    through("cloudformation").list_exports()
    through("cloudwatch").list_dashboards()
    through("dynamodb").list_tables()
    through("ecs").list_clusters()
    through("servicediscovery").list_namespaces()
    through("ssm").describe_parameters()
    through("stepfunctions").list_state_machines()


def _image_map(directory: Path) -> Path:
    run = {"run": ["{checkout}/target/debug/hello-backend"]}
    bad = {"HOST": "{host}", "PORT": "{port}", "ERROR_PERCENT": "100"}
    path = directory / "images.json"
    path.write_text(json.dumps({"images": [{"image": f"hello-backend:{BAD}*", **run, "env": bad}]}))
    return path


def _children(parent: int) -> Iterator[int]:
    for task in Path(f"/proc/{parent}/task").iterdir():
        # A thread may end while its siblings are looked at.
        with suppress(FileNotFoundError):
            yield from map(int, (task / "children").read_text().split())


def _variable(pid: int, wanted: str) -> str | None:
    """A process's environment variable; none if it has no such one, or is gone."""
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return dict(pair.decode(errors="replace").partition("=")[::2] for pair in pairs if pair).get(wanted)
