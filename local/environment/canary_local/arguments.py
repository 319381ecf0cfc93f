"""What arguments of commands may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(low: int, high: int, what: str = "whole number") -> Callable[[str], int]:
    """The type of an argument that is a whole number from `low` to `high`."""

    def number(text: str) -> int:
        # Other scripts have digits too, which `int` takes.
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"`{text}` is not a {what} from {low} to {high}")
        return int(text)

    return number
