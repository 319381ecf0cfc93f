"""Text that was made elsewhere, as a terminal may show it."""

from __future__ import annotations


def plain(text: str) -> str:
    """`text` in one line, with what is no visible character escaped: nothing in it moves the cursor, hides or turns anything."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def plain_lines(text: str) -> str:
    """The same for text of several lines."""
    return "\n".join(plain(line) for line in text.split("\n"))
