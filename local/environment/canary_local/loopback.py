"""Ports and addresses of this machine that an environment uses."""

from __future__ import annotations

import http.client
import socket

from .errors import LocalError

_TIMEOUT_SECONDS = 5.0


def address_prefix(port: int) -> str:
    """The first three octets of the tasks' loopback addresses: no two environments have the same gateway port."""
    return f"127.{port // 256}.{port % 256}"


def free_port(wanted: int | None, other_than: int | None = None) -> int:
    """The port `wanted` on loopback, or any free one; a `LocalError` if it is taken."""
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted or 0))
            except OSError as error:
                raise LocalError(
                    f"port {wanted} cannot be used ({error.strerror}): "
                    "end what listens there or choose another with --port"
                ) from error
            port = probe.getsockname()[1]
        if port != other_than:
            return port


def port_is_free(port: int) -> bool:
    """Whether nothing listens on the port now."""
    try:
        return free_port(port) == port
    except LocalError:
        return False


def answers(port: int, path: str) -> bool:
    """Whether `GET path` on a port of loopback gives 200."""
    try:
        return get(port, path)[0] == 200
    except LocalError:
        return False


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of `GET path` on a port of loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LocalError(f"port {port} does not answer `GET {path}`: {error}") from error
    finally:
        connection.close()
