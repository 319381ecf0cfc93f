"""Requests against a real HTTP server, and what is said of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from canary_local.calls import CONNECTIONS, Request, summary
from canary_local.commands import main
from canary_local.loopback import free_port


class Handler(BaseHTTPRequestHandler):
    """Version v2 answers every tenth request, or 503 under /bad; v1 the others. Under /host it is the Host."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.answered += 1
            tenth = self.server.answered % 10 == 0
        self.send_response(503 if tenth and self.path == "/bad" else 200)
        version = self.headers["Host"] if self.path == "/host?q=1" else "v2" if tenth else "v1"
        self.send_header("x-version", version)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.lock, server.answered, server.connections = threading.Lock(), 0, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def call(server: ThreadingHTTPServer, path: str, *options: str) -> int:
    return main(["call", f"http://127.0.0.1:{server.server_port}{path}", *options])


def test_every_request_is_made_and_counted_by_version(
    server: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(server, "/", "--header", "x-version") == 0
    assert capsys.readouterr().out.splitlines() == [
        "100 requests: 100 answered, 0 failed",
        "x-version v1: 90 (90 %)",
        "x-version v2: 10 (10 %)",
    ]
    assert server.answered == 100
    assert server.connections <= CONNECTIONS, "connections are kept"


def test_failures_are_counted_and_decide_the_exit_status(
    server: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(server, "/bad", "--count", "20") == 1
    said = ["20 requests: 18 answered, 2 failed", "failed with status 503: 2"]
    assert capsys.readouterr().out.splitlines() == said
    assert call(server, "/bad", "--count", "20", "--allow-failed") == 0
    assert capsys.readouterr().out.splitlines() == said


def test_another_host_can_be_asked_for(server: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--count", "2", "--header", "x-version", "--host-header", "cart.demo.local")
    assert call(server, "/host?q=1", *options) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["x-version cart.demo.local: 2 (100 %)"]


def test_nobody_at_home_is_a_failure_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", f"http://127.0.0.1:{free_port(None)}/", "--count", "3", "--header", "x-version"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 requests: 0 answered, 3 failed"
    assert lines[1].startswith("failed with ConnectionRefusedError: ") and lines[1].endswith(": 3")
    assert len(lines) == 2, "who did not answer has no version"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "127.0.0.1:80", "http:///path", "http://127.0.0.1:99999/", "http://[::1",
        "http://127.0.0.1:80/\u00fc", "http://127.0.0.1:80/a b",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_named(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["call", url])
    assert ending.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(
        f"error: argument URL: `{url}` is not of the form http://host:port/path, with a port to 65535"
    )


def test_an_answer_without_the_header_is_counted_as_such() -> None:
    answers = [Request(0.0, 200, version, 0.1) for version in ("v1", None, None)]
    assert summary(answers, "x-version")[1:] == ["x-version absent: 2 (67 %)", "x-version v1: 1 (33 %)"]
