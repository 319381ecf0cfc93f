"""The local environment: how soon it is ready, how fast a change of weights takes effect, what it carries and what it takes."""

from __future__ import annotations

import multiprocessing
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median, quantiles

from canary_bench import callers, memory, stage
from canary_bench.errors import BenchError
from canary_bench.progress import say
from canary_bench.tables import table
from canary_local.calls import Caller
from canary_local.environment import Environment
from canary_local.hello import SHA, deploy_first
from canary_local.mesh import make_router
from canary_local.stacks import HELLO_STACK

WHAT = "the local environment: start, changes of weights, requests a second, memory (3 minutes)"

FLIPS = 100
FLIP_SECONDS = 5.0
ANSWER_SECONDS = 15.0
TASKS = (2, 4, 8)
CANDIDATE = "bench01"


def add_options(parser: ArgumentParser) -> None:
    """Nothing beside the rounds, which are starts here."""


def measure(options: Namespace) -> str:
    """A table for each of the four."""
    starts = [started(number, options.rounds) for number in range(1, options.rounds + 1)]
    with stage.environment() as env:
        deploy_first(env)
        say("environment: requests a second")
        carried = throughput(env)
        say(f"environment: {FLIPS} changes of weights")
        flips = changes(env)
        # What the changes of weights needed is not part of what the tasks below take.
    with stage.environment() as env:
        deploy_first(env)
        taken = memory_by_tasks(env)
    return "\n\n".join([
        f"**Start to ready, s**\n\n{start_table(starts)}",
        f"**From UpdateRoute to the first answer of the new version, ms**\n\n{flip_table(flips)}",
        f"**Requests a second, {callers.CALLERS} callers**\n\n{carried}",
        f"**Private memory, MB**\n\n{taken}",
    ])  # fmt: skip


def started(number: int, rounds: int) -> dict[str, float]:
    """Seconds from the beginning until each stage of a start was reached."""
    say(f"environment: start {number} of {rounds}")
    begun, reached = time.monotonic(), {}
    with stage.environment() as env:
        reached["`Environment.start`: processes, shared stack, mesh and gateway"] = time.monotonic() - begun
        deploy_first(env)
        reached["and the first deployments of the two services of hello"] = time.monotonic() - begun
    reached["and to its end"] = time.monotonic() - begun
    return reached


def start_table(starts: list[dict[str, float]]) -> str:
    """Medians and the slowest."""
    rows = [
        [what, f"{median(each[what] for each in starts):.1f}", f"{max(each[what] for each in starts):.1f}"]
        for what in starts[0]
    ]
    return table(["", "median", "slowest"], rows)


def flip_table(seconds: list[float]) -> str:
    """How they are distributed."""
    cut = quantiles(seconds, n=100, method="inclusive")
    columns = (len(seconds), *(f"{1_000 * each:.1f}" for each in (median(seconds), cut[94], max(seconds))))
    return table(["changes", "median", "p95", "slowest"], [[f"{each}" for each in columns]])


