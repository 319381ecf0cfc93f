"""An HTTP app that answers 200, and 500 from the request for /fail on. `turns_bad.py HOST PORT`."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

bad = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers without a body."""
        if self.path == "/fail":
            bad.set()
        self.send_response(500 if bad.is_set() else 200)
        self.send_header("content-length", "0")
        self.end_headers()


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
