"""Replacing functions of ministack only after checking that they still are what the replacement expects."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

# The hash of each function's source as it was when the plugin was written against it.
PINS = Path(__file__).with_name("pins.json")
_PLUGIN = __name__.rpartition(".")[0]
_HASH_DIGITS = 16


class IncompatibleMinistack(RuntimeError):
    """The installed ministack is not the one this plugin was written for."""

    def __init__(self, detail: str) -> None:
        try:
            version = metadata.version("ministack")
        except metadata.PackageNotFoundError:
            version = "unknown"
        super().__init__(
            f"ministack {version} does not fit this plugin: {detail}; install the version pinned in local/requirements.txt"
        )


def expect(module: ModuleType | type, name: str, kind: type | None = None) -> Any:
    """`module.name`, or `IncompatibleMinistack` if it is missing or not a `kind`."""
    value = getattr(module, name, None)
    if value is None and not hasattr(module, name):
        raise IncompatibleMinistack(f"`{module.__name__}.{name}` does not exist")
    if kind is not None and not isinstance(value, kind):
        raise IncompatibleMinistack(f"`{module.__name__}.{name}` is a {type(value).__name__}, expected {kind.__name__}")
    return value


def expect_function(module: ModuleType | type, name: str, *parameters: str) -> Callable[..., Any]:
    """The function `module.name` if its parameters are called exactly `parameters`, in that order, and its source is the
    pinned one."""
    function = expect(module, name)
    if not callable(function):
        raise IncompatibleMinistack(f"`{module.__name__}.{name}` is not a function")
    actual = tuple(inspect.signature(function).parameters)
    if actual != parameters:
        raise IncompatibleMinistack(
            f"`{module.__name__}.{name}` takes ({', '.join(actual)}), expected ({', '.join(parameters)})"
        )
    _check_source(module, name, function)
    return function


def wrap(
    module: ModuleType | type, name: str, parameters: tuple[str, ...], make: Callable[[Callable[..., Any]], Any]
) -> None:
    """Replaces the checked function `module.name`, or a method of a class, by `make(original)`."""
    setattr(module, name, make(expect_function(module, name, *parameters)))


# Hashes that are collected instead of checked; see `pins`.
recorded: dict[str, str] | None = None


def _check_source(module: ModuleType | type, name: str, function: Callable[..., Any]) -> None:
    # What the plugin itself has put there was checked when it was.
    if getattr(function, "__module__", "").startswith(_PLUGIN):
        return
    path = f"{module.__module__}.{module.__qualname__}" if isinstance(module, type) else module.__name__
    path, found = f"{path}.{name}", _hash(function)
    if recorded is not None:
        recorded[path] = found
    elif path not in (pins := _pins(PINS)):
        raise IncompatibleMinistack(f"`{path}` is not in {PINS.name}: `python -m {_PLUGIN}.pins` adds it")
    elif pins[path] != found:
        raise IncompatibleMinistack(f"`{path}` has changed: its source is not the one in {PINS.name}")


def _hash(function: Callable[..., Any]) -> str:
    lines = inspect.getsource(inspect.unwrap(function)).splitlines()
    # Versions of Python differ in whether comments behind a function belong to it.
    while not lines[-1].strip() or lines[-1].lstrip().startswith("#"):
        lines.pop()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_HASH_DIGITS]


@cache
def _pins(path: Path) -> dict[str, str]:
    return json.loads(path.read_text())
