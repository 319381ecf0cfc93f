"""The microservices of a sample, as their deploy.json files describe them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InfraError, UsageError

# Where a microservice's folder keeps its deploy.json.
DEPLOY_FILE = "specfiles/deploy.json"
# The folder of a sample with the programs' source, which each of its microservices' repositories gets a copy of.
_APP = "app"
# What building leaves behind.
_NOT_SOURCE = ("target", "__pycache__")


@dataclass(frozen=True)
class Microservice:
    """One microservice of a sample."""

    name: str
    port: str
    protocol: str
    directory: Path

    def deploy_json(self, environment: str, namespace: str) -> bytes:
        """Its deploy.json for another environment than the sample's own."""
        document = _document(self.directory / DEPLOY_FILE)
        document.update(EnvironmentName=environment, Namespace=namespace)
        return json.dumps(document, indent=2).encode() + b"\n"

    def repository(self, checkout: Path) -> dict[str, Path]:
        """The files that its repository begins with, by their names there: its folder, and the sample's app with our lock file."""
        files = dict(_files(self.directory, ""))
        app = self.directory.parent / _APP
        if app.is_dir():
            files |= {**dict(_files(app, f"{_APP}/")), f"{_APP}/Cargo.lock": checkout / "Cargo.lock"}
        return files


def microservices(checkout: Path, sample: str) -> list[Microservice]:
    """The microservices of a sample by name, or a `UsageError` that says which samples there are."""
    root = checkout / "samples" / sample
    found = [_read(directory) for directory in sorted(root.glob("*/")) if (directory / DEPLOY_FILE).is_file()]
    if not found:
        others = {path.parents[2].name for path in (checkout / "samples").glob(f"*/*/{DEPLOY_FILE}")}
        raise UsageError(f"`SAMPLE` is `{sample}` and must be one of {', '.join(sorted(others))}")
    return found


def gateway_routes(text: str) -> dict[str, str]:
    """Paths by service, of the setting `GATEWAY_ROUTES`."""
    return dict(pair.split("=", 1) for pair in text.split())


def _files(directory: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """The files below a folder, with those that symbolic links lead to."""
    for path, folders, names in os.walk(directory, followlinks=True):
        folders[:] = sorted(set(folders) - set(_NOT_SOURCE))
        for name in sorted(names):
            file = Path(path) / name
            yield prefix + file.relative_to(directory).as_posix(), file


def _document(path: Path) -> dict[str, Any]:
    """A deploy.json; a `TypeError` or `ValueError` says why it is none. tests/json_texts.json has the rules of all its readers."""
    text = path.read_text(encoding="utf-8-sig")
    document = json.loads(text, parse_float=_NotWhole, parse_constant=_NotWhole, object_pairs_hook=_members)
    if not isinstance(document, dict):
        raise TypeError("it has to hold one JSON object")
    return document


class _NotWhole(str):
    """A number as it was written that no field may be, `8.0` and `NaN` for two."""


def _not_whole(value: Any) -> str | None:
    if isinstance(value, list):
        return next(filter(None, map(_not_whole, value)), None)
    return value if isinstance(value, _NotWhole) else None


def _members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in members]
    for key, value in members:
        if keys.count(key) > 1:
            raise ValueError(f"`{key}` is set twice: allowed is once")
        if number := _not_whole(value):
            raise ValueError(f"`{key}` is `{number}`: allowed is a whole number")
    return dict(members)


def _read(directory: Path) -> Microservice:
    path = directory / DEPLOY_FILE
    try:
        document = _document(path)
        return Microservice(document["MicroserviceName"], str(document["Port"]), document["Protocol"], directory)
    except KeyError as error:
        raise InfraError(f"`{path}`: `{error.args[0]}` is missing") from error
    except (TypeError, ValueError) as error:
        raise InfraError(f"`{path}` is no deploy.json: {error}") from error
