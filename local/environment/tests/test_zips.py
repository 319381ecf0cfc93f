"""The zips of the development build."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from canary_local import zips


def test_a_zip_holds_the_program_and_is_written_anew_only_when_it_changed(tmp_path: Path) -> None:
    binaries, target = tmp_path / "debug", tmp_path / "functions"
    binaries.mkdir()
    (binaries / "promote").write_bytes(b"first")
    assert zips.write(["promote"], binaries, target) == ["promote"]
    assert zips.write(["promote"], binaries, target) == []
    (binaries / "promote").write_bytes(b"second")
    later = (target / "promote.zip").stat().st_mtime + 10
    os.utime(binaries / "promote", (later, later))
    assert zips.write(["promote"], binaries, target) == ["promote"]
    with zipfile.ZipFile(target / "promote.zip") as archive:
        assert archive.read("bootstrap") == b"second"
        assert archive.getinfo("bootstrap").external_attr >> 16 & 0o111, "Lambda has to be able to run it"
    assert [path.name for path in target.iterdir()] == ["promote.zip"]
