"""The object in S3 that an address means."""

from __future__ import annotations

import pytest

from canary_local.ministack.template_urls import names_version, object_of


@pytest.mark.parametrize(
    "url",
    [
        "https://my-bucket.s3.us-west-2.amazonaws.com/a/b.yaml",
        "https://my-bucket.s3.amazonaws.com/a/b.yaml",
        "https://my-bucket.s3-us-west-2.amazonaws.com/a/b.yaml",
        "https://s3.us-west-2.amazonaws.com/my-bucket/a/b.yaml",
        "https://s3.amazonaws.com/my-bucket/a/b.yaml",
        "https://s3-us-west-2.amazonaws.com/my-bucket/a/b.yaml",
        "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/a/b.yaml",
        "http://127.0.0.1:4566/my-bucket/a/b.yaml",
    ],
)
def test_the_bucket_is_in_the_host_or_in_the_path(url: str) -> None:
    assert object_of(url) == "my-bucket/a/b.yaml"


def test_a_bucket_s_name_may_hold_dots() -> None:
    assert object_of("https://my.s3.bucket.s3.us-west-2.amazonaws.com/a") == "my.s3.bucket/a"


def test_a_key_is_meant_as_it_is_spelled_without_escapes() -> None:
    assert object_of("https://b.s3.us-west-2.amazonaws.com/a%20b%2Bc.yaml") == "b/a b+c.yaml"


def test_an_address_may_name_a_version_of_the_object() -> None:
    url = "https://b.s3.us-west-2.amazonaws.com/a.yaml"
    assert names_version(f"{url}?versionId=3sL4kqtJlcpX")
    assert not names_version(url)
    assert object_of(f"{url}?versionId=3sL4kqtJlcpX") == "b/a.yaml"
