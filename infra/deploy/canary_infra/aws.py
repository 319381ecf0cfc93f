"""Clients, configured by the environment as every AWS tool is: profile, credentials, Region and AWS_ENDPOINT_URL."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import InfraError

Clients = Callable[[str], Any]


def clients(region: str) -> Clients:
    """boto3 clients for a Region, made once each. A proxy is never asked for an endpoint on this machine."""
    session = boto3.Session(region_name=region)
    local = is_loopback(os.environ.get("AWS_ENDPOINT_URL", ""))
    # Stacks are looked at often, by an account's other users too: throttling is usual on AWS, and has no meaning here.
    config = Config(retries={"mode": "standard", "max_attempts": 3 if local else 8}, **{"proxies": {}} if local else {})
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, config=config)
        return made[service]

    return client


def identity(client: Clients) -> tuple[str, str]:
    """The account and the partition of the credentials, or an `InfraError` that says what is missing."""
    try:
        caller = client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise InfraError(f"no access to AWS: {error}") from error
    return caller["Account"], caller["Arn"].split(":")[1]


def code(error: ClientError) -> str:
    """The name of a service's error."""
    return error.response.get("Error", {}).get("Code", "")


def message(error: Exception) -> str:
    """What a service said, without the operation's name in front."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Message") or str(error)
    return str(error)


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is on this machine, as the local environment's is."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
