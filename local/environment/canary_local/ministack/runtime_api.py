"""The Runtime API that ministack's Lambda gives a function its events by: without 40 ms of waiting for each.

ministack writes an answer's head and its body one after the other. Nagle's algorithm keeps the body back until the head is
acknowledged, and the kernel of the function's side delays that acknowledgement by 40 ms. AWS has no such pause.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from ministack.core import lambda_runtime

from .patching import expect, wrap

_Handler = type[BaseHTTPRequestHandler]


def register() -> None:
    """Has the body follow its head at once."""
    worker = expect(lambda_runtime, "ProvidedWorker", type)
    wrap(worker, "_build_handler_class", ("self", "generation", "pending"), _at_once)


def _at_once(original: Callable[[Any, int, queue.Queue], _Handler]) -> Callable[[Any, int, queue.Queue], _Handler]:
    def build_handler_class(self: Any, generation: int, pending: queue.Queue) -> _Handler:
        handler = original(self, generation, pending)
        handler.disable_nagle_algorithm = True
        return handler

    return build_handler_class
