"""Clients of the environment's AWS endpoint, independent of the user's own AWS configuration."""

from __future__ import annotations

import os
import threading
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-west-2"
ACCOUNT = "000000000000"
ACCESS_KEY = "test"
SECRET_KEY = "test"


class Clients:
    """boto3 clients for one endpoint, made once each."""

    def __init__(self, endpoint: str) -> None:
        # No profile, no configuration files and no proxy: they are meant for AWS, not for a port of this machine.
        overrides = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        self._session = boto3.Session(
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            botocore_session=botocore.session.Session(session_vars=overrides),
        )
        self._config = Config(
            proxies={}, retries={"mode": "standard", "max_attempts": 4}, s3={"addressing_style": "path"}
        )
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str) -> Any:
        """The client of a service by its boto3 name."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service, endpoint_url=self._endpoint, config=self._config, verify=False
                )
            return self._clients[service]
