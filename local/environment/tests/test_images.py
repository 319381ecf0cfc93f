"""Image maps as users write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canary_local.errors import LocalError
from canary_local.images import check, read


def test_a_good_map_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps(
            {
                "images": [
                    {"image": "a:*", "run": ["a", "{host}"], "env": {"P": "{port}"}},
                    {"image": "b", "builtin": "sleep"},
                ]
            }
        )
    )

    assert check([path]) == [path]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"run": ["x"]}, "`image` must be"),
        ({"image": "", "run": ["x"]}, "`image` must be"),
        ("x", "`image` must be"),
        ({"image": "a"}, "exactly one of `run` and `builtin`"),
        ({"image": "a", "run": ["x"], "builtin": "sleep"}, "exactly one of"),
        ({"image": "a", "builtin": "nginx"}, "`builtin` must be one of envoy, sleep"),
        ({"image": "a", "run": "x --flag"}, "`run` must be a list of words"),
        ({"image": "a", "run": []}, "`run` must be a list of words"),
        ({"image": "a", "run": ["x", 1]}, "`run` must be a list of words"),
        ({"image": "a", "run": ["x"], "env": {"PORT": 80}}, "`env` must give each variable a text"),
        ({"image": "a", "run": ["x"], "env": []}, "`env` must give each variable a text"),
        ({"image": "a", "comand": ["x"]}, "`comand` is not known"),
    ],
)
def test_a_bad_entry_is_named_by_file_and_number(tmp_path: Path, entry: Any, complaint: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"images": [{"image": "ok", "run": ["x"]}, entry]}))

    with pytest.raises(LocalError, match=f"mine.json`, entry 2: {complaint}"):
        read(path)


@pytest.mark.parametrize(
    ("text", "complaint"), [("{", "is not JSON"), ("[]", "must look like"), ("{}", "must look like")]
)
def test_a_file_that_is_no_map(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)

    with pytest.raises(LocalError, match=complaint):
        read(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="nowhere.json` does not exist"):
        check([tmp_path / "nowhere.json"])


def test_the_map_that_always_applies() -> None:
    checkout = Path(__file__).resolve().parents[3]

    images = [entry["image"] for entry in read(checkout / "local" / "images.json")["images"]]

    assert {"hello-web:*", "hello-backend:*"} <= set(images)
