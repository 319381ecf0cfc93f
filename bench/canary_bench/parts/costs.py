"""What a deployment uses of AWS and costs there, beside the seeds' design, and what follows for the interval between polls.

Arithmetic alone: nothing is started, and the tables depend on the state machine, the prices and the assumptions only.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from statistics import mean

from canary_bench.costs import ours, prices, seeds
from canary_bench.costs.scenario import METRIC_PERIOD_SECONDS, Scenario
from canary_bench.costs.usage import Usage
from canary_bench.tables import table

WHAT = "what a deployment uses of AWS and costs there (computed, a second)"

DEPLOYMENTS = {"10 × 60 s": Scenario(10, 60), "4 × 300 s": Scenario(4, 300), "1 × 86,400 s": Scenario(1, 86_400)}
# The nearest that the seeds' design can do to a day's bake, since it does not watch 100 %.
SEEDS = {**DEPLOYMENTS, "1 × 86,400 s": Scenario(2, 86_400)}
POLLS = (2, 5, 10, 15, 20, 30, 60)
DAY = 86_400
CHECKS = (DAY, 21_600, 3_600, 900, 300, 60, 30)
HISTORY_EVENTS = 25_000
MOMENT = 0.1


def add_options(parser: ArgumentParser) -> None:
    """Nothing: there is nothing to measure."""


def measure(_options: Namespace) -> str:
    """All tables."""
    return "\n\n".join([
        f"**Prices**\n\n{price_list()}",
        f"**Used**\n\n{used()}",
        f"**Dollars**\n\n{dollars()}",
        f"**`PollSeconds`, for 10 × 60 s**\n\n{intervals()}",
        f"**Checks in a day at one weight**\n\n{checks()}",
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
    """Cost and delay against `PollSeconds`, for stacks and data that are ready at any moment between two polls."""
    rows = []
    for poll in POLLS:
        scenarios = anywhere(poll)
        usages = [ours.deploy(scenario)[1] for scenario in scenarios]
        total = mean(usage.total() for usage in usages)
        # What the deployment takes without a single second of delay: creation, the data of ten steps, removal.
        delay = mean(usage.seconds for usage in usages) - mean(undelayed(scenario) for scenario in scenarios)
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
        Scenario(10, 60, poll=poll, create=180 + poll * part / parts, delete=120 + poll * part / parts,
                 begun=METRIC_PERIOD_SECONDS * part / parts)
        for part in range(1, parts + 1)
    ]  # fmt: skip


def undelayed(scenario: Scenario) -> float:
    """What a deployment takes whose stacks and data are noticed a moment later, and whose functions take none."""
    now = scenario.create
    for _ in range(scenario.steps):
        # Not at the very moment at which a data point begins: the shift that follows is in that one.
        now = scenario.complete_at(now) + MOMENT
    return now + scenario.delete


def checks() -> str:
    """A day at one weight, checked again and again."""
    rows = []
    for interval in CHECKS:
        # Data that are complete a day after the shift: until then every check says to check again.
        period = min(METRIC_PERIOD_SECONDS, interval)
        delay = DAY - interval - 2 * period
        scenario = Scenario(1, interval, poll=interval, period=period, delay=delay, create=interval, delete=interval)
        _, usage = ours.deploy(scenario)
        fits = "yes" if usage.events <= HISTORY_EVENTS else "no"
        asked = usage.dollars()[prices.METRIC]
        made = usage.invocations["${GatherHealthFunctionArn}"]
        rows.append([
            f"{interval}", f"{made}", f"{usage.transitions}", f"{usage.calls.total()}", f"{usage.events}", fits,
            f"{asked:.4f}", f"{usage.total():.4f}",
        ])  # fmt: skip
    head = ["s between checks", "checks", "transitions", "AWS calls", "history events", "fits", "$ of metrics", "$"]
    return table(head, rows)
