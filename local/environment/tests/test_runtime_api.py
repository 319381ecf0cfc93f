"""An event reaches a function's process without a pause between its head and its body."""

from __future__ import annotations

import queue

import pytest
from ministack.core import lambda_runtime

from canary_local.ministack import runtime_api


def waits() -> bool:
    """Whether the handler that answers `next` keeps a small packet back until the one before it is acknowledged."""
    worker = lambda_runtime.ProvidedWorker("function", {}, b"")
    return not worker._build_handler_class(0, queue.Queue()).disable_nagle_algorithm


def test_the_body_follows_its_head_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = lambda_runtime.ProvidedWorker
    monkeypatch.setattr(worker, "_build_handler_class", worker._build_handler_class)
    assert waits()
    runtime_api.register()
    assert not waits()
