"""What arguments of commands may be, and what is said of one that is wrong."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from .printed import plain

USAGE = 2
"""The exit status of a command that an argument is wrong for."""
# What a request line can hold: visible ASCII.
_SENDABLE = re.compile("[!-~]+")


class Parser(argparse.ArgumentParser):
    """Names the wrong argument in one line; all of them are in `--help`."""

    def error(self, message: str) -> NoReturn:
        """Ends the command with `USAGE`."""
        self.exit(USAGE, f"error: {plain(message)}\n")


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


def file(text: str) -> Path:
    """The type of an argument that is a file to be read."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(
            f"`{text}` is {'not a file' if path.exists() else 'a file that does not exist'}"
        )
    return path


def url(text: str) -> str:
    """The type of an argument that is the URL of a request without TLS."""
    try:
        parts = urlsplit(text)
        # Reading the port checks it.
        usable = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0 and _SENDABLE.fullmatch(text)
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(
            f"`{text}` is not of the form http://host:port/path, with a port to 65535 and without spaces; "
            "characters beyond ASCII are written as %XX"
        )
    return text


def host(text: str) -> str:
    """The type of an argument that is the value of a Host header."""
    if not _SENDABLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"`{text}` is not a host: allowed are visible ASCII characters without spaces")
    return text
