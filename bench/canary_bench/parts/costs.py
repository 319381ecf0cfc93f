"""What a deployment uses of AWS and costs there, beside the seeds' design, and what follows for the interval between looks.

Arithmetic alone: nothing is started, and the tables depend on the state machine, the prices and the assumptions only.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from statistics import mean

from canary_bench.costs import ours, prices, seeds
from canary_bench.costs.scenario import Scenario
from canary_bench.costs.usage import Usage
from canary_bench.tables import table

WHAT = "what a deployment uses of AWS and costs there (computed, a second)"

DEPLOYMENTS = {"10 × 60 s": Scenario(10, 60), "4 × 300 s": Scenario(4, 300), "1 × 86,400 s": Scenario(1, 86_400)}
# The nearest that the seeds' design can do to a day's bake, since it does not watch 100 %.
SEEDS = {**DEPLOYMENTS, "1 × 86,400 s": Scenario(2, 86_400)}
POLLS = (2, 5, 10, 15, 20, 30, 60)
DAY = 86_400
LOOKS = (DAY, 21_600, 3_600, 900, 300, 60, 15)
HISTORY_EVENTS = 25_000


def add_options(parser: ArgumentParser) -> None:
    """Nothing: there is nothing to measure."""


def measure(_options: Namespace) -> str:
    """All tables."""
    return "\n\n".join([
        f"**Prices**\n\n{price_list()}",
        f"**Used**\n\n{used()}",
        f"**Dollars**\n\n{dollars()}",
        f"**`PollSeconds`, for 10 × 60 s**\n\n{intervals()}",
        f"**Looks in a day at one weight**\n\n{looks()}",
    ])  # fmt: skip


def price_list() -> str:
    """Every price, with its page."""
    return table(
        ["", "$ for one", ""], [[price.each, shown(price.dollars), f"[page]({price.page})"] for price in prices.PRICES]
    )


def shown(dollars: float) -> str:
    """A price without an exponent and without zeros at its end."""
    return f"{dollars:.13f}".rstrip("0").rstrip(".")


def used() -> str:
    """What each design uses for each deployment."""
    rows = []
    for name, design, usage in both():
        rows.append([
            f"{name}, {design}", f"{usage.transitions}", f"{usage.events}", f"{usage.invocations.total()}",
            f"{usage.lambda_ms:,.0f}", f"{usage.gb_seconds:.2f}", f"{usage.calls.total()}", f"{usage.seconds / 60:,.0f}",
        ])  # fmt: skip
    head = ["", "transitions", "history events", "invocations", "Lambda ms", "GB-s", "AWS calls", "minutes"]
    return table(head, rows)


def dollars() -> str:
    """What each design costs for each deployment."""
    rows = []
    for name, design, usage in both():
        by_price = usage.dollars()
        compute = by_price[prices.REQUEST] + by_price[prices.GB_SECOND]
        rest = by_price[prices.LOG_GB] + by_price[prices.WRITE_UNIT] + by_price[prices.TRACE]
        parts = (by_price[prices.TRANSITION], compute, by_price[prices.METRIC], rest, usage.total())
        rows.append([f"{name}, {design}", *(f"{each:.5f}" for each in parts), f"{usage.pipeline():.3f}"])
    head = ["", "transitions", "Lambda", "metrics", "logs, lock, trace", "together", "pipeline, V2"]
    return table(head, rows)


def both() -> list[tuple[str, str, Usage]]:
    """Ours and the seeds' for each deployment."""
    return [
        made
        for name, scenario in DEPLOYMENTS.items()
        for made in ((name, "ours", ours.deploy(scenario)[1]), (name, "seeds", seeds.deploy(SEEDS[name])))
    ]


def intervals() -> str:
    """Cost and delay against `PollSeconds`, for stacks and data that are ready at any moment between two looks."""
    rows = []
    for poll in POLLS:
        usages = [ours.deploy(scenario)[1] for scenario in anywhere(poll)]
        total = mean(usage.total() for usage in usages)
        # What the deployment takes without a single second of delay: creation, ten times data 120 s late, removal.
        delay = mean(usage.seconds for usage in usages) - mean(
            s.create + s.delete + s.steps * s.late for s in anywhere(poll)
        )
        waiting = delay / 60 * prices.PIPELINE_MINUTE.dollars
        rows.append([
            f"{poll}", f"{mean(usage.transitions for usage in usages):.0f}", f"{total:.4f}", f"{delay:.0f}",
            f"{waiting:.4f}", f"{total + waiting:.4f}",
        ])  # fmt: skip
    return table(["`PollSeconds`", "transitions", "$", "delay s", "$ of the pipeline for the delay", "together"], rows)


def anywhere(poll: int) -> list[Scenario]:
    """The same deployment with everything ready a little later, up to one interval."""
    parts = 10
    return [
        Scenario(10, 60, poll=poll, create=180 + later, delete=120 + later, late=100 + later)
        for later in (poll * part / parts for part in range(1, parts + 1))
    ]


def looks() -> str:
    """A bake of a day, looked at again and again."""
    rows = []
    for interval in LOOKS:
        # Looks that say to look again until the day is over.
        _, usage = ours.deploy(Scenario(1, interval, poll=interval, late=DAY, create=interval, delete=interval))
        fits = "yes" if usage.events <= HISTORY_EVENTS else "no"
        asked = usage.dollars()[prices.METRIC]
        made = usage.invocations["${GatherHealthFunctionArn}"]
        rows.append(
            [
                f"{interval}",
                f"{made}",
                f"{usage.transitions}",
                f"{usage.calls.total()}",
                f"{usage.events}",
                fits,
                f"{asked:.4f}",
                f"{usage.total():.4f}",
            ]
        )
    return table(
        ["s between looks", "looks", "transitions", "AWS calls", "history events", "fits", "$ of metrics", "$"], rows
    )
