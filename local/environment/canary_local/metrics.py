"""How often Envoy's counters are scraped, and how late CloudWatch has them: one setting for data plane and shared stack."""

from __future__ import annotations

from dataclasses import dataclass

PERIODS = (1, 5, 10, 30, 60)
# A busy machine scrapes and publishes later than it should.
SLACK_SECONDS = 2


@dataclass(frozen=True)
class Metrics:
    """Seconds between two scrapes, which are the period of a data point, and from a scrape until CloudWatch has it."""

    period: int = 1
    delay: int = 1

    def dataplane_options(self) -> dict[str, int]:
        """The data plane's options, by their names."""
        return {"metric-period": self.period, "metric-delay": self.delay}

    def stack_parameters(self) -> dict[str, str]:
        """The shared stack's parameters, by their names."""
        return {
            "MetricPeriodSeconds": str(self.period),
            "MetricDelaySeconds": str(self.delay + SLACK_SECONDS),
        }
