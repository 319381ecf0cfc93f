"""Somebody else's TCP app: greets each connection with its VERSION, then echoes; or closes each at once.
`tcp_echo.py HOST PORT [closes]`."""

from __future__ import annotations

import os
import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Greets, then echoes line by line until the caller closes."""
        if "closes" in sys.argv:
            return
        self.wfile.write(f"{os.environ['VERSION']}\n".encode())
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    """Restarts on the same address."""

    allow_reuse_address = True
    daemon_threads = True


with Server((sys.argv[1], int(sys.argv[2])), Echo) as server:
    server.serve_forever()
