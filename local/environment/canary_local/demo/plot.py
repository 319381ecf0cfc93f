"""The plot of a deployment: set weight, measured share and failed requests over time, as one SVG element."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .history import CHECK, ROLL_BACK, parse_time

WIDTH, LEFT, RIGHT = 1040.0, 64.0, 16.0
RIBBON_TOP, RIBBON_HEIGHT = 8.0, 24.0
SHARE_TOP, SHARE_HEIGHT, SHARE_HEIGHT_ALONE = 50.0, 200.0, 70.0
ERRORS_TOP, ERRORS_HEIGHT = 286.0, 80.0
LETTER_WIDTH = 6.8

PHASES = {
    "Check Deployment Version": ("checking", "quiet"),
    "Deploy New Version": ("bringing up", "quiet"),
    "Remove Old Version": ("removing old", "quiet"),
    "Record New Version": ("recording", "quiet"),
    "Deployment Succeeded": ("succeeded", "good"),
    ROLL_BACK: ("rolling back", "bad"),
    "Deployment Failed & Rolled Back": ("rolled back", "bad"),
    "Deployment Not Checked": ("not checked", "bad"),
    "Deployment Refused": ("refused", "bad"),
    "Unknown Answer": ("unknown answer", "bad"),
    "Rollback Incomplete": ("rollback incomplete", "bad"),
    "Old Version Not Removed": ("old version not removed", "bad"),
}
"""States that begin a new phase of the ribbon, with its words and style. A shift begins one named by its weight."""


@dataclass(frozen=True)
class Scale:
    """A linear scale from values to positions."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value; what lies outside is drawn at the edge."""
        inside = min(max(value, self.low), self.high)
        return round(self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start), 1)


def figure(scene: Mapping[str, Any], deployment: Mapping[str, Any], ident: str) -> str:
    """The SVG of one deployment of a scene, from the report's data. `ident` is unique on the page."""
    loaded = bool(scene["underLoad"])
    bottom = ERRORS_TOP + ERRORS_HEIGHT if loaded else SHARE_TOP + SHARE_HEIGHT_ALONE
    height = bottom + 44
    y = Scale(0.0, 100.0, SHARE_TOP + (SHARE_HEIGHT if loaded else SHARE_HEIGHT_ALONE), SHARE_TOP)
    x = Scale(0.0, max(1.0, float(scene["seconds"])), LEFT, WIDTH - RIGHT)
    began = parse_time(scene["startedAt"]) or 0.0
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-labelledby="{ident}-t {ident}-d">',
        f'<title id="{ident}-t">{escape(deployment["microservice"])} {escape(deployment["version"])}</title>',
        f'<desc id="{ident}-d">{escape(_description(scene, deployment))}</desc>',
        *_ribbon(deployment, x, began),
        *_share_panel(deployment, x, y, began),
        *(_errors_panel(deployment, x) if loaded else ()),
        *_time_axis(x, bottom),
        "</svg>",
    ]
    return "\n".join(parts)


def _description(scene: Mapping[str, Any], deployment: Mapping[str, Any]) -> str:
    steps = ", ".join(
        f"{step['weight']} % set and {_or_none(step['measuredShare'])} measured" for step in deployment["steps"]
    )
    return f"Steps: {steps or 'none'}. Failed requests: {scene['failed']}. Outcome: {deployment['outcome']}."


def _or_none(percent: float | None) -> str:
    return "nothing" if percent is None else f"{percent} %"


def phases(deployment: Mapping[str, Any]) -> list[tuple[float, str, str]]:
    """The deployment's phases as (start, words, style)."""
    found: list[tuple[float, str, str]] = []
    for entry in deployment["states"]:
        words = PHASES.get(entry["state"])
        if words and (not found or found[-1][1:] != words):
            found.append((parse_time(entry["at"]) or 0.0, *words))
    found += [(parse_time(step["shiftedAt"]) or 0.0, f"{step['weight']} %", "step") for step in deployment["steps"]]
    return sorted(found)


def _ribbon(deployment: Mapping[str, Any], x: Scale, began: float) -> Iterator[str]:
    found = phases(deployment)
    ends = [start for start, _, _ in found[1:]] + [began + x.high]
    for (start, words, style), end in zip(found, ends):
        left, right = x(start - began), x(end - began)
        if right - left < 1:
            continue
        yield f'<rect class="phase {style}" x="{left:g}" y="{RIBBON_TOP:g}" width="{right - left - 1:.1f}" '
        yield f'height="{RIBBON_HEIGHT:g}" rx="3"><title>{escape(words)}: {end - start:.1f} s</title></rect>'
        if len(words) * LETTER_WIDTH + 8 <= right - left:
            middle = (left + right) / 2
            yield f'<text class="phase-name {style}" x="{middle:.1f}" y="{RIBBON_TOP + 16:g}">{escape(words)}</text>'


