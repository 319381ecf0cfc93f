"""The report's data and its page, with awkward data too."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from demo_recordings import AFTER, BEFORE, BEGIN, History, played, promoted, rolled_back

from canary_local.demo.history import ROLLED_BACK, SUCCEEDED, Check
from canary_local.demo.judge import Claim, Played, judge
from canary_local.demo.page import render
from canary_local.demo.plot import _round_up, phases, weight_changes
from canary_local.demo.report import build, timeline

FACTS = {"envoy": "1.40.0", "machine": {"cores": 2}}
VOID = {"meta", "br"}


class Balance(HTMLParser):
    """Fails on tags that are closed out of order or never."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


def page(*scenes: Played) -> str:
    html = render(build([(scene, judge(scene)) for scene in scenes], FACTS))
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(svg)
    return html


def test_the_report_carries_each_steps_numbers() -> None:
    report = build([(scene := played(promoted(), SUCCEEDED, AFTER), judge(scene))], FACTS)
    step = report["scenes"][0]["deployments"][0]["steps"][0]
    assert report["kept"] is True
    assert step["weight"] == 25
    assert step["shiftedAt"] == "2027-01-15T08:00:06.000Z"
    assert step["served"] == {"hello-backend-new": 145, "hello-backend-old": 435}
    assert (step["measuredShare"], step["within"], step["failed"]) == (25.0, True, 0)
    assert step["checks"][0]["tasks"] == {"healthy": 2, "desired": 2}
    assert [step["checks"][0][name] for name in ("errors", "threshold", "requests", "settled")] == [0, 5, 160, 120]
    assert json.loads(json.dumps(report)) == report


def test_the_template_is_named_by_its_digest_only() -> None:
    report = build([(scene := played(promoted(), SUCCEEDED, AFTER), judge(scene))], FACTS)
    assert report["scenes"][0]["deployments"][0]["input"]["CanaryTemplate"] == {
        "bytes": 3,
        "sha256": "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78",
    }


def test_one_broken_claim_breaks_the_report() -> None:
    scene = played(rolled_back(), ROLLED_BACK, AFTER)
    report = build([(scene, judge(scene))], FACTS)
    assert report["kept"] is False
    assert report["totals"]["scenesKept"] == 0


def test_a_report_without_scenes_keeps_nothing() -> None:
    assert build([], FACTS)["kept"] is False


def test_the_timeline_has_weight_share_and_failures_second_by_second() -> None:
    scene = played(rolled_back(), ROLLED_BACK, BEFORE, failed_at=[8.0, 8.5])
    points = timeline(scene, scene.deployments[0])
    assert [point["second"] for point in points] == list(range(20))
    assert (points[5]["weight"], points[10]["weight"], points[17]["weight"]) == (0, 25, 0)
    assert (points[3]["share"], points[10]["share"]) == (0.0, 25.0)
    assert [point["failed"] for point in points if point["failed"]] == [2]
    assert sum(point["requests"] for point in points) == len(scene.requests)


def test_the_page_shows_steps_verdicts_and_the_rollback() -> None:
    html = page(played(promoted(), SUCCEEDED, AFTER), played(rolled_back(), ROLLED_BACK, BEFORE, failed_at=[8.0]))
    assert html.count("<figure>") == 2
    assert "Canary.RolledBack" in html
    # When, weight, 5xx, allowed, requests, settled, tasks, verdict and reason.
    figures = "".join(f"<td>{cell}</td>" for cell in ("15.0 s", "25 %", "17", "5", "160", "120", "2 of 2"))
    verdict = '<strong class="unhealthy">Unhealthy</strong> <code>hello-backend-new</code> answered 17 of 160 requests'
    assert f'{figures}<td class="words">{verdict}' in html
    assert 'class="failed"' in html
    assert "http://" not in html and "https://" not in html


def test_a_scene_without_requests_or_steps_is_still_a_page() -> None:
    history = History()
    history.end(7.0, ROLLED_BACK)
    scene = played(history, ROLLED_BACK, BEFORE)
    scene.requests, scene.samples = (), []
    html = page(scene)
    assert "the new version never received traffic" in html
    assert "no failed request" in html


def test_a_scene_of_no_length_is_still_a_page() -> None:
    scene = played(History(), SUCCEEDED, BEFORE)
    scene.finished = scene.started
    scene.requests, scene.samples = (), []
    page(scene)


@pytest.mark.parametrize("awkward", ['<script>alert("x")</script>', "a & b", "un`even", "\" onload='x"])
def test_what_others_wrote_is_escaped(awkward: str) -> None:
    scene = played(rolled_back(), ROLLED_BACK, BEFORE)
    scene.deployments[0].event["Namespace"] = awkward
    scene.deployments[0].progress.failure = {"Error": awkward, "Cause": awkward}
    step = scene.deployments[0].progress.steps[0]
    step.checks = [Check(check.at, awkward, awkward) for check in step.checks]
    report = build([(scene, [Claim(False, awkward, awkward)])], {awkward: awkward})
    html = render(report)
    assert "<script" not in html
    assert "onload='" not in html
    Balance().feed(html)
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(svg)


def test_phases_and_weight_changes_follow_the_execution() -> None:
    report = build([(scene := played(rolled_back(), ROLLED_BACK, BEFORE), judge(scene))], FACTS)
    deployment = report["scenes"][0]["deployments"][0]
    assert [words for _, words, _ in phases(deployment)] == [
        "checking",
        "bringing up",
        "25 %",
        "rolling back",
        "rolled back",
    ]
    assert [(round(at - BEGIN, 1), weight) for at, weight in weight_changes(deployment)] == [(6.0, 25), (15.5, 0)]


@pytest.mark.parametrize(("most", "top"), [(0, 2), (2, 2), (3, 4), (9, 10), (10, 20), (25, 40), (81, 100), (101, 200)])
def test_the_errors_axis_ends_at_a_round_even_number(most: int, top: int) -> None:
    assert _round_up(most) == top
