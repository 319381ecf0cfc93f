"""Following an execution: what else is said meanwhile, and what if the environment ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from canary_local import state
from canary_local.commands import main
from canary_local.environment import Environment
from canary_local.errors import LocalError
from canary_local.executions import Event
from canary_local.processes import Process, this


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


class Followed:
    """An environment in which following an execution fails after its first step."""

    def __init__(self, state_dir: Path, failure: BaseException) -> None:
        self.state_dir = state_dir
        self.failure = failure

    def repair(self, environment: str, service: str) -> str:
        return f"arn:{environment}:{service}"

    def looks(self, _: str) -> Iterator[list[Event]]:
        yield [Event(1, datetime.now(), "entered", "Wait")]
        raise self.failure

    def problems(self) -> list[dict[str, str]]:
        return [{"task": "web-1", "resource": "virtual node `web-1`", "message": "bad regex\n"}]


DIED = "error: ministack ended unexpectedly: `make logs NAME=ministack` may tell why, `make down up` starts again"
LOST = [
    EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ConnectionClosedError(endpoint_url="http://127.0.0.1:1"),
    ResponseParserError("half an answer"),
    ClientError({"Error": {"Code": "InternalError", "Message": "shutting down"}}, "DescribeExecution"),
    LocalError("port 1 does not answer"),
]


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize(
    ("left", "says"),
    [
        (None, ["error: the environment was ended meanwhile: `make down` does that"]),
        ("ending", ["error: the environment was ended meanwhile: `make down` does that"]),
        ("dead", [DIED]),
    ],
)
def test_an_environment_that_ends_while_it_is_used_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: Exception,
    left: str | None,
    says: list[str],
) -> None:
    if left:
        dead = Process("ministack", os.getpid(), 1, "")
        state.save(tmp_path, state.State(1, 2, [dead], ready=True, ending=left == "ending"))
    monkeypatch.setattr(Environment, "attach", lambda **_: Followed(tmp_path, failure))

    assert main(["repair", "web"]) == 1

    assert said(capsys).splitlines() == says


@pytest.mark.parametrize("failure", [*LOST[:1], *LOST[3:]], ids=lambda failure: type(failure).__name__)
def test_a_failure_of_an_environment_that_runs_is_said_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: Exception
) -> None:
    state.save(tmp_path, state.State(1, 2, [this()], ready=True))
    monkeypatch.setattr(Environment, "attach", lambda **_: Followed(tmp_path, failure))
    assert main(["repair", "web"]) == 1
    assert said(capsys) == f"error: {failure}"


def test_a_configuration_that_envoy_rejects_is_said_once_while_a_deployment_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    followed = Followed(tmp_path, AssertionError())
    ended = Event(2, datetime.now(), "ended", status="SUCCEEDED")
    monkeypatch.setattr(followed, "looks", lambda _: iter([[], [], [ended]]))
    monkeypatch.setattr(Environment, "attach", lambda **_: followed)
    assert main(["repair", "web"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "arn:demo:web",
        "problem    virtual node `web-1` (task web-1): bad regex\\n",
    ]


def test_whoever_stops_following_a_deployment_is_told_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Environment, "attach", lambda **_: Followed(Path(), KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        main(["repair", "web"])
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "arn:demo:web"
    assert "the execution goes on" in err and "--execution-arn arn:demo:web\n  make repair SERVICE=web\n" in err
