"""The demo's record for people: `report.html`, one self-contained page made from the report's data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .history import parse_time
from .measure import SETTLE_SECONDS
from .plot import figure

STYLE = Path(__file__).with_name("page.css")

LEGEND = (
    ('<span class="key weight"></span>', "set weight"),
    ('<span class="key share"></span>', "measured share, second by second"),
    ('<span class="key mean"></span>', "measured over the whole step"),
    ('<span class="key allowed"></span>', "what chance allows (4 standard errors)"),
    ('<span class="key failed"></span>', "failed requests"),
    ('<span class="key verdict healthy"></span>', "Healthy"),
    ('<span class="key verdict inconclusive"></span>', "Inconclusive"),
    ('<span class="key verdict unhealthy"></span>', "Unhealthy"),
)


def render(report: Mapping[str, Any]) -> str:
    """The page of a report."""
    totals, scenes = report["totals"], report["scenes"]
    head = "every scene ended as promised" if report["kept"] else "not every scene ended as promised"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Canary demo: {head}</title>",
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body><main>",
        f"<h1>Canary demo {_badge(report['kept'])}</h1>",
        f'<p class="lead">{head.capitalize()}.</p>',
        _tiles(totals),
        _facts(report["environment"]),
        *(_scene(scene) for scene in scenes),
        _method(),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _badge(kept: bool) -> str:
    words = ("kept", "✓ as promised") if kept else ("broken", "✗ not as promised")
    return f'<span class="badge {words[0]}">{words[1]}</span>'


def _tiles(totals: Mapping[str, Any]) -> str:
    tiles = (
        (f"{totals['scenesKept']} of {totals['scenes']}", "scenes as promised"),
        (f"{totals['requests']:,}", "requests"),
        (f"{totals['failed']:,}", "failed"),
        (f"{totals['seconds']:.0f} s", "all scenes"),
    )
    inner = "".join(f"<div><strong>{escape(value)}</strong><span>{name}</span></div>" for value, name in tiles)
    return f'<div class="tiles">{inner}</div>'


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(_plain(value))}</dd>" for name, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def _plain(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, Mapping) else str(value)


def _scene(scene: Mapping[str, Any]) -> str:
    number = scene["number"]
    parts = [
        f'<section aria-labelledby="s{number}">',
        f'<h2 id="s{number}">{number}. {escape(scene["name"])} {_badge(scene["kept"])}</h2>',
        f"<p>Promised: {escape(scene['promise'])}.</p>",
    ]
    for index, deployment in enumerate(scene["deployments"]):
        parts += _deployment(scene, deployment, f"s{number}d{index}")
    parts.append(_claims(scene["claims"]))
    parts.append("</section>")
    return "\n".join(parts)


def _deployment(scene: Mapping[str, Any], deployment: Mapping[str, Any], ident: str) -> Iterator[str]:
    name = f"{deployment['microservice']}:{deployment['version']}"
    behaviour = [f" with <code>{escape(f'{key}={value}')}</code>" for key, value in deployment["behaviour"].items()]
    yield f"<h3><code>{escape(name)}</code>{''.join(behaviour)}</h3>"
    legend = _legend(scene, deployment)
    yield f'<figure>{figure(scene, deployment, ident)}<figcaption class="legend">{legend}</figcaption></figure>'
    yield _steps(scene, deployment)
    yield _checks(scene, deployment)
    if deployment["failure"]:
        failure = deployment["failure"]
        yield f'<p class="failure"><strong>{escape(str(failure.get("Error")))}</strong>: '
        yield f"{_code(str(failure.get('Cause')))}</p>"
    yield _details(deployment)


def _legend(scene: Mapping[str, Any], deployment: Mapping[str, Any]) -> str:
    seen = {check["verdict"] for step in deployment["steps"] for check in step["checks"]}
    measured = {words for _, words in LEGEND[1:4]} if scene["underLoad"] else set()
    failed = {LEGEND[4][1]} if scene["failed"] else set()
    shown = {LEGEND[0][1]} | measured | failed | seen
    return "".join(f"<span>{key}{words}</span>" for key, words in LEGEND if words in shown)


def _steps(scene: Mapping[str, Any], deployment: Mapping[str, Any]) -> str:
    began = parse_time(scene["startedAt"]) or 0.0
    heads = [
        "set weight",
        "at",
        "lasted",
        "served by new / old",
        "measured",
        "allowed",
        "requests",
        "failed",
    ]
    rows = [_cells(_step(step, deployment, began)) for step in deployment["steps"]]
    return _table("steps", heads, rows or [f'<td colspan="{len(heads)}">the new version never received traffic</td>'])


def _table(kind: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _step(step: Mapping[str, Any], deployment: Mapping[str, Any], began: float) -> tuple[str, ...]:
    served = step["served"]
    new, old = served.get(deployment["candidate"] or "candidate", 0), served.get(deployment["stable"] or "", 0)
    allowed = step["allowedShare"]
    exact = allowed["low"] == allowed["high"]
    measured, bounds = "–", "–"
    if step["measuredShare"] is not None:
        mark = "✓" if step["within"] else "✗"
        measured = f'{step["measuredShare"]:.1f} % <span class="{"ok" if step["within"] else "bad"}">{mark}</span>'
        bounds = f"exactly {allowed['low']:g} %" if exact else f"{allowed['low']:.1f}–{allowed['high']:.1f} %"
    return (
        f"{step['weight']} %",
        f"{(parse_time(step['shiftedAt']) or 0.0) - began:.1f} s",
        "–" if step["seconds"] is None else f"{step['seconds']:.1f} s",
        f"{new:,} / {old:,}",
        measured,
        bounds,
        f"{step['requests']:,}",
        f"{step['failed']:,}",
    )


def _checks(scene: Mapping[str, Any], deployment: Mapping[str, Any]) -> str:
    """Every check of the candidate: the value against its bound, the tasks, and the reason of the verdict."""
    began = parse_time(scene["startedAt"]) or 0.0
    heads = ["check at", "weight", "5xx", "allowed", "requests", "settled", "tasks healthy", "verdict and reason"]
    rows = [_check(step, check, began) for step in deployment["steps"] for check in step["checks"]]
    return _table("checks", heads, rows) if rows else ""


def _check(step: Mapping[str, Any], check: Mapping[str, Any], began: float) -> str:
    verdict, tasks = escape(str(check["verdict"])), check["tasks"]
    numbers = (check[name] for name in ("errors", "threshold", "requests", "settled"))
    cells = (
        f"{(parse_time(check['at']) or 0.0) - began:.1f} s",
        f"{step['weight']} %",
        *("–" if number is None else f"{number:,}" for number in numbers),
        f"{tasks['healthy']} of {tasks['desired']}" if tasks else "–",
    )
    words = f'<strong class="{verdict.lower()}">{verdict}</strong> {_code(str(check["reason"]))}'
    return f'{_cells(cells)}<td class="words">{words}</td>'


def _claims(claims: Sequence[Mapping[str, Any]]) -> str:
    items = "".join(
        f'<li class="{"ok" if claim["kept"] else "bad"}"><span aria-hidden="true">{"✓" if claim["kept"] else "✗"}</span>'
        f"<div>{'' if claim['kept'] else 'not kept: '}{_code(claim['claim'])}<small>{_code(claim['found'])}</small></div></li>"
        for claim in claims
    )
    return f'<ul class="claims">{items}</ul>'


def _code(text: str) -> str:
    """Escaped, with what stands in backticks set as code."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))


def _details(deployment: Mapping[str, Any]) -> str:
    event = escape(json.dumps(deployment["input"], indent=2))
    states = "".join(f"<li><code>{state['at']}</code> {escape(state['state'])}</li>" for state in deployment["states"])
    return (
        f"<details><summary>Input and states of the execution</summary>"
        f"<p><code>{escape(deployment['executionArn'])}</code></p>"
        f"<pre>{event}</pre><ol>{states}</ol></details>"
    )


def _method() -> str:
    return (
        "<footer><h2>How this was measured</h2><p>Weights, verdicts and states are read from the Step Functions "
        "execution history. Served counts and shares come from the callers’ Envoys’ own counters of first attempts, "
        f"from {SETTLE_SECONDS:g} s after the router reported the new weights to the state machine setting out to "
        "change them again. Requests and failures are the load generator’s, over the whole step: every answer but a "
        "200, and every broken connection, is a failure."
        "</p></footer>"
    )
