"""Where a template lies in S3: AWS takes both forms of an object's address, ministack the one with the bucket in the path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ministack.services.cloudformation import helpers

from .patching import expect_function, wrap

_BUCKET_IN_HOST = re.compile(r"(.+)\.s3[.-]")


def register() -> None:
    """Lets every operation that takes an address take both forms."""
    expect_function(helpers, "_p", "params", "key", "default")
    wrap(helpers, "_resolve_document", ("params", "body_key", "url_key", "label"), _either_form)


def object_of(url: str) -> str:
    """`bucket/key` of an object's address."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    bucket = _BUCKET_IN_HOST.match(parts.hostname or "")
    return f"{bucket[1]}/{path}" if bucket else path


def names_version(url: str) -> bool:
    """Whether an address says which version of the object is meant."""
    return "versionId" in parse_qs(urlsplit(url).query)


def _either_form(original: Callable[..., Any]) -> Callable[..., Any]:
    def resolve_document(params: Any, body_key: str, url_key: str, label: str) -> Any:
        url = helpers._p(params, url_key)
        if url:
            params = {**params, url_key: [f"https://s3.amazonaws.com/{object_of(url)}"]}
        return original(params, body_key, url_key, label)

    return resolve_document
