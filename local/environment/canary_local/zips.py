"""Zips the functions of the development build as Lambda takes them. `make build` runs it; `make package` makes the zips for AWS."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BINARIES, ZIPS = ROOT / "target" / "debug", ROOT / "target" / "functions"


def write(functions: Iterable[str], binaries: Path = BINARIES, zips: Path = ZIPS) -> list[str]:
    """Writes the zip of each function whose binary is newer; returns these functions."""
    zips.mkdir(parents=True, exist_ok=True)
    written = []
    for function in functions:
        binary, target = binaries / function, zips / f"{function}.zip"
        if target.exists() and target.stat().st_mtime >= binary.stat().st_mtime:
            continue
        program = zipfile.ZipInfo("bootstrap")
        program.external_attr = 0o755 << 16
        program.compress_type = zipfile.ZIP_DEFLATED
        # An interrupted write must not leave a zip that looks finished.
        unfinished = target.with_suffix(".part")
        with zipfile.ZipFile(unfinished, "w", compresslevel=1) as archive:
            archive.writestr(program, binary.read_bytes(), compresslevel=1)
        unfinished.replace(target)
        written.append(function)
    return written


if __name__ == "__main__":
    write(sys.argv[1:])
