"""Replacing functions of ministack only after checking that they still are what the replacement expects."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any


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
    """The function `module.name` if its parameters are called exactly `parameters`, in that order."""
    function = expect(module, name)
    if not callable(function):
        raise IncompatibleMinistack(f"`{module.__name__}.{name}` is not a function")
    actual = tuple(inspect.signature(function).parameters)
    if actual != parameters:
        raise IncompatibleMinistack(
            f"`{module.__name__}.{name}` takes ({', '.join(actual)}), expected ({', '.join(parameters)})"
        )
    return function


def wrap(
    module: ModuleType | type, name: str, parameters: tuple[str, ...], make: Callable[[Callable[..., Any]], Any]
) -> None:
    """Replaces the checked function `module.name`, or a method of a class, by `make(original)`."""
    setattr(module, name, make(expect_function(module, name, *parameters)))