def _share_panel(deployment: Mapping[str, Any], x: Scale, y: Scale, began: float) -> Iterator[str]:
    roomy = y.start - y.end >= SHARE_HEIGHT
    ticks = [0, 25, 50, 75, 100] if roomy else [0, 50, 100]
    yield from _value_axis(y, ticks, "new version’s share (%)" if roomy else "share (%)")
    for step in deployment["steps"]:
        yield from _allowed(step, x, y, began)
    yield _weight_line(deployment, x, y, began)
    for point in deployment["timeline"]:
        if point["share"] is not None and any(step["requests"] for step in deployment["steps"]):
            middle = point["second"] + 0.5
            yield f'<circle class="share" cx="{x(middle):g}" cy="{y(point["share"]):g}" r="3.2">'
            yield f"<title>{point['share']} % measured at {middle:g} s</title></circle>"
    for step in deployment["steps"]:
        for check in step["checks"]:
            yield from _verdict(check, x((parse_time(check["at"]) or 0.0) - began), y)


def _allowed(step: Mapping[str, Any], x: Scale, y: Scale, began: float) -> Iterator[str]:
    if step["measuredShare"] is None or step["changedAgainAt"] is None:
        return
    left, right = (x((parse_time(step[key]) or 0.0) - began) for key in ("shiftedAt", "changedAgainAt"))
    low, high = y(step["allowedShare"]["low"]), y(step["allowedShare"]["high"])
    measured = y(step["measuredShare"])
    yield f'<rect class="allowed" x="{left:g}" y="{high:g}" width="{right - left:.1f}" height="{low - high:.1f}">'
    yield "<title>what chance allows the whole step’s share to be</title></rect>"
    yield f'<line class="mean" x1="{left:g}" x2="{right:g}" y1="{measured:g}" y2="{measured:g}"/>'


def _weight_line(deployment: Mapping[str, Any], x: Scale, y: Scale, began: float) -> str:
    path, last = f"M{x(0):g} {y(0):g}", 0
    for at, weight in weight_changes(deployment):
        path += f"H{x(at - began):g}V{y(weight):g}"
        last = weight
    return f'<path class="weight" d="{path}H{x(x.high):g}"><title>set weight, {last} % at the end</title></path>'


def weight_changes(deployment: Mapping[str, Any]) -> list[tuple[float, int]]:
    """When the router got which weight."""
    changes = [(parse_time(step["shiftedAt"]) or 0.0, int(step["weight"])) for step in deployment["steps"]]
    restored = parse_time(deployment["trafficRestoredAt"])
    return changes if restored is None or not changes else [*changes, (restored, 0)]


def _verdict(check: Mapping[str, Any], left: float, y: Scale) -> Iterator[str]:
    style = escape(str(check["verdict"]).lower(), quote=True)
    yield f'<line class="check" x1="{left:g}" x2="{left:g}" y1="{y(0):g}" y2="{y(100):g}"/>'
    yield f'<circle class="verdict {style}" cx="{left:g}" cy="{y(100) - 6:g}" r="5">'
    yield f"<title>{CHECK}: {escape(str(check['verdict']))}: {escape(str(check['reason']))}</title></circle>"


def _errors_panel(deployment: Mapping[str, Any], x: Scale) -> Iterator[str]:
    points: Sequence[Mapping[str, Any]] = deployment["timeline"]
    most = max((point["failed"] for point in points), default=0)
    top = _round_up(most)
    y = Scale(0.0, float(top), ERRORS_TOP + ERRORS_HEIGHT, ERRORS_TOP)
    yield from _value_axis(y, [0, top // 2, top], "failed (1/s)")
    for point in points:
        if point["failed"]:
            left, right = x(point["second"]), x(point["second"] + 1.0)
            high = y(point["failed"])
            yield f'<rect class="failed" x="{left:g}" y="{high:g}" width="{max(1.0, right - left - 2):.1f}" '
            yield f'height="{y(0) - high:.1f}"><title>{point["failed"]} of {point["requests"]} requests failed '
            yield f"in second {point['second']:g}</title></rect>"
    if most == 0:
        yield f'<text class="note" x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{y(top / 2) + 4:g}">no failed request</text>'


def _round_up(most: int) -> int:
    """The even number, round enough for an axis, that is not below `most`."""
    power = 10 ** max(0, len(str(most)) - 1)
    return next(step * power for step in (2, 4, 6, 8, 10, 20) if step * power >= most)


def _value_axis(y: Scale, ticks: Sequence[float], label: str) -> Iterator[str]:
    for tick in ticks:
        yield f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y(tick):g}" y2="{y(tick):g}"/>'
        yield f'<text class="tick value" x="{LEFT - 8:g}" y="{y(tick) + 4:g}">{tick:g}</text>'
    middle = (y.start + y.end) / 2
    yield f'<text class="axis" transform="translate(16 {middle:g}) rotate(-90)">{escape(label)}</text>'


def _time_axis(x: Scale, bottom: float) -> Iterator[str]:
    every = next((step for step in (1, 2, 5, 10, 20, 30, 60) if x.high / step <= 14), 120)
    for second in range(0, int(x.high) + 1, every):
        yield f'<line class="tick-mark" x1="{x(second):g}" x2="{x(second):g}" y1="{bottom:g}" y2="{bottom + 5:g}"/>'
        yield f'<text class="tick time" x="{x(second):g}" y="{bottom + 18:g}">{second}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text class="axis" x="{middle:g}" y="{bottom + 38:g}">time since the scene began (s)</text>'
