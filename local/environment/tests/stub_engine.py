"""A data plane that only remembers: enough of its HTTP contract to see what the ministack plugin does with it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_NAMES = {
    "meshes": "meshName",
    "virtualNodes": "virtualNodeName",
    "virtualRouters": "virtualRouterName",
    "virtualRouter": "virtualRouterName",
    "routes": "routeName",
    "virtualServices": "virtualServiceName",
}


class StubEngine:
    """Starts on a free port. Tests read and write its attributes.

    An image that starts with `missing` is not in the map, one that starts with `crash` exits at once, one that
    starts with `sick` never passes its health check.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.containers: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.requested_at: list[float] = []
        self.journal: list[str] = []
        self.discovery: dict[str, Any] = {"namespaces": []}
        self.resources: dict[str, dict[str, Any]] = {}
        self.in_use: set[str] = set()
        self.tags: dict[str, Any] = {}
        self.says = ""
        self.hold_health = threading.Event()
        self.hold_health.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def instances(self, service: str) -> list[dict[str, Any]]:
        """What Cloud Map holds of a service, as last published."""
        services = [s for namespace in self.discovery["namespaces"] for s in namespace["services"]]
        return [i for s in services if s["name"] == service for i in s["instances"]]

    # --- containers ---

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append(body)
        self.requested_at.append(time.monotonic())
        image = body["image"]
        if image.startswith("missing"):
            return 404, {"message": f"no image map entry matches `{image}`"}
        container_id = uuid.uuid4().hex
        log = self.logs / f"{container_id}.log"
        log.write_text(f"hello from {body['containerName']}\n" + self.says)
        tasks = sorted({c["taskArn"] for c in self.containers.values()} | {body["taskArn"]})
        container = {
            "id": container_id,
            "taskArn": body["taskArn"],
            "name": body["containerName"],
            "image": image,
            "checked": self._has_health_check(body),
            "status": "exited" if image.startswith("crash") else "running",
            "exitCode": 3 if image.startswith("crash") else None,
            "ip": f"127.9.0.{tasks.index(body['taskArn']) + 1}",
            "logPath": str(log),
        }
        self.containers[container_id] = container
        return 201, self.look(container)

    def look(self, container: dict[str, Any]) -> dict[str, Any]:
        health = "UNKNOWN"
        if container["checked"] and container["image"].startswith("sick"):
            health = "UNHEALTHY"
        elif container["checked"] and self.hold_health.is_set():
            health = "HEALTHY"
        return {**container, "health": health}

    def stop(self, container: dict[str, Any]) -> None:
        self.journal.append(f"stop {container['name']}")
        if container["status"] != "exited":
            time.sleep(0.3)
            container.update(status="exited", exitCode=143)

    @staticmethod
    def _has_health_check(body: dict[str, Any]) -> bool:
        definitions = body["taskDefinition"]["containerDefinitions"]
        return any(d["name"] == body["containerName"] and d.get("healthCheck") for d in definitions)

    def engine(self, method: str, parts: list[str], body: Any) -> tuple[int, Any]:
        if parts == ["discovery"]:
            before = sum(len(s["instances"]) for n in self.discovery["namespaces"] for s in n["services"])
            after = sum(len(s["instances"]) for n in body["namespaces"] for s in n["services"])
            self.discovery = body
            if after != before:
                self.journal.append("register" if after > before else "deregister")
            return 200, {}
        if parts == ["containers"]:
            return self.create(body)
        container = self.containers.get(parts[1])
        if container is None:
            return 404, {"message": "no such container"}
        if method == "DELETE":
            del self.containers[parts[1]]
        elif parts[2:] == ["stop"]:
            self.stop(container)
        return 200, self.look(container)

    # --- App Mesh ---

    def appmesh(self, method: str, path: str, query: dict[str, Any], body: Any, account: str) -> tuple[int, Any, str]:
        if path in ("tag", "untag"):
            self.tags[query["resourceArn"][0]] = body
            return 200, {}, ""
        parts = path.split("/")
        names = {_NAMES[collection]: name for collection, name in zip(parts[0::2], parts[1::2])}
        if method == "PUT" and len(parts) % 2:
            names[_NAMES[parts[-1]]] = body[_NAMES[parts[-1]]]
            path = f"{path}/{names[_NAMES[parts[-1]]]}"
            if path in self.resources:
                return 409, {"message": "there already"}, "ConflictException"
            segments = [s for pair in zip(path.split("/")[0::2], path.split("/")[1::2]) for s in pair]
            arn = "/".join("mesh" if s == "meshes" else s.removesuffix("s") if s in _NAMES else s for s in segments)
            self.resources[path] = {
                **names,
                "spec": body.get("spec", {}),
                "metadata": {
                    "arn": f"arn:aws:appmesh:us-west-2:{account}:{arn}",
                    "uid": uuid.uuid4().hex,
                    "meshOwner": account,
                    "resourceOwner": account,
                },
            }
            if body.get("tags"):
                self.tags[self.resources[path]["metadata"]["arn"]] = body["tags"]
            return 200, self.resources[path], ""
        if path not in self.resources:
            return 404, {"message": f"{path} does not exist"}, "NotFoundException"
        if method == "DELETE":
            if path in self.in_use:
                return 409, {"message": f"{path} is in use"}, "ResourceInUseException"
            return 200, self.resources.pop(path), ""
        if method == "PUT":
            self.resources[path]["spec"] = body["spec"]
        return 200, self.resources[path], ""


def _handler(stub: StubEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else {}
            url = urlsplit(self.path)
            code = ""
            if url.path.startswith("/_engine/"):
                status, document = stub.engine(self.command, url.path.split("/")[2:], body)
            else:
                account = self.headers["x-canary-account"]
                path = url.path.removeprefix("/v20190125/")
                status, document, code = stub.appmesh(self.command, path, parse_qs(url.query), body, account)
            answer = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            if code:
                self.send_header("x-amzn-errortype", code)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
