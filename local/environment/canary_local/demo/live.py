"""The demo on the terminal: a compact live view, or plain lines where the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..interrupts import MESSAGE
from .history import Progress
from .judge import Claim, Deployment, Played, step_results
from .load import failures
from .play import Status, View

BAR_CELLS = 40
VERDICT_STYLES = {"Healthy": "green", "Unhealthy": "bold red", "Inconclusive": "yellow"}


@contextmanager
def view(console: Console, scenes: int) -> Iterator[View]:
    """The live view where it can be redrawn, plain lines elsewhere."""
    if not console.is_terminal:
        yield PlainView(console)
        return
    try:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield TerminalView(live, scenes)
    except KeyboardInterrupt:
        # The view has drawn over the line that said so.
        console.print(MESSAGE)
        raise


class TerminalView:
    """Redraws one panel in place."""

    def __init__(self, live: Live, scenes: int) -> None:
        self._live, self._scenes = live, scenes

    def update(self, status: Status) -> None:
        """Draws how the scene stands."""
        self._live.update(panel(status, self._scenes), refresh=True)


class PlainView:
    """Prints a line per deployment whenever its state, weight or verdict changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: dict[str, tuple[object, ...]] = {}

    def update(self, status: Status) -> None:
        """Prints what changed since the last call."""
        for deployment in status.played.deployments:
            progress = deployment.progress
            now = (deployment.execution, progress.state, progress.weight, progress.check)
            before = self._printed.get(deployment.version.microservice)
            if not progress.state or now == before:
                continue
            self._printed[deployment.version.microservice] = now
            parts = [
                f"{status.elapsed:6.1f} s",
                f"{deployment.version.image}",
                progress.state,
                f"weight {progress.weight} %",
                f"{status.requests} requests, {status.failed} failed",
            ]
            if progress.check and (before is None or before[-1] != progress.check):
                parts.append(f"verdict {_verdict(progress)}")
            self._console.print(" | ".join(parts), markup=False, highlight=False, soft_wrap=True)


def _verdict(progress: Progress) -> str:
    return progress.check.words if progress.check else "none yet"


def panel(status: Status, scenes: int) -> Panel:
    """The live view of a scene."""
    scene = status.played.scene
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    for deployment in status.played.deployments:
        progress = deployment.progress
        rows.add_row(
            deployment.version.microservice, f"[bold]{deployment.version.sha}[/]  {progress.state or 'starting'}"
        )
        rows.add_row("weight", _bar(float(progress.weight), "cyan"))
        if scene.under_load:
            rows.add_row("measured", _bar(status.share.percent, "blue", f"of {status.share.total} requests"))
        style = VERDICT_STYLES.get(progress.check.verdict if progress.check else "", "dim")
        rows.add_row("last verdict", Text(_verdict(progress), style))
    if scene.under_load:
        failed = Text(f"{status.failed} failed", "bold red" if status.failed else "green")
        rows.add_row("requests", Text(f"{status.rate:.0f}/s, {status.requests:,} in all, ").append_text(failed))
    rows.add_row("elapsed", f"{status.elapsed:.0f} s")
    title = f"scene {status.played.number} of {scenes}: {scene.name}"
    return Panel(Group(Text(scene.promise, "italic"), rows), title=title, title_align="left", box=box.ROUNDED)


def _bar(percent: float | None, style: str, note: str = "") -> Text:
    if percent is None:
        return Text("no requests yet", "dim")
    filled = round(BAR_CELLS * percent / 100.0)
    bar = Text("█" * filled, style).append("░" * (BAR_CELLS - filled), "dim")
    return bar.append(f" {percent:5.1f} % {note}")


def announce(console: Console, played: Played, claims: Sequence[Claim]) -> None:
    """Says how a scene ended, naming every claim that was not kept."""
    kept = all(claim.kept for claim in claims)
    mark = Text("✓" if kept else "✗", "bold green" if kept else "bold red")
    seconds = played.finished - played.started
    console.print(mark.append(f" scene {played.number}: {played.scene.name} ({seconds:.0f} s)", "default"))
    for claim in claims:
        if not claim.kept:
            console.print(Text(f"    not as promised: {claim.text}; found: {claim.found}", "red"))


def summary(results: Sequence[tuple[Played, Sequence[Claim]]]) -> Table:
    """The table that the demo ends with."""
    table = Table(box=box.SIMPLE_HEAD, title="canary demo", title_style="bold")
    for name in ("scene", "outcome"):
        table.add_column(name)
    for name in ("set → measured", "requests", "failed", "time"):
        table.add_column(name, justify="right")
    table.add_column("as promised", justify="center")
    for played, claims in results:
        kept = all(claim.kept for claim in claims)
        table.add_row(
            f"{played.number}. {played.scene.name}",
            "\n".join(dict.fromkeys(deployment.progress.outcome for deployment in played.deployments)),
            "\n".join(_steps(played, deployment) for deployment in played.deployments),
            f"{len(played.requests):,}",
            f"{failures(played.requests):,}",
            f"{played.finished - played.started:.0f} s",
            Text("✓", "green") if kept else Text("✗", "bold red"),
        )
    return table


def _steps(played: Played, deployment: Deployment) -> str:
    steps = step_results(played, deployment)
    if not played.scene.under_load:
        return f"{deployment.version.microservice} " + ", ".join(f"{result.step.weight} %" for result in steps)
    shares = (None if result.share.percent is None else f"{result.share.percent:.1f} %" for result in steps)
    lines = [f"{result.step.weight} → {share or 'nothing'}" for result, share in zip(steps, shares)]
    return "\n".join(lines) or "none"
