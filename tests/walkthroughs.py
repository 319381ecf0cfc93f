"""Walkthrough pages as programs: their commands are run in order, and what they print is compared.

In a page

- each block that begins with three backquotes and `sh` is run, all of them in one bash that ends at the first failure;
- a block that begins with three backquotes and `text`, directly after such a block, is what that prints: each of its
  lines has to be a line of the output, in this order. `…` stands for any text in a line, and alone for any lines;
- every other block is for reading.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"(?P<indent>\s*)```(?P<language>\w*)")
_ANY = "…"
_TAIL_LINES = 40

# The script's lines have the page's numbers, so what bash says of a line is true of the page.
_PROLOGUE = """
unset BASH_ENV
set -euo pipefail
trap 'echo "$LINENO" > "$FAILURE"' ERR
# What `make test` has built by now is not built again.
make() { command make --old-file=package --old-file=build "$@"; }
"""


class PageError(Exception):
    """What is wrong with a page, or with what it makes happen; begins with the page's name and line."""


@dataclass
class Block:
    """Commands, and what they print. `line` is that of the fence; an expected line comes with its own."""

    line: int
    commands: list[str] = field(default_factory=list)
    expected: list[tuple[int, str]] = field(default_factory=list)


def parse(name: str, text: str) -> list[Block]:
    """The blocks of a page that are run, in order."""
    blocks: list[Block] = []
    language, opened = "", 0
    # The block that a `text` block would belong to: one that ended just before, blank lines aside.
    before: Block | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence and fence["indent"]:
            raise PageError(f"{name}:{number}: a fence has to begin its line")
        if fence and not opened:
            language, opened = fence["language"], number
            if language == "sh":
                blocks.append(Block(number))
            elif language == "text" and before is None:
                raise PageError(f"{name}:{number}: a text block has to follow the sh block that prints it")
        elif fence:
            before, opened = blocks[-1] if language == "sh" else None, 0
        elif opened and language == "sh":
            blocks[-1].commands.append(line)
        elif opened and language == "text" and line.strip() and before:
            before.expected.append((number, line.rstrip()))
        elif not opened and line.strip():
            before = None
    if opened:
        raise PageError(f"{name}:{opened}: the block is not closed")
    if not blocks:
        raise PageError(f"{name}: there is no sh block")
    return blocks


def run(page: Path, checkout: Path, scratch: Path, variables: Mapping[str, str], seconds: float) -> None:
    """Runs a page's blocks in the checkout and compares what they print. `scratch` is an empty directory."""
    blocks = parse(page.name, page.read_text())
    script, prologue, failure = scratch / "page.sh", scratch / "prologue.sh", scratch / "failure"
    script.write_text(_script(blocks, scratch))
    prologue.write_text(_PROLOGUE)
    environment = {**variables, "BASH_ENV": str(prologue), "FAILURE": str(failure)}
    with (scratch / "before").open("wb") as output:
        bash = subprocess.Popen(
            ["bash", str(script)], cwd=checkout, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        status = bash.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise PageError(_failed(page.name, blocks, scratch, f"did not end within {seconds:.0f} s")) from None
    finally:
        _end_group(bash)
    if status != 0:
        reason = f"ended with status {status}"
        if failure.exists():
            number = int(failure.read_text())
            command = script.read_text().splitlines()[number - 1].strip()
            raise PageError(f"{page.name}:{number}: `{command}` {reason}\n{_tail(_last(blocks, scratch)[1])}")
        raise PageError(_failed(page.name, blocks, scratch, reason))
    for block in blocks:
        compare(page.name, block, _output(scratch, block).read_text(errors="replace"))


def compare(name: str, block: Block, output: str) -> None:
    """Whether the expected lines are there, in order; a `PageError` names the first that is not."""
    lines = iter(output.splitlines())
    for number, expected in block.expected:
        if expected.strip() == _ANY:
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in expected.split(_ANY)))
        if not any(pattern.fullmatch(line.rstrip()) for line in lines):
            raise PageError(
                f"{name}:{number}: the commands of line {block.line} did not print `{expected}`\n{_tail(output)}"
            )


def _script(blocks: list[Block], scratch: Path) -> str:
    """The blocks' commands on the lines that they have in the page. At a fence's line the output goes to another file."""
    lines: list[str] = []
    for block in blocks:
        lines += [""] * (block.line - 1 - len(lines))
        lines.append(f"exec > '{_output(scratch, block)}' 2>&1")
        lines += block.commands
    return "\n".join(lines) + "\n"


def _output(scratch: Path, block: Block) -> Path:
    return scratch / f"line-{block.line}"


def _last(blocks: list[Block], scratch: Path) -> tuple[int, str]:
    """The line of the block that was reached, and what it printed."""
    reached = [block for block in blocks if _output(scratch, block).exists()]
    if not reached:
        return blocks[0].line, (scratch / "before").read_text(errors="replace")
    return reached[-1].line, _output(scratch, reached[-1]).read_text(errors="replace")


def _failed(name: str, blocks: list[Block], scratch: Path, reason: str) -> str:
    line, output = _last(blocks, scratch)
    return f"{name}:{line}: the block {reason}\n{_tail(output)}"


def _tail(output: str) -> str:
    return "\n".join(f"    {line}" for line in output.splitlines()[-_TAIL_LINES:])


def _end_group(bash: subprocess.Popen[bytes]) -> None:
    """Ends what the page left running in the background, and bash itself if it still runs."""
    try:
        os.killpg(bash.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    bash.wait()
