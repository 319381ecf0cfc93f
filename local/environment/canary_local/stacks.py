"""Artifacts and stacks that the environment starts with, deployed the way they are deployed to AWS."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from .aws import REGION
from .checkout import FUNCTIONS, Checkout, architecture
from .errors import LocalError
from .metrics import Metrics

BUCKET = "canary-artifacts"
SHARED_STACK = "canary-shared"
HELLO_STACK = "demo"
NAMESPACE = "demo.local"
PREFIX = "local/"
STACK_SECONDS = 120.0
_POLL_SECONDS = 0.2

Clients = Callable[[str], Any]


def upload_artifacts(client: Clients, checkout: Checkout) -> None:
    """Puts the function zips and the state machine where the shared template looks for them."""
    s3 = client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for function in FUNCTIONS:
        path = checkout.package(function)
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}{path.name}", Body=path.read_bytes())
    s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}{checkout.definition.name}", Body=checkout.definition.read_bytes())


def deploy_shared(client: Clients, checkout: Checkout, metrics: Metrics) -> dict[str, str]:
    """Deploys functions and state machine; returns the stack's outputs."""
    parameters = {
        "ArtifactBucket": BUCKET,
        "ArtifactPrefix": PREFIX,
        "Architecture": architecture(),
        # As fast as the template allows.
        "PollSeconds": "2",
        **metrics.stack_parameters(),
    }
    return deploy(client, SHARED_STACK, checkout.shared_template, parameters)


def deploy_hello(client: Clients, checkout: Checkout) -> dict[str, str]:
    """Deploys the environment of the hello sample; returns the stack's outputs."""
    return deploy(
        client, HELLO_STACK, checkout.hello_template, {"EnvironmentName": HELLO_STACK, "Namespace": NAMESPACE}
    )


def deploy(client: Clients, name: str, template: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    """Creates a stack, waits for it and returns its outputs. The template goes by way of S3, so it may be large."""
    key = f"{PREFIX}templates/{template.name}"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=template.read_bytes())
    cloudformation = client("cloudformation")
    try:
        cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"https://s3.{REGION}.amazonaws.com/{BUCKET}/{key}",
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
    except ClientError as error:
        raise LocalError(f"stack `{name}` was refused: {error.response['Error']['Message']}") from error
    stack = _await_stack(cloudformation, name)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reasons = failures(cloudformation, name) or [stack.get("StackStatusReason", "no reason given")]
        raise LocalError(f"stack `{name}` ended in {stack['StackStatus']}: " + "; ".join(reasons))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def outputs(client: Clients, name: str) -> dict[str, str]:
    """The outputs of a stack, or a `LocalError` if there is no such stack."""
    try:
        found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in error.response["Error"]["Message"]:
            raise
        raise LocalError(f"there is no stack `{name}`: `make create-shared-cloudformation-stack` makes it") from None
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def failures(cloudformation: Any, name: str) -> list[str]:
    """What failed in a stack, oldest first: `Logical (Type): reason`."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    return [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def _await_stack(cloudformation: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + STACK_SECONDS
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        if time.monotonic() > deadline:
            raise LocalError(f"stack `{name}` is still {stack['StackStatus']} after {STACK_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
