"""Containers as ministack's ECS sees them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from canary_local.ministack.docker_client import Container


def test_a_log_that_was_cut_is_followed_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"before 1\nbefore 2\n")
    engine = SimpleNamespace(inspect=lambda _: {"status": "running"})
    state = {"id": "a", "status": "running", "logPath": str(log)}
    lines = Container(engine, state, {}, print).logs(stream=True, follow=True)
    assert [next(lines), next(lines)] == [b"before 1\n", b"before 2\n"]

    log.write_bytes(b"after\n")

    assert next(lines) == b"after\n"
