"""Somebody else's gRPC app: tells its VERSION, or fails each call with a status. `grpc_version.py HOST PORT [STATUS]`."""

from __future__ import annotations

import os
import signal
import sys
from concurrent import futures

import grpc

METHOD = "/versions.Versions/Tell"
GRACE_SECONDS = 5


class Versions(grpc.GenericRpcHandler):
    """The one method. Its messages are plain bytes, so there is nothing to generate."""

    def __init__(self, status: grpc.StatusCode | None) -> None:
        self._status = status

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a call, if its method is ours."""
        return grpc.unary_unary_rpc_method_handler(self._tell) if details.method == METHOD else None

    def _tell(self, _: bytes, call: grpc.ServicerContext) -> bytes:
        if self._status is not None:
            call.abort(self._status, "this version fails every call on purpose")
        return os.environ["VERSION"].encode()


host, port, *status = sys.argv[1:]
server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
server.add_generic_rpc_handlers((Versions(grpc.StatusCode[status[0]] if status else None),))
server.add_insecure_port(f"{host}:{port}")
# As ECS stops a container: calls that are under way are finished.
signal.signal(signal.SIGTERM, lambda *_: server.stop(GRACE_SECONDS))
server.start()
server.wait_for_termination()
