"""What others wrote cannot steer the terminal: causes, verdicts, fields of events, and what containers print."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime, timezone
from pathlib import Path

import pytest

from canary_local import commands, logs
from canary_local.executions import Event
from canary_local.printed import plain
from canary_local.report import Narrator

HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the title": "\x1b]0;owned\x07",
    "eight-bit control": "\x9b31m",
    "overwrites the line": "ok\rSUCCEEDED",
    "forges a line": "x\n12:00:00  SUCCEEDED",
    "another line end": "x\u2028SUCCEEDED\u2029\x85",
    "turns the text": "\u202egnp.exe\u2066",
    "hidden": "a\u200bb\u00adc\ufeff",
    "backspaces": "FAILED\b\b\b\b\b\bfine",
}
AT = datetime(2026, 11, 21, tzinfo=timezone.utc)
_STEERING = ("Cc", "Cf", "Zl", "Zp", "Cs")


def harmless(text: str) -> bool:
    return not any(unicodedata.category(each) in _STEERING for each in text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_deployment_is_told_in_lines_of_visible_characters(text: str) -> None:
    lambda_error = json.dumps({"errorType": "Canary.X", "errorMessage": text})
    progress = {"phase": "Unhealthy", "weight": 25, "checks": [{"verdict": text, "reason": text, "weight": 25}]}
    events = [
        Event(1, AT, "entered", state=text),
        Event(2, AT, "failed", error=text, cause=lambda_error),
        Event(3, AT, "exited", data={"progress": progress, "failure": {"Error": text, "Cause": lambda_error}}),
        Event(4, AT, "ended", error=text, cause=text, status="FAILED"),
    ]
    told = Narrator()
    lines = [line for event in events for line in told.lines(event)]
    assert len(lines) == 6
    assert all(harmless(line) for line in lines)
    assert all(len(line.splitlines()) == 1 for line in lines)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_error_and_a_log_are_shown_without_being_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({text: 1}, ensure_ascii=False)[:-1] + f", {json.dumps(text, ensure_ascii=True)}: 2}}")
    assert commands.main(["--state-dir", str(tmp_path / "none"), "deploy", "--event", str(event)]) == 1
    said = capsys.readouterr().err
    assert all(harmless(line) for line in said.split("\n")), said
    log = tmp_path / "app.log"
    log.write_text(text, newline="")
    assert all(harmless(line) for line in logs.shown({"app": log}, 10).split("\n"))


def test_what_is_visible_stays_as_it_is() -> None:
    for text in ("`web-bbb`: 25 %, näve → 日本語 'x' \"y\" \\ z", ""):
        assert plain(text) == text
    assert plain("a\tb\n") == "a\\tb\\n"
