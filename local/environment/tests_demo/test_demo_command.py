"""The command `demo`: what it refuses, and how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from canary_local.demo.command import main
from canary_local.environment import Environment
from canary_local.errors import LocalError

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "arguments",
    [["--rate", "0"], ["--percentage-step", "0"], ["--percentage-step", "101"], ["--wait", "-1"], ["--wait", "1.5"]],
)
def test_arguments_that_make_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2
    assert f"argument {arguments[0]}: `{arguments[1]}` is not a whole number from" in capsys.readouterr().err


def test_a_demo_that_cannot_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> Environment:
        raise LocalError("another command is starting an environment")

    monkeypatch.setattr(Environment, "start", refuse)
    assert main(["--checkout", str(CHECKOUT), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "error: another command is starting an environment\n"
    (tmp_path / "file").touch()
    assert main(["--checkout", str(CHECKOUT), "--out", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.splitlines() == [f"error: `{tmp_path / 'file'}`: File exists"]
