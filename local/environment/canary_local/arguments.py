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


def seconds(text: str) -> float:
    """The type of an argument that is a number of seconds up to ten minutes."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 600:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of seconds from 0 to 600")
    return value
