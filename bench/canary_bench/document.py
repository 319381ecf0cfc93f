"""docs/measurements.md: text by hand around sections that are measured."""

from __future__ import annotations

from pathlib import Path

from canary_bench.errors import BenchError

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "measurements.md"


def replace(section: str, text: str, path: Path = PATH) -> None:
    """Puts `text` between the markers of `section` and leaves the rest as it is."""
    begin, end = f"<!-- measured: {section} -->", f"<!-- /measured: {section} -->"
    before, found_begin, rest = path.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise BenchError(f"`{path}` has no section between `{begin}` and `{end}`")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")
