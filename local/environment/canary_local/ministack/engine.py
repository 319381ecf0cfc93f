"""The client of the data plane process: App Mesh requests, containers, discovery."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

# The environment variable that says where the data plane listens.
ADDRESS = "CANARY_LOCAL_DATAPLANE"
# A container's stop waits for Envoys to drain it and for the process to end, so it may take a while.
TIMEOUT_SECONDS = 60.0


class EngineError(RuntimeError):
    """The data plane refused a request or could not be reached; `status` is 0 in the latter case."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Reply:
    """An HTTP answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; nothing for an empty body."""
        return json.loads(self.body) if self.body else {}


class Engine:
    """HTTP to the data plane. Stateless, so it can be used from any thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"data plane address `{url}` is not of the form http://host:port")
        self._host, self._port = parts.hostname, parts.port

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Reply:
        """One request, whatever its outcome; raises `EngineError` only if there is no answer."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except OSError as error:
            raise EngineError(0, f"data plane does not answer `{method} {path}`: {error}") from error
        finally:
            connection.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A JSON request to the container engine; raises `EngineError` with its reason if it is refused."""
        data = b"" if body is None else json.dumps(body).encode()
        reply = self.send(method, f"/_engine{path}", data, {"content-type": "application/json"})
        if reply.status >= 400:
            raise EngineError(reply.status, _reason(reply))
        return reply.json()

    def create(self, container: dict[str, Any]) -> dict[str, Any]:
        """Creates a container; status 404 means that no image map entry matches."""
        return self.call("POST", "/containers", container)

    def inspect(self, container_id: str) -> dict[str, Any]:
        """The container's state now."""
        return self.call("GET", f"/containers/{quote(container_id, safe='')}")

    def stop(self, container_id: str, timeout: float) -> None:
        """Drains and ends the container; returns when its process is gone."""
        self.call("POST", f"/containers/{quote(container_id, safe='')}/stop", {"timeout": timeout})

    def remove(self, container_id: str) -> None:
        """Forgets an ended container."""
        self.call("DELETE", f"/containers/{quote(container_id, safe='')}")

    def put_discovery(self, snapshot: dict[str, Any]) -> None:
        """Replaces everything the data plane knows of Cloud Map."""
        self.call("PUT", "/discovery", snapshot)


def _reason(reply: Reply) -> str:
    try:
        document = reply.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        for key in ("message", "reason", "error"):
            if document.get(key):
                return str(document[key])
    return reply.body.decode(errors="replace").strip() or f"HTTP {reply.status}"
