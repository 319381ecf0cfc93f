"""Image maps: which command runs for which container image. The data plane reads them; mistakes are found here first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import LocalError

BUILTINS = ("envoy", "sleep")
_KEYS = {"image", "run", "builtin", "env"}


def check(maps: Sequence[Path]) -> list[Path]:
    """The absolute paths of the maps, each read once so that a mistake is said before anything is started."""
    for path in maps:
        read(path)
    return [path.resolve() for path in maps]


def read(path: Path) -> dict[str, Any]:
    """An image map, or a `LocalError` that names the file, the entry and what is wrong with it."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        raise LocalError(f"image map `{path}` does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"image map `{path}` cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise LocalError(f"image map `{path}` is not JSON: {error}") from None
    entries = document.get("images") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise LocalError(f'image map `{path}` must look like {{"images": [{{"image": "name:*", "run": ["command"]}}]}}')
    for number, entry in enumerate(entries, start=1):
        problem = _problem(entry)
        if problem:
            raise LocalError(f"image map `{path}`, entry {number}: {problem}")
    return document


def _problem(entry: Any) -> str | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str) or not entry["image"]:
        return "`image` must be a name or a pattern such as `my-app:*`"
    unknown = sorted(entry.keys() - _KEYS)
    if unknown:
        return f"`{unknown[0]}` is not known; allowed are image, run, builtin and env"
    if ("run" in entry) == ("builtin" in entry):
        return "exactly one of `run` and `builtin` is needed"
    if "builtin" in entry and entry["builtin"] not in BUILTINS:
        return f"`builtin` must be one of {', '.join(BUILTINS)}"
    run = entry.get("run", ["-"])
    if not isinstance(run, list) or not run or not all(isinstance(word, str) for word in run):
        return "`run` must be a list of words, the program first"
    env = entry.get("env", {})
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        return "`env` must give each variable a text"
    return None