def changes(env: Environment) -> list[float]:
    """Seconds from UpdateRoute, of all traffic to the other version, until that one has answered through the gateway."""
    request = stage.request(env, stage.BACKEND, CANDIDATE, WaitTime=3_600, PercentageStep=50)
    for event in env.follow(env.deploy(request)):
        if event.kind == "ended":
            raise BenchError(f"two versions are needed, and the deployment ended: {event.error}: {event.cause}")
        if (event.kind, event.state) == ("entered", "Wait"):
            break
    with answers(f"{env.gateway_url}/hello-service/hello/bench") as next_answer:
        # All on one first.
        flipped(env, SHA, next_answer)
        return [flipped(env, sha, next_answer) for _ in range(FLIPS // 2) for sha in (CANDIDATE, SHA)]


def flipped(env: Environment, sha: str, next_answer: Callable[[], tuple[float, str]]) -> float:
    """Gives a version all traffic; seconds until it answers."""
    other = SHA if sha == CANDIDATE else CANDIDATE
    targets = [
        {"virtualNode": f"{stage.BACKEND}-{each}", "weight": weight} for each, weight in ((sha, 100), (other, 0))
    ]
    names = {
        "meshName": HELLO_STACK,
        "virtualRouterName": f"{stage.BACKEND}-vr",
        "routeName": f"{stage.BACKEND}-route",
    }
    appmesh = env.client("appmesh")
    spec = appmesh.describe_route(**names)["route"]["spec"]
    spec["httpRoute"]["action"]["weightedTargets"] = targets
    begun = time.time()
    appmesh.update_route(**names, spec=spec)
    deadline = begun + FLIP_SECONDS
    while True:
        at, version = next_answer()
        if version == sha and at >= begun:
            return at - begun
        if at > deadline:
            raise BenchError(
                f"`{other}` still answers {FLIP_SECONDS:.0f} s after UpdateRoute gave all traffic to `{sha}`"
            )


@contextmanager
def answers(url: str) -> Iterator[Callable[[], tuple[float, str]]]:
    """Has another process call without pause; gives the next answer's time and version."""
    # A process of its own, so that what is measured does not share an interpreter with what is asked for.
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe(duplex=False)
    caller = processes.Process(target=call_on, args=(url, there), daemon=True)
    caller.start()

    def next_answer() -> tuple[float, str]:
        if not here.poll(ANSWER_SECONDS):
            raise BenchError(f"`{url}` did not answer for {ANSWER_SECONDS:.0f} s")
        return here.recv()

    try:
        yield next_answer
    finally:
        caller.kill()
        caller.join()


def call_on(url: str, answered: Connection) -> None:
    """Calls until it is ended; a request that fails is answered by no version."""
    caller = Caller(url)
    while True:
        request = caller.get()
        answered.send((request.at + request.seconds, (request.version or "") if request.status == 200 else ""))


def throughput(env: Environment) -> str:
    """The same application alone, behind its sidecar, and at the end of a whole way through the mesh."""
    node = f"{stage.BACKEND}-{SHA}"
    services = {each["Name"]: each["Id"] for each in env.client("servicediscovery").list_services()["Services"]}
    instances = env.client("servicediscovery").list_instances(ServiceId=services[node])["Instances"]
    address = instances[0]["Attributes"]["AWS_INSTANCE_IPV4"]
    ways = {
        "application alone: what application and callers can do at most": f"http://{address}:{stage.PORT}/data",
        "application behind its sidecar: one Envoy": f"http://{address}:15000/data",
        "gateway, `hello-web`, `hello-backend`: three Envoys, one of them twice, two applications": (
            f"{env.gateway_url}/hello-service/hello/bench"
        ),
    }
    rows = []
    for way, url in ways.items():
        found = callers.run(url)
        rows.append([
            way, f"{found.per_second:,.0f}", f"{1_000 * found.p50:.1f}", f"{1_000 * found.p99:.1f}", f"{found.failed}",
        ])  # fmt: skip
    return table(["", "requests/s", "p50 ms", "p99 ms", "failed"], rows)


def memory_by_tasks(env: Environment) -> str:
    """What the processes have for themselves, by kind, with more and more tasks."""
    rows, made = [], 2
    for tasks in TASKS:
        names = [f"filler{number}" for number in range(made, tasks)]
        say(f"environment: memory with {tasks} tasks")
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            list(pool.map(lambda name: fill(env, name), names))
        made = tasks
        found = memory.by_kind(env)
        envoys = found.count[memory.ENVOY]
        rows.append([
            f"{tasks}", f"{envoys}", f"{found.megabytes[memory.ENVOY] / envoys:.1f}",
            *(f"{found.megabytes[kind]:.0f}" for kind in memory.KINDS), f"{sum(found.megabytes.values()):.0f}",
        ])  # fmt: skip
    return table(["tasks", "Envoys", "each", *memory.KINDS, "all"], rows)


def fill(env: Environment, service: str) -> None:
    """A service with one task."""
    make_router(env, service, stage.PORT, "http")
    stage.follow(env, env.deploy(stage.request(env, service, "first", WaitTime=1)))
