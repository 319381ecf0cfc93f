"""How a walkthrough page is read, run and judged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from walkthroughs import Block, PageError, compare, parse, run

PAGE = """# Title
```sh
echo one
value=kept
```

```text
one
```
Prose.
```json
{"not": "run"}
```
```sh
echo "two $value"
```
"""


def fenced(*blocks: tuple[str, str]) -> str:
    return "# Title\n" + "".join(f"```{language}\n{text}\n```\n" for language, text in blocks)


def play(tmp_path: Path, text: str, seconds: float = 30) -> None:
    """Runs a page in an empty directory."""
    page, checkout, scratch = tmp_path / "page.md", tmp_path / "checkout", tmp_path / "scratch"
    checkout.mkdir()
    scratch.mkdir()
    page.write_text(text)
    run(page, checkout, scratch, {"PATH": "/usr/bin:/bin"}, seconds)


def test_blocks_are_found_in_order_with_what_they_print() -> None:
    assert parse("page.md", PAGE) == [
        Block(2, ["echo one", "value=kept"], [(8, "one")]),
        Block(14, ['echo "two $value"'], []),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# Title\n", "page.md: there is no sh block"),
        ("```sh\ntrue\n", "page.md:1: the block is not closed"),
        ("1. Step\n   ```sh\n   true\n   ```\n", "page.md:2: a fence has to begin its line"),
        (fenced(("sh", "true")) + "Prose.\n" + "```text\nx\n```\n", "page.md:6: a text block has to follow"),
        (fenced(("sh", "true"), ("text", "x"), ("text", "y")), "page.md:8: a text block has to follow"),
    ],
)
def test_a_page_that_cannot_be_meant_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(PageError, match=complaint):
        parse("page.md", text)


@pytest.mark.parametrize(
    "expected",
    [["a 1"], ["a 1", "c 3"], ["a …", "… 3"], ["…", "b 2"], ["a 1", "…", "c 3"], ["b…2"], ["b 2…"]],
)
def test_expected_lines_occur_in_their_order(expected: list[str]) -> None:
    compare("page.md", Block(1, [], list(enumerate(expected, start=3))), "a 1\nb 2  \nc 3\n")


@pytest.mark.parametrize(
    ("expected", "line"), [(["b"], 3), (["c 3", "a 1"], 4), (["a 1", "a 1"], 4), (["a …", "b … 2"], 4), (["a.1"], 3)]
)
def test_a_line_that_is_not_printed_is_named_by_its_place(expected: list[str], line: int) -> None:
    with pytest.raises(PageError, match=rf"page.md:{line}: the commands of line 1 did not print `") as raised:
        compare("page.md", Block(1, [], list(enumerate(expected, start=3))), "a 1\nb 2\nc 3\n")
    assert "    b 2" in str(raised.value), "what was printed is shown"


def test_blocks_share_one_shell_and_print_each_their_own(tmp_path: Path) -> None:
    play(tmp_path, PAGE + "```text\ntwo kept\n```\n")
    with pytest.raises(PageError, match=r"page.md:8: the commands of line 4 did not print `one`"):
        other = tmp_path / "other"
        other.mkdir()
        play(other, fenced(("sh", "echo one"), ("sh", "echo two"), ("text", "one")).replace("# Title\n", ""))


def test_what_goes_to_stderr_is_printed_too(tmp_path: Path) -> None:
    play(tmp_path, fenced(("sh", "echo wrong >&2"), ("text", "wrong")))


@pytest.mark.parametrize(
    ("commands", "named"),
    [
        ("echo begun\nfalse\ntouch after", r"page.md:4: `false` ended with status 1"),
        ("echo begun\nfalse | true\ntouch after", r"page.md:4: `false \| true` ended with status 1"),
        ("echo begun\ncat \\\n  absent\ntouch after", r"page.md:5: `absent` ended with status 1"),
        ("echo begun\nx=$(exit 3)\ntouch after", r"page.md:4: `x=\$\(exit 3\)` ended with status 3"),
        ("echo begun\necho $unset_name\ntouch after", r"page.md:2: the block ended with status 1"),
    ],
)
def test_a_failing_command_ends_the_page_and_is_named(tmp_path: Path, commands: str, named: str) -> None:
    with pytest.raises(PageError, match=named) as raised:
        play(tmp_path, fenced(("sh", commands)))
    assert "    begun" in str(raised.value)
    assert not (tmp_path / "checkout" / "after").exists()


def test_a_page_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    with pytest.raises(PageError, match=r"page.md:2: the block did not end within 1 s"):
        play(tmp_path, fenced(("sh", "sleep 300 &\necho $! > child\nwait")), seconds=1)
    child = (tmp_path / "checkout" / "child").read_text().strip()
    listed = subprocess.run(["ps", "-o", "state=", "-p", child], capture_output=True, text=True, check=False)
    assert listed.stdout.strip() in ("", "Z"), "it runs no more"


def test_what_is_left_in_the_background_is_ended(tmp_path: Path) -> None:
    play(tmp_path, fenced(("sh", "sleep 300 &\necho $! > child")))
    child = (tmp_path / "checkout" / "child").read_text().strip()
    listed = subprocess.run(["ps", "-o", "state=", "-p", child], capture_output=True, text=True, check=False)
    assert listed.stdout.strip() in ("", "Z")
