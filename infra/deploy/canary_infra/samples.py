"""The microservices of a sample, as their deploy.json files describe them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .errors import InfraError

# Where a microservice's folder keeps its deploy.json, the first that is there.
_DEPLOY_FILES = ("specfiles/deploy.json", "deploy.json")


@dataclass(frozen=True)
class Microservice:
    """One microservice of a sample."""

    name: str
    port: str
    protocol: str
    directory: Path
    deploy_file: str

    def deploy_json(self, environment: str, namespace: str) -> bytes:
        """Its deploy.json for another environment than the sample's own."""
        document = json.loads((self.directory / self.deploy_file).read_text())
        document.update(EnvironmentName=environment, Namespace=namespace)
        return json.dumps(document, indent=2).encode() + b"\n"


def microservices(checkout: Path, sample: str) -> list[Microservice]:
    """The microservices of a sample by name, or an `InfraError` that says which samples there are."""
    root = checkout / "samples" / sample
    found = [_read(directory) for directory in sorted(root.glob("*/")) if _deploy_file(directory)]
    if not found:
        others = {path.parent.name for path in (checkout / "samples").glob("*/*/") if _deploy_file(path)}
        raise InfraError(f"there is no sample `{sample}` with microservices; there is {', '.join(sorted(others))}")
    return found


def gateway_routes(text: str) -> dict[str, str]:
    """`service=/path` pairs, separated by spaces."""
    routes = {}
    for pair in text.split():
        name, equals, path = pair.partition("=")
        if not (name and equals and path.startswith("/")):
            raise InfraError(f"`GATEWAY_ROUTES` has `{pair}`, which is not of the form service=/path")
        routes[name] = path
    return routes


def _deploy_file(directory: Path) -> str | None:
    return next((name for name in _DEPLOY_FILES if (directory / name).is_file()), None)


def _read(directory: Path) -> Microservice:
    name = _deploy_file(directory)
    assert name is not None
    path = directory / name
    try:
        document = json.loads(path.read_text())
        return Microservice(document["MicroserviceName"], str(document["Port"]), document["Protocol"], directory, name)
    except (ValueError, KeyError, TypeError) as error:
        raise InfraError(f"`{path}` is no deploy.json: {error!r}") from error
