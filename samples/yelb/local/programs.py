"""Where this machine has a server program: installed on it, or in a Python package that brings it along."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path


def in_package(package: str, pattern: str) -> Path | None:
    """The file of an installed package that matches a pattern; the package itself is not imported."""
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found else None
    return next((path for place in places or () for path in sorted(Path(place).glob(pattern))), None)


def in_system(*names: str) -> Path | None:
    """The first of these programs that the PATH has."""
    return next((Path(path) for name in names if (path := shutil.which(name))), None)


def first(candidates: Iterable[Path | None], remedy: str) -> Path:
    """The first program that is there; without any, ends with one line that says what to install."""
    for path in candidates:
        if path is not None:
            return path
    print(remedy, file=sys.stderr)
    raise SystemExit(1)
