"""An app that tells each connection where it reaches its backends, then closes it. `egress.py HOST PORT ADDRESS...`"""

from __future__ import annotations

import socketserver
import sys


class Tell(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """A line per address."""
        self.wfile.write("".join(f"{address}\n" for address in sys.argv[3:]).encode())


with socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Tell) as server:
    server.serve_forever()
