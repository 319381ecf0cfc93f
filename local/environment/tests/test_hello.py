"""The first deployments of hello, told as they go and left at once when they cannot succeed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest

from canary_local import hello
from canary_local.errors import LocalError
from canary_local.executions import Event

AT = datetime(2026, 1, 2)
SUCCEEDED = [Event(9, AT, "ended", "Deployment Succeeded", status="SUCCEEDED")]


def entered(state: str) -> Event:
    return Event(1, AT, "entered", state)


class Played:
    """An environment in which each service's deployment goes as the test says; then nothing more happens."""

    checkout = None

    def __init__(self, **services: list[list[Event]]) -> None:
        self.services = {name.replace("_", "-"): looks for name, looks in services.items()}
        self.progress: list[str] = []

    def deploy(self, service: str) -> str:
        return service

    def looks(self, service: str) -> Iterator[list[Event]]:
        yield from self.services[service]
        while True:
            yield []

    def play(self) -> None:
        hello.deploy_first(self, self.progress.append)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _without_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hello, "event", lambda _, service: service)


def test_both_are_told_side_by_side_and_each_state_once() -> None:
    waits = [entered("Deploy"), entered("Is It Ready?"), entered("Wait")]
    played = Played(hello_web=[waits, waits, SUCCEEDED], hello_backend=[waits, SUCCEEDED])
    played.play()
    assert played.progress == [
        "hello-web: Deploy",
        "hello-web: Wait",
        "hello-backend: Deploy",
        "hello-backend: Wait",
    ]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        (
            [
                Event(2, AT, "failed", "Deploy", error="Canary.X", cause="it is broken"),
                Event(3, AT, "ended", "Failed", status="FAILED"),
            ],
            r"^the first deployment of hello-web ended in `Failed` \(FAILED\): Canary.X: it is broken$",
        ),
        # Roll Back would try for half an hour.
        (
            [Event(2, AT, "failed", "Roll Back", error="Runtime.Unknown", cause="[Errno 28] No space left on device")],
            r"^the first deployment of hello-web finds the disk full: Runtime.Unknown: \[Errno 28\] No space left",
        ),
    ],
)
def test_a_deployment_that_cannot_succeed_is_not_waited_for(steps: list[Event], complaint: str) -> None:
    played = Played(hello_web=[[], steps], hello_backend=[])
    with pytest.raises(LocalError, match=complaint):
        played.play()


def test_deployments_that_take_too_long_are_named_with_the_last_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hello, "LIMIT_SECONDS", 0.0)
    played = Played(
        hello_web=[SUCCEEDED], hello_backend=[[Event(2, AT, "failed", "Deploy", error="Canary.X", cause="no")]]
    )
    with pytest.raises(LocalError, match="^the first deployment of hello-backend takes more than 0 s: Canary.X: no$"):
        played.play()
    assert played.progress == ["hello-backend: attempt failed: Canary.X: no"]


def test_an_interruption_ends_everything_that_waits() -> None:
    class Interrupted(Played):
        def looks(self, service: str) -> Iterator[list[Event]]:
            # Only this thread gets interruptions; others would go on, and their end be waited for.
            assert threading.current_thread() is threading.main_thread()
            yield []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted().play()
