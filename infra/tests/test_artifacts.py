"""What is uploaded: under keys of its own contents, and only what can start where it goes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from canary_infra import artifacts, create
from canary_infra.errors import InfraError, UsageError
from test_create import Deployed
from test_create import target as creating
from test_remove import Recorder, refusal

# e_machine of elf(5); 8 is MIPS.
MACHINES = {"x86_64": 62, "arm64": 183, "mips": 8}
MACH_O = b"\xcf\xfa\xed\xfe" + bytes(28)


def program(machine: str) -> bytes:
    """The beginning of a program's file."""
    return b"\x7fELF\x02\x01\x01" + bytes(11) + MACHINES[machine].to_bytes(2, "little") + bytes(44)


def zipped(body: bytes, name: str = "bootstrap") -> bytes:
    """A function's zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return buffer.getvalue()


def checkout(root: Path, machine: str = "x86_64") -> Path:
    """A checkout in which everything is built for a machine."""
    packages = root / "target" / "package"
    packages.mkdir(parents=True)
    for name in artifacts.FUNCTIONS:
        (packages / f"{name}.zip").write_bytes(zipped(program(machine) + name.encode()))
    (root / "statemachine").mkdir()
    (root / "statemachine" / "canary.asl.json").write_text("{}")
    return root


def upload(s3: Recorder, root: Path, architecture: str = "x86_64") -> str:
    return artifacts.upload_release(lambda _: s3, "b", root, architecture, print)


def test_a_release_has_a_prefix_of_its_own_and_is_uploaded_once(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    s3 = Recorder(head_object=refusal("404"))
    first = upload(s3, root)
    assert len([call for call in s3.calls if call[0] == "put_object"]) == len(artifacts.FUNCTIONS) + 1
    again = Recorder()
    assert upload(again, root) == first
    assert {operation for operation, _ in again.calls} == {"head_object"}
    (root / "target" / "package" / "rollback.zip").write_bytes(zipped(program("x86_64") + b"changed"))
    assert upload(again, root) != first


@pytest.mark.parametrize("missing", ["statemachine/canary.asl.json", "target/package/rollback.zip"])
def test_a_part_of_a_release_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    (checkout(tmp_path) / missing).unlink()
    with pytest.raises(InfraError, match=f"`{missing}` is missing"):
        upload(Recorder(), tmp_path)


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_functions_for_the_architecture_are_uploaded(tmp_path: Path, architecture: str) -> None:
    assert upload(Recorder(), checkout(tmp_path, architecture), architecture)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (zipped(program("arm64")), "`bootstrap` in `{zip}` was built for arm64, and `ARCHITECTURE` is `x86_64`"),
        (zipped(program("mips")), "`bootstrap` in `{zip}` is not a Linux program for x86_64 or arm64"),
        (zipped(MACH_O), "`bootstrap` in `{zip}` is not a Linux program for x86_64 or arm64"),
        (zipped(b""), "`bootstrap` in `{zip}` is not a Linux program for x86_64 or arm64"),
        (zipped(program("x86_64"), "promote"), "`{zip}` holds no file `bootstrap`"),
        (b"", "`{zip}` is not a zip file"),
    ],
    ids=["arm64", "mips", "macos", "empty", "other file", "no zip"],
)
def test_a_function_that_could_not_start_is_refused_before_anything_is_uploaded(
    tmp_path: Path, body: bytes, complaint: str
) -> None:
    zip_name = "target/package/promote.zip"
    (checkout(tmp_path) / zip_name).write_bytes(body)
    s3 = Recorder()
    with pytest.raises(InfraError) as raised:
        upload(s3, tmp_path)
    assert str(raised.value).startswith(complaint.format(zip=zip_name))
    assert str(raised.value).endswith(": run `make package ARCH=x86_64`")
    assert s3.calls == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (program("arm64"), "`target/package/canary-x86_64` was built for arm64, and `BUILD_ARCHITECTURE` is `x86_64`"),
        (MACH_O, "`target/package/canary-x86_64` is not a Linux program for x86_64 or arm64"),
        (program("x86_64"), None),
    ],
    ids=["arm64", "macos", "right"],
)
def test_a_canary_command_that_build_machines_cannot_run_is_refused(
    tmp_path: Path, body: bytes, complaint: str | None
) -> None:
    (checkout(tmp_path) / "target" / "package" / "canary-x86_64").write_bytes(body)
    target = creating(Deployed(), root=tmp_path)
    if complaint is None:
        assert create._tools(target)["ToolsBucket"] == target.bucket
        return
    with pytest.raises(InfraError) as raised:
        create._tools(target)
    assert str(raised.value).startswith(complaint)
    assert str(raised.value).endswith(": run `make package-cli ARCH=x86_64`")


def test_the_platforms_settings_have_to_be_a_file(tmp_path: Path) -> None:
    (checkout(tmp_path) / "target" / "package" / "canary-x86_64").write_bytes(program("x86_64"))
    with pytest.raises(UsageError, match="^`PLATFORM` is `missing.yaml`, and there is no such file$"):
        create._tools(creating(Deployed(), root=tmp_path, platform="missing.yaml"))
