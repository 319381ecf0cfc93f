"""Image maps as users write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from canary_local.checkout import Checkout
from canary_local.environment import Environment
from canary_local.errors import LocalError
from canary_local.images import check

DATAPLANE = Checkout.here().dataplane


def entries(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["images"]


def test_a_good_map_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ["{checkout}/a", "{host}:{port}", "{command}", "${HOME} {{name}}"]
    images = [{"image": "a:*", "run": run, "env": {"DB": "{egress:db.local}"}}, {"image": "b", "builtin": "sleep"}]
    (tmp_path / "mine.json").write_text(json.dumps({"images": images}))
    monkeypatch.chdir(tmp_path)

    assert check(DATAPLANE, [Path("mine.json")]) == [tmp_path / "mine.json"]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (
            {"image": "a", "run": ["a", "--at={foo}"]},
            "`images[1].run[1]` (a): `{foo}` is no placeholder: allowed are `{",
        ),
        ({"image": "a", "run": ["a"], "env": {"AT": "{prt}"}}, "`images[1].env.AT` (a): `{prt}` is no placeholder"),
        ({"image": "a", "rum": ["a"]}, "`images[1]` (a): `rum` is not a key: the nearest is `run`"),
        ({"image": "a"}, "`images[1]` (a): one of `run` and `builtin` is needed"),
    ],
)
def test_a_mistake_is_named_before_anything_is_started(tmp_path: Path, entry: Any, complaint: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"images": [{"image": "ok", "run": ["x"]}, entry]}))

    with pytest.raises(LocalError) as refusal:
        Environment.start(images=[path], state_dir=tmp_path / "state")

    assert str(refusal.value).startswith(f"image map `{path}`: {complaint}")
    assert not (tmp_path / "state").exists()


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"^cannot read image map `.*nowhere.json`: No such file"):
        check(DATAPLANE, [tmp_path / "nowhere.json"])
    with pytest.raises(LocalError, match="^the image maps cannot be checked: `.*nothing`: No such file"):
        check(tmp_path / "nothing", [])


def test_the_maps_that_always_apply_are_good_and_name_no_image_twice() -> None:
    maps = Checkout.here().image_maps
    images = [entry["image"] for path in maps for entry in entries(path)]
    assert maps[0].parent.name == "local"
    assert {"hello-web:*", "hello-backend:*", "*aws-appmesh-envoy:*"} <= set(images)
    assert [image for image in set(images) if images.count(image) > 1] == []


def test_a_sample_comes_with_its_map_whether_it_is_built_or_not(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "samples" / name).mkdir(parents=True)
        (tmp_path / "samples" / name / "images.json").touch()
    (tmp_path / "samples" / "unmapped").mkdir()
    maps = [str(path.relative_to(tmp_path)) for path in Checkout(tmp_path).image_maps]
    assert maps == ["local/images.json", "samples/a/images.json", "samples/b/images.json"]
