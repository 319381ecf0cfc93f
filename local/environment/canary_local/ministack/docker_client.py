"""The part of a Docker client that ministack's ECS uses, on our container engine.

ministack keeps a task's life cycle true to whatever its Docker client reports. This client reports what the data
plane's processes do, so the records follow real processes without a container runtime.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .engine import Engine, EngineError

# ministack looks at every container ten times a second; one look at the engine serves several of those.
REFRESH_SECONDS = 0.4
STOP_SECONDS = 30.0
_LOG_POLL_SECONDS = 0.3
NETWORK = "loopback"


class ImageUnavailable(RuntimeError):
    """No entry of the image map matches the container's image."""


class Container:
    """One container of the engine, looked at again when its state is older than `REFRESH_SECONDS`."""

    def __init__(
        self, engine: Engine, state: dict[str, Any], labels: dict[str, str], removed: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._removed = removed
        self._state = state
        self._seen = time.monotonic()
        self.id: str = state["id"]
        self.labels = labels

    @property
    def status(self) -> str:
        """`created`, `running` or `exited`."""
        return self._state["status"]

    @property
    def health(self) -> str:
        """`UNKNOWN` (no health check), `HEALTHY` or `UNHEALTHY`."""
        return self._state.get("health") or "UNKNOWN"

    @property
    def exit_code(self) -> int | None:
        """The process's exit code once it is gone."""
        return self._state.get("exitCode")

    @property
    def reason(self) -> str:
        """Why the container ended without having run; empty if it ran."""
        return self._state.get("reason") or ""

    @property
    def attrs(self) -> dict[str, Any]:
        """The inspect document, as far as ministack reads it."""
        return {"NetworkSettings": {"Networks": {NETWORK: {"IPAddress": self._state["ip"]}}}, "State": {}}

    def reload(self, max_age: float = REFRESH_SECONDS) -> None:
        """Looks at the engine again unless that was done less than `max_age` seconds ago."""
        if self.status == "exited" or time.monotonic() - self._seen < max_age:
            return
        self._state = {**self._state, **self._engine.inspect(self.id)}
        self._seen = time.monotonic()

    def wait(self) -> dict[str, int]:
        """How the process ended; ministack asks only after it has."""
        return {"StatusCode": self.exit_code or 0}

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Drains and ends the container; returns when its process is gone."""
        self._engine.stop(self.id, timeout)
        self.reload(max_age=0)

    def remove(self, v: bool = False, force: bool = False) -> None:
        """Forgets the container. Both arguments are Docker's and mean nothing here."""
        self._engine.remove(self.id)
        self._removed(self.id)

    def logs(self, stream: bool = False, follow: bool = False, **_: Any) -> bytes | Iterator[bytes]:
        """What the container wrote; with `stream` and `follow` line by line until it has ended."""
        if stream:
            return self._log_lines(follow)
        with open(self._state["logPath"], "rb") as log:
            return log.read()

    def _log_lines(self, follow: bool) -> Iterator[bytes]:
        ended = threading.Event()
        with open(self._state["logPath"], "rb") as log:
            while True:
                gone = not follow or self._gone()
                # The data plane cuts a log that is too long: it begins again.
                if log.tell() > os.fstat(log.fileno()).st_size:
                    log.seek(0)
                yield from iter(log.readline, b"")
                if gone:
                    return
                ended.wait(_LOG_POLL_SECONDS)

    def _gone(self) -> bool:
        try:
            self.reload()
        except EngineError:
            return True
        return self.status == "exited"


class _Self:
    """ministack itself, as ministack's ECS sees it: tasks reach it on loopback."""

    id = "ministack"

    @property
    def attrs(self) -> dict[str, Any]:
        return {"NetworkSettings": {"Networks": {NETWORK: {"IPAddress": "127.0.0.1"}}}}


class Containers:
    """`docker.containers`: only what ministack's ECS and its clean-up call."""

    def __init__(self, engine: Engine, describe: Callable[[str, str], dict[str, Any]]) -> None:
        self._engine = engine
        self._describe = describe
        self._known: dict[str, Container] = {}

    def run(self, image: str, labels: dict[str, str], environment: dict[str, str], command: Any, **_: Any) -> Container:
        """Starts a container; raises `ImageUnavailable` if the image map has nothing for it."""
        task_arn = labels["com.amazonaws.ecs.task-arn"]
        name = labels["com.amazonaws.ecs.container-name"]
        request = self._describe(task_arn, name)
        request.update(containerName=name, image=image, command=command, environment=environment)
        try:
            state = self._engine.create(request)
        except EngineError as error:
            if error.status == 404:
                raise ImageUnavailable(str(error)) from error
            raise
        container = Container(self._engine, state, dict(labels), self._forget)
        self._known[container.id] = container
        return container

    def get(self, container_id: str) -> Container | _Self:
        """The container by id; ministack also asks for its own, by host name."""
        if container_id in self._known:
            return self._known[container_id]
        if container_id == os.environ.get("HOSTNAME", ""):
            return _Self()
        raise KeyError(f"no such container: {container_id}")

    def list(self, **_: Any) -> list[Container]:
        """Every container started here and not removed: all of them are this ministack's."""
        return list(self._known.values())

    def _forget(self, container_id: str) -> None:
        self._known.pop(container_id, None)


class DockerClient:
    """What `ministack.services.ecs` keeps in `_docker`.

    `describe(task_arn, container_name)` gives what the engine wants to know of the task.
    """

    def __init__(self, engine: Engine, describe: Callable[[str, str], dict[str, Any]]) -> None:
        self.containers = Containers(engine, describe)
