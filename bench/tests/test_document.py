"""What a measurement leaves in the document."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from canary_bench import document
from canary_bench.errors import BenchError
from canary_bench.parts import PARTS, costs
from canary_bench.tables import table

TEXT = "# Figures\n<!-- measured: a -->\nold\n<!-- /measured: a -->\nbetween\n<!-- measured: b -->\nkept\n<!-- /measured: b -->\n"


def test_a_section_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "measurements.md"
    path.write_text(TEXT)
    document.replace("a", "new", path)
    assert path.read_text() == TEXT.replace("old", "new")


@pytest.mark.parametrize("missing", ["<!-- measured: a -->", "<!-- /measured: a -->"])
def test_a_document_without_the_section_is_left_alone(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "measurements.md"
    path.write_text(TEXT.replace(missing, ""))
    with pytest.raises(BenchError, match="has no section between `<!-- measured: a -->`"):
        document.replace("a", "new", path)
    assert path.read_text() == TEXT.replace(missing, "")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_a_section_of_its_own(part: str) -> None:
    text = document.PATH.read_text()
    assert text.count(f"<!-- measured: {part} -->\n") == 1
    assert text.count(f"\n<!-- /measured: {part} -->") == 1


@pytest.mark.parametrize("part", PARTS)
def test_no_section_is_empty(part: str) -> None:
    _, _, rest = document.PATH.read_text().partition(f"<!-- measured: {part} -->")
    section, _, _ = rest.partition(f"<!-- /measured: {part} -->")
    assert section.strip(), f"`make bench BENCH_OPTIONS={part}` writes it"


def test_what_is_computed_is_in_the_document_as_it_is_computed_now() -> None:
    tables = costs.measure(Namespace())
    assert tables in document.PATH.read_text(), "`make bench BENCH_OPTIONS=costs` writes it anew"


def test_numbers_stand_to_the_right() -> None:
    assert table(["", "ms"], [["`a`", "1.5"], ["`long`", "10.5"]]).splitlines() == [
        "|        |   ms |",
        "|--------|-----:|",
        "| `a`    |  1.5 |",
        "| `long` | 10.5 |",
    ]
