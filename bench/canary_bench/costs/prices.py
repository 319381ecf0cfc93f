"""AWS's prices for us-west-2, on demand and beyond the free tiers, and what stands in for figures that AWS does not publish."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """US dollars for one of something, and the page that says so."""

    dollars: float
    each: str
    page: str


TRANSITION = Price(0.025 / 1_000, "state transition", "https://aws.amazon.com/step-functions/pricing/")
REQUEST = Price(0.20 / 1_000_000, "Lambda request", "https://aws.amazon.com/lambda/pricing/")
GB_SECOND = Price(0.000_013_333_4, "Lambda GB-second, arm64", "https://aws.amazon.com/lambda/pricing/")
METRIC = Price(0.01 / 1_000, "metric asked for with GetMetricData", "https://aws.amazon.com/cloudwatch/pricing/")
LOG_GB = Price(0.50, "GB of logs", "https://aws.amazon.com/cloudwatch/pricing/")
WRITE_UNIT = Price(
    0.625 / 1_000_000, "DynamoDB write request unit", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
)
TRACE = Price(5.00 / 1_000_000, "X-Ray trace", "https://aws.amazon.com/xray/pricing/")
PIPELINE_MINUTE = Price(0.002, "minute of an action of a V2 pipeline", "https://aws.amazon.com/codepipeline/pricing/")
PIPELINE_MONTH = Price(1.00, "active V1 pipeline a month", "https://aws.amazon.com/codepipeline/pricing/")

PRICES = (TRANSITION, REQUEST, GB_SECOND, METRIC, LOG_GB, WRITE_UNIT, TRACE, PIPELINE_MINUTE, PIPELINE_MONTH)

VCPU_MIB = 1769
"""MiB at which a function has one virtual processor. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

CALL_MS = 40.0
"""Assumed: an AWS call in the same Region, as its caller waits for it. AWS publishes no figure."""
IDLE_SECONDS = 300.0
"""Assumed: a function that was not called for so long is started anew. AWS publishes no figure."""
EVENT_LOG_BYTES = 500
"""Assumed: an event of an execution in its log, without data."""
INVOCATION_LOG_BYTES = 1_500
"""Assumed: Lambda's own lines of an invocation and the function's one."""
