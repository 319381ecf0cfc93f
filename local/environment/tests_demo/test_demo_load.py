"""The load against a real HTTP server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from canary_local.calls import Request
from canary_local.demo.load import Load, between, failures, percentile


class Handler(BaseHTTPRequestHandler):
    """Answers 503 to every tenth request, and names its version."""

    protocol_version = "HTTP/1.1"
    answered = 0
    connections = 0

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_GET(self) -> None:
        cls = type(self)
        cls.answered += 1
        self.send_response(503 if cls.answered % 10 == 0 else 200)
        self.send_header("x-backend-version", "v1")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    handler = type("Fresh", (Handler,), {"answered": 0, "connections": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hello"
    assert handler.connections <= 4, "connections are kept alive"
    server.shutdown()
    server.server_close()


def until(load: Load, count: int) -> None:
    """Waits until so many requests are recorded."""
    deadline = time.monotonic() + 20
    while len(load.requests) < count and time.monotonic() < deadline:
        time.sleep(0.01)


def test_every_request_is_recorded_on_kept_connections_at_the_rate(server: str) -> None:
    load = Load(server, rate=100, connections=4)
    load.start()
    load.start()
    until(load, 100)
    load.stop()
    requests = list(load.requests)
    assert failures(requests) == len(requests) // 10
    assert {request.version for request in requests} == {"v1"}
    # A busy machine may be slower than the schedule, but nothing may be faster.
    seconds = max(request.at for request in requests) - min(request.at for request in requests)
    assert len(requests) <= 100 * seconds + 5


def test_an_unreachable_gateway_is_a_failure_with_its_reason() -> None:
    load = Load("http://127.0.0.1:9/", rate=50, connections=1, timeout=1)
    load.start()
    until(load, 2)
    load.stop()
    assert all(request.failed and request.status is None for request in load.requests)
    assert "ConnectionRefusedError" in (load.requests[0].error or "")


def test_a_connection_without_an_answer_is_opened_again() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    port = listener.getsockname()[1]
    load = Load(f"http://127.0.0.1:{port}/", rate=20, connections=1, timeout=0.5)
    load.start()
    silent, _ = listener.accept()
    silent.recv(1000)
    whole, _ = listener.accept()
    whole.recv(1000)
    whole.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    until(load, 2)
    silent.close()
    whole.close()
    listener.close()
    load.stop()
    assert [request.status for request in load.requests[:2]] == [None, 200]


def test_settle_waits_for_the_answer_that_is_still_to_come() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    load = Load(f"http://127.0.0.1:{listener.getsockname()[1]}/", rate=1, connections=1, timeout=30)
    load.start()
    slow, _ = listener.accept()
    slow.recv(1000)
    settled = threading.Thread(target=load.settle, args=(time.time(),))
    settled.start()
    settled.join(0.1)
    assert settled.is_alive() and not load.requests
    slow.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    settled.join(10)
    assert not settled.is_alive() and len(load.requests) == 1
    slow.close()
    listener.close()
    load.stop()


def test_between_takes_the_start_and_leaves_the_end() -> None:
    requests = [Request(float(at), 200, None, 0.1) for at in range(4)]
    assert [request.at for request in between(requests, 1.0, 3.0)] == [1.0, 2.0]


def test_percentile_of_nothing_is_none() -> None:
    assert percentile([], 99) is None
    assert percentile([Request(0, 200, None, n / 100) for n in range(100)], 99) == 0.99
