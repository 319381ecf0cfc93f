"""Other releases than the checkout's own, built and installed as their users install them: what `e2e_upgrade.py` plays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from canary_infra import create
from canary_infra.settings import resolve

from canary_local import zips
from canary_local.checkout import FUNCTIONS, Checkout, architecture
from canary_local.environment import Environment
from canary_local.stacks import BUCKET, SHARED_STACK

ROOT = Path(__file__).resolve().parents[1]
# The feature of canary-core that writes plans of another format.
NEXT_FORMAT = "canary-core/next-format"
BUILD_SECONDS = 900


class Release:
    """What a checkout of the release holds: function zips, state machine and templates."""

    def __init__(self, directory: Path, packages: Iterable[Path]) -> None:
        self.checkout = directory
        for folder in ("infra", "statemachine"):
            shutil.copytree(ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))
        place = directory / "target" / "package"
        place.mkdir(parents=True)
        for path in packages:
            shutil.copy(path, place)

    def install(self, env: Environment) -> str:
        """What `make create-shared-cloudformation-stack` says in that checkout."""
        said: list[str] = []
        flags = {"artifact_bucket": BUCKET, "shared_stack": SHARED_STACK}
        settings = resolve(flags, env.variables, Path("/nonexistent/settings"), architecture())
        create.shared(create.Target(settings, env.client, self.checkout, said.append))
        return "\n".join(said)

    def edit(self, file: str, old: str, new: str) -> None:
        """Changes one place of a file."""
        path = self.checkout / file
        text = path.read_text()
        assert text.count(old) == 1, f"`{old}` is there {text.count(old)} times"
        path.write_text(text.replace(old, new))


def present(directory: Path) -> Release:
    """The release of this checkout."""
    return Release(directory / "checkout", map(Checkout(ROOT).package, FUNCTIONS))


def following(directory: Path) -> Release:
    """A release whose plans have another format, built from this checkout."""
    # The whole workspace, as `make build` does: with other packages chosen, cargo would compile the SDK anew.
    command = ["cargo", "build", "--quiet", "--locked", "--workspace", "--features", NEXT_FORMAT]
    # What is compiled is shared with every other build; what comes out must not take the place of the usual functions.
    place = {"CARGO_BUILD_BUILD_DIR": str(ROOT / "target"), "CARGO_TARGET_DIR": str(ROOT / "target" / "next")}
    subprocess.run(command, cwd=ROOT, env={**os.environ, **place}, check=True, timeout=BUILD_SECONDS)
    zips.write(FUNCTIONS, ROOT / "target" / "next" / "debug", directory / "zips")
    return Release(directory / "checkout", (directory / "zips").iterdir())
