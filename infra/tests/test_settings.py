"""The settings: where each comes from, and what is said of one that cannot be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from canary_infra import samples
from canary_infra.__main__ import main
from canary_infra.errors import InfraError
from canary_infra.settings import SETTINGS, read, resolve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the settings are kept."""
    return tmp_path / "settings.env"


def test_flags_go_before_variables_before_the_file_before_defaults(path: Path) -> None:
    path.write_text("BRANCH=file\nSAMPLE=file\nINGRESS=None\n")
    variables = {"AWS_REGION": "eu-west-1", "BRANCH": "variable", "SAMPLE": "variable"}
    settings = resolve({"branch": "flag"}, variables, path, "arm64")
    assert (settings.branch, settings.sample, settings.ingress) == ("flag", "variable", "None")
    assert (settings.shared_stack, settings.architecture) == ("canary-shared", "arm64")


def test_the_namespace_follows_the_environment(path: Path) -> None:
    settings = resolve({"environment_name": "Shop"}, {"AWS_REGION": "eu-west-1"}, path, "x86_64")
    assert settings.namespace == "shop.local"


@pytest.mark.parametrize(
    ("endpoint", "paces"),
    [
        ("", ("15", "60", "120", "2")),
        ("http://127.0.0.1:4566", ("2", "1", "3", "0.5")),
        ("https://aws", ("15", "60", "120", "2")),
    ],
)
def test_everything_is_as_fast_as_the_place_allows(path: Path, endpoint: str, paces: tuple[str, ...]) -> None:
    variables = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": endpoint}
    settings = resolve({}, variables, path, "x86_64")
    metrics = (settings.metric_period_seconds, settings.metric_delay_seconds)
    assert (settings.stack_poll_seconds, *metrics, settings.poll_seconds) == paces
    assert resolve({"stack_poll_seconds": "30"}, variables, path, "x86_64").stack_poll_seconds == "30"


def test_what_is_written_is_read_again(path: Path) -> None:
    settings = resolve({"gateway_routes": "a=/ b=/b"}, {"AWS_REGION": "eu-west-1"}, path, "x86_64")
    path.write_text(settings.text())
    assert resolve({}, {}, path, "arm64") == settings
    assert read(path).keys() == {setting.name for setting in SETTINGS}
    path.write_text(f"\ufeff{settings.text()}")
    assert resolve({}, {}, path, "arm64") == settings, "a byte order mark is skipped"


def test_the_file_may_be_in_a_folder_that_is_not_there_yet(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    inside = path.parent / "folder" / "settings.env"
    assert main(["--settings", str(inside), "set-env", "--aws-region", "eu-west-1"]) == 0
    assert read(inside)["AWS_REGION"] == "eu-west-1"
    capfd.readouterr()
    assert main(["--settings", str(inside / "file.env"), "set-env", "--aws-region", "eu-west-1"]) == 1
    assert capfd.readouterr().err.startswith(f"error: settings file `{inside / 'file.env'}` cannot be written: ")


def test_a_shell_can_source_the_file(path: Path) -> None:
    assert main(["--settings", str(path), "set-env", "--aws-region", "eu-west-1", "--gateway-routes", "a=/ b=/b"]) == 0
    said = subprocess.run(
        ["sh", "-c", f'. "{path}" && echo "$GATEWAY_ROUTES"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == "a=/ b=/b\n"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (
            {"ingress": "Nginx"},
            "`INGRESS` is `Nginx` and must be one of NetworkLoadBalancer, ApplicationLoadBalancer, None",
        ),
        ({"vpc_cidr": "10.0.0.0/8"}, "`VPC_CIDR` is `10.0.0.0/8`"),
        ({"environment_name": "1st"}, "`ENVIRONMENT_NAME` is `1st`"),
        ({"source": "CodeConnections"}, "`CONNECTION_ARN` is empty and `SOURCE` is CodeConnections"),
    ],
)
def test_a_value_that_cannot_be_is_named(path: Path, flags: dict[str, str], complaint: str) -> None:
    with pytest.raises(InfraError) as raised:
        resolve(flags, {"AWS_REGION": "eu-west-1"}, path, "x86_64")
    assert complaint in str(raised.value)


def test_a_line_that_is_no_setting_is_named(path: Path) -> None:
    path.write_text("BRANCH=main\nBRANHC=main\n")
    with pytest.raises(InfraError, match="line 2: `BRANHC=main`"):
        resolve({}, {"AWS_REGION": "eu-west-1"}, path, "x86_64")


def test_a_target_without_access_says_so(path: Path, capfd: pytest.CaptureFixture[str], monkeypatch) -> None:
    # A port that nothing listens on.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert main(["--settings", str(path), "create-vpc", "--aws-region", "us-west-2"]) == 1
    assert "error: no access to AWS" in capfd.readouterr().err


def test_the_microservices_of_hello_are_found() -> None:
    found = {made.name: (made.port, made.protocol) for made in samples.microservices(ROOT, "hello")}
    assert found == {"hello-backend": ("8080", "http"), "hello-web": ("8080", "http")}


def test_a_sample_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(InfraError, match="there is no sample `helo` with microservices; there is .*hello"):
        samples.microservices(ROOT, "helo")


def test_a_gateway_route_is_a_service_and_a_path() -> None:
    assert samples.gateway_routes("ui=/ web=/web") == {"ui": "/", "web": "/web"}
    with pytest.raises(InfraError, match="`web`, which is not of the form service=/path"):
        samples.gateway_routes("ui=/ web")
