"""Each promise of docs/semantics.md is cited by a test, and no test cites one that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# `promise 4`, `promises 17 and 18`.
CITED = re.compile(r"\bpromises? (\d+(?:(?:, | and )\d+)*)", re.IGNORECASE)
# A comment right above a test in Rust.
RUST_TEST = re.compile(r"^((?:[ \t]*///.*\n)+)[ \t]*#\[(?:tokio::)?test\]", re.MULTILINE)
# How a violation begins that the fault matrix finds.
VIOLATION = re.compile(r"(\d+): ")


def promised(semantics: str) -> list[int]:
    """The numbers of the promises, in order."""
    return [int(number) for number in re.findall(r"^(\d+)\. \*\*", semantics, re.MULTILINE)]


def numbers(text: str) -> Iterator[int]:
    """The promises that a comment or docstring cites."""
    for cited in CITED.findall(text):
        yield from map(int, re.findall(r"\d+", cited))


def cited_in_rust(source: str) -> set[int]:
    """The promises that tests cite in the comments above them."""
    return {number for comment in RUST_TEST.findall(source) for number in numbers(comment)}


def cited_in_python(source: str) -> set[int]:
    """The promises that tests, or a whole file of them, cite in their docstrings."""
    cited = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module) or (isinstance(node, ast.FunctionDef) and node.name.startswith("test_")):
            cited.update(numbers(ast.get_docstring(node) or ""))
    return cited


def cited_by_violations(source: str) -> set[int]:
    """The promises that the fault matrix compares."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    found = [VIOLATION.match(text) for text in texts if isinstance(text, str)]
    return {int(match[1]) for match in found if match}


def test_each_promise_is_cited_by_a_test_and_no_other_is() -> None:
    found = promised((ROOT / "docs" / "semantics.md").read_text())
    assert found == list(range(1, len(found) + 1))
    rust = [path for folder in ("functions", "tests") for path in (ROOT / folder).rglob("*.rs")]
    python = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    by_file = {path: cited_in_rust(path.read_text()) for path in rust}
    by_file.update({path: cited_in_python(path.read_text()) for path in python})
    by_file.update({path: cited_by_violations(path.read_text()) for path in python if path.parent.name == "faults"})
    unknown = {str(path.relative_to(ROOT)): cited - set(found) for path, cited in by_file.items() if cited - set(found)}
    assert unknown == {}, "promises that do not exist"
    assert set(found) - set().union(*by_file.values()) == set(), "promises that no test cites"


def test_the_numbers_of_promises_are_read() -> None:
    assert promised("1. **One.** And\n2. of it.\n2. **Two.**\n") == [1, 2]
    assert list(numbers("Promises 5 and 10; row g of promise 4.")) == [5, 10, 4]


@pytest.mark.parametrize("test", ["#[test]\nfn a() {}", "#[tokio::test]\nasync fn a() {}"])
def test_a_citation_in_rust_belongs_to_a_test(test: str) -> None:
    assert cited_in_rust(f"/// It holds.\n/// Promise 3.\n{test}\n") == {3}
    assert cited_in_rust(f"/// Promise 3.\nfn helper() {{}}\n\n{test}\n") == set()
    assert cited_in_rust(f"{test}\n// promise 3\n") == set()


def test_a_citation_in_python_belongs_to_a_test() -> None:
    assert cited_in_python('"""Promises 1 and 2."""\ndef test_a(): "Promise 3."\n') == {1, 2, 3}
    assert cited_in_python('def helper(): "Promise 4."\n# promise 5\n') == set()


def test_a_violation_cites_what_it_begins_with() -> None:
    assert cited_by_violations('def violations():\n    yield f"6: {gone}"\n    yield "at 7: none"\n') == {6}
