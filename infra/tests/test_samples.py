"""The samples as pipelines take them: each microservice's repository holds all that its build needs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from canary_infra import artifacts, samples
from canary_infra.create import Target, _first_commit
from canary_infra.errors import InfraError
from canary_infra.settings import resolve
from test_remove import Recorder, refusal

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted({path.parents[2].name for path in (ROOT / "samples").glob("*/*/specfiles/deploy.json")})
SERVICES = {made.name: made for sample in SAMPLES for made in samples.microservices(ROOT, sample)}
APPS = sorted({made.directory.parent / "app" for made in SERVICES.values() if (made.directory.parent / "app").exists()})


def uploaded(microservice: samples.Microservice, **flags: str) -> zipfile.ZipFile:
    """The repository that `create-sample-microservice-pipeline-stack` uploads."""
    s3 = Recorder(head_object=refusal("404"))
    settings = resolve(flags, {"AWS_REGION": "us-west-2"}, Path("/nonexistent/settings"), "x86_64")
    target = Target(settings, lambda _: s3, ROOT, lambda _: None)
    target.__dict__.update(bucket="b")
    _first_commit(target, microservice)
    return zipfile.ZipFile(io.BytesIO(s3.calls[-1][1]["Body"]))


def test_a_deploy_json_is_read_by_the_rules_of_every_reader(tmp_path: Path) -> None:
    file = tmp_path / "samples" / "shop" / "web" / "specfiles" / "deploy.json"
    file.parent.mkdir(parents=True)
    text = '{"MicroserviceName": "web", "Port": 80, "Protocol": "http"}'
    file.write_text(f"\ufeff{text}")
    assert [found.port for found in samples.microservices(tmp_path, "shop")] == ["80"]
    for wrong, complaint in (
        (text.replace("}", ', "Port": 81}'), " is no deploy.json: `Port` is set twice: allowed is once"),
        (text.replace("80", "8e1"), " is no deploy.json: `Port` is `8e1`: allowed is a whole number"),
        (text.replace("80", "[1, [NaN]]"), " is no deploy.json: `Port` is `NaN`: allowed is a whole number"),
        ("[]", " is no deploy.json: it has to hold one JSON object"),
        ("{", " is no deploy.json: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"MicroserviceName": "web"}', ": `Port` is missing"),
    ):
        file.write_text(wrong)
        with pytest.raises(InfraError) as raised:
            samples.microservices(tmp_path, "shop")
        assert str(raised.value) == f"`{file}`{complaint}"


def cargo(*arguments: str, directory: Path = ROOT) -> dict[str, Any]:
    """What `cargo metadata` says of a folder, without the network. Only this machine's packages were ever downloaded."""
    (host,) = [line.split()[1] for line in run("-vV", directory=directory).splitlines() if line.startswith("host:")]
    options = ["--offline", "--format-version", "1", "--filter-platform", host]
    return json.loads(run("metadata", *options, *arguments, directory=directory))


def run(*arguments: str, directory: Path) -> str:
    """What cargo prints."""
    done = subprocess.run(["cargo", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_repository_is_the_microservices_folder_and_the_samples_app() -> None:
    archive = uploaded(SERVICES["hello-web"], environment_name="shop")
    names = set(archive.namelist())
    assert {name for name in names if not name.startswith("app/")} == {
        "Dockerfile", "specfiles/build.yml", "specfiles/deploy.json", "specfiles/manifest.yaml",
    }  # fmt: skip
    assert {"app/Cargo.toml", "app/Cargo.lock", "app/src/lib.rs", "app/src/bin/hello-web.rs"} <= names
    assert archive.read("app/Cargo.lock") == (ROOT / "Cargo.lock").read_bytes()
    # What is a symbolic link here is a file there.
    assert archive.read("Dockerfile") == (ROOT / "samples" / "Dockerfile").read_bytes()
    assert archive.read("specfiles/build.yml") == (ROOT / "samples" / "build.yml").read_bytes()
    deploy = json.loads(archive.read("specfiles/deploy.json"))
    assert (deploy["EnvironmentName"], deploy["Namespace"], deploy["Port"]) == ("shop", "shop.local", 8080)


def test_equal_sources_are_one_object(tmp_path: Path) -> None:
    (tmp_path / "linked").write_text("text")
    (tmp_path / "link").symlink_to("linked")
    files = {"link": tmp_path / "link", "replaced": tmp_path / "linked"}
    s3 = Recorder(head_object=refusal("404"))
    keys = [artifacts.upload_source(lambda _: s3, "b", "web", files, {"replaced": b"new"}, print) for _ in range(2)]
    assert keys[0] == keys[1]
    archive = zipfile.ZipFile(io.BytesIO(s3.calls[-1][1]["Body"]))
    assert {name: archive.read(name) for name in archive.namelist()} == {"link": b"text", "replaced": b"new"}
    other = artifacts.upload_source(lambda _: s3, "b", "web", files, {"replaced": b"newer"}, print)
    assert other != keys[0]


def test_what_a_build_left_is_not_source(tmp_path: Path) -> None:
    for name in ("web/specfiles/deploy.json", "web/Dockerfile", "app/Cargo.toml", "app/target/debug/web"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = samples.Microservice("web", "80", "http", tmp_path / "web").repository(tmp_path)
    assert set(found) == {"specfiles/deploy.json", "Dockerfile", "app/Cargo.toml", "app/Cargo.lock"}


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.parent.name)
def test_the_source_stands_alone_with_the_versions_that_are_tested_here(app: Path, tmp_path: Path) -> None:
    service = next(made for made in SERVICES.values() if made.directory.parent == app.parent)
    uploaded(service).extractall(tmp_path)
    metadata = cargo(directory=tmp_path / "app")
    assert Path(metadata["workspace_root"]) == tmp_path / "app"
    used = {(package["name"], package["version"]) for package in metadata["packages"] if package["source"]}
    tested = {(package["name"], package["version"]) for package in cargo("--locked")["packages"]}
    assert used <= tested


def test_a_sample_asks_for_the_versions_that_the_workspace_asks_for() -> None:
    packages = cargo("--no-deps")["packages"]
    asked = {True: set[tuple[str, str]](), False: set[tuple[str, str]]()}
    for package in packages:
        asked[package["name"].startswith("sample-")] |= {
            (made["name"], made["req"]) for made in package["dependencies"]
        }
    shared = {name for name, _ in asked[False]}
    assert {(name, version) for name, version in asked[True] if name in shared} <= asked[False]
    editions = {(package["edition"], package["rust_version"], package["license"]) for package in packages}
    assert len(editions) == 1


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_microservice_has_what_its_pipeline_looks_for(service: samples.Microservice) -> None:
    specfiles = service.directory / "specfiles"
    assert os.readlink(specfiles / "build.yml") == "../../../build.yml"
    assert (specfiles / "build.yml").resolve() == ROOT / "samples" / "build.yml"
    assert (service.directory / "Dockerfile").is_file()
    assert (specfiles / "manifest.yaml").is_file() != (specfiles / "canary-helper.yaml").is_file()
    # The folder's name is the microservice's, and the program's where it is one of the sample's.
    assert service.name == service.directory.name
    if (service.directory / "Dockerfile").resolve() == ROOT / "samples" / "Dockerfile":
        app = service.directory.parent / "app"
        assert (app / "src" / "bin" / f"{service.name}.rs").is_file()
