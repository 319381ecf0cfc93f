"""Image maps: which command runs for which container image. The data plane reads them and knows what is allowed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import LocalError


def check(dataplane: Path, maps: Sequence[Path]) -> list[Path]:
    """The absolute paths of the maps, or a `LocalError` with the first mistake in them, before anything is started."""
    found = [path.absolute() for path in maps]
    try:
        done = subprocess.run([dataplane, "check-images", *found], capture_output=True, text=True, check=False)
    except OSError as error:
        raise LocalError(f"the image maps cannot be checked: `{dataplane}`: {error.strerror}") from error
    if done.returncode != 0:
        raise LocalError(done.stderr.strip().removeprefix("local-dataplane: "))
    return found
