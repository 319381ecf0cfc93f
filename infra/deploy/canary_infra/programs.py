"""What a program was built for, as its ELF header says, before it is uploaded to where it could not start."""

from __future__ import annotations

import io
import zipfile
import zlib

from .errors import InfraError

# The file of a function's zip that Lambda starts.
_BOOTSTRAP = "bootstrap"
# The instruction sets of Lambda and CodeBuild by e_machine, two bytes at offset 18 (elf(5)); both are little-endian.
_MACHINES = {62: "x86_64", 183: "arm64"}
_HEADER_BYTES = 20


def check_zip(name: str, body: bytes, architecture: str) -> None:
    """An `InfraError` unless the zip holds a `bootstrap` for `architecture`."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(_BOOTSTRAP) as program:
            header = program.read(_HEADER_BYTES)
    except KeyError:
        raise InfraError(f"`{name}` holds no file `{_BOOTSTRAP}`: {_build('package', architecture)}") from None
    except (zipfile.BadZipFile, zlib.error):
        raise InfraError(f"`{name}` is not a zip file: {_build('package', architecture)}") from None
    _check(f"`{_BOOTSTRAP}` in `{name}`", header, "ARCHITECTURE", architecture, "package")


def check_tool(name: str, body: bytes, architecture: str) -> None:
    """An `InfraError` unless the `canary` command is one for the build machines' `architecture`."""
    _check(f"`{name}`", body[:_HEADER_BYTES], "BUILD_ARCHITECTURE", architecture, "package-cli")


def _check(name: str, header: bytes, setting: str, architecture: str, target: str) -> None:
    found = _architecture(header)
    if found != architecture:
        built = f"was built for {found}" if found else "is not a Linux program for x86_64 or arm64"
        raise InfraError(f"{name} {built}, and `{setting}` is `{architecture}`: {_build(target, architecture)}")


def _architecture(header: bytes) -> str | None:
    if not header.startswith(b"\x7fELF") or len(header) < _HEADER_BYTES:
        return None
    return _MACHINES.get(int.from_bytes(header[18:20], "little"))


def _build(target: str, architecture: str) -> str:
    return f"run `make {target} ARCH={architecture}`"
