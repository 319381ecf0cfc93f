"""The settings: where each comes from, and what is said of one that cannot be."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from canary_infra import samples
from canary_infra.__main__ import CREATE, DELETE, main
from canary_infra.errors import UsageError
from canary_infra.settings import SETTINGS, Setting, read, resolve

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
        ({"ingress": "Nginx"}, "`INGRESS` is `Nginx` and must be one of NetworkLoadBalancer, ApplicationLoadBalancer, None"),
        ({"vpc_cidr": "10.0.0.0/8"},
         "`VPC_CIDR` is `10.0.0.0/8` and must be an IPv4 range from /16 to /22, such as 10.0.0.0/16"),
        ({"environment_name": "1st"},
         "`ENVIRONMENT_NAME` is `1st` and must be 1 to 40 letters, digits and hyphens, beginning with a letter"),
        ({"stack_poll_seconds": "1"}, "`STACK_POLL_SECONDS` is `1` and must be a whole number of seconds from 2 to 300"),
        ({"gateway_routes": "ui=/ web"},
         "`GATEWAY_ROUTES` is `ui=/ web` and must be service=/path pairs with spaces between them, or empty"),
        ({"source": "CodeConnections"},
         "`CONNECTION_ARN` is empty and has to be set where `SOURCE` is CodeConnections"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named_with_what_can(path: Path, flags: dict[str, str], complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        resolve(flags, {"AWS_REGION": "eu-west-1"}, path, "x86_64")
    assert str(raised.value) == complaint


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_a_setting_may_be_is_said_in_words(setting: Setting) -> None:
    bounded = bool(setting.allowed) or setting.pattern != r".*"
    assert bool(setting.form) == bounded
    assert not setting.default or setting.checked(setting.default)


def test_the_documentation_lists_every_setting() -> None:
    table = (ROOT / "infra" / "README.md").read_text().split("| Setting |")[1].split("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    assert named == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            b"BRANCH=main\nBRANHC=main\n",
            "`{path}` line 2: `BRANHC=main` is no setting; `make set-env` writes the file anew",
        ),
        (b"BRANCH='main\n", "`{path}` line 1: `BRANCH='main` is no setting; `make set-env` writes the file anew"),
        (b"BRANCH=\xff\n", "settings file `{path}` is not UTF-8 text: invalid start byte at byte 7"),
        (None, "settings file `{path}` cannot be read: Is a directory"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_named(path: Path, text: bytes | None, complaint: str) -> None:
    path.write_bytes(text) if text is not None else path.mkdir()
    with pytest.raises(UsageError) as raised:
        resolve({}, {"AWS_REGION": "eu-west-1"}, path, "x86_64")
    assert str(raised.value) == complaint.format(path=path)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["set-env", "--ingress", "Nginx"], "`INGRESS` is `Nginx` and must be one of "),
        (["set-env", "--ingres-cidr", "x"], "unrecognized arguments: --ingres-cidr x"),
        (["set-env", "--ingress"], "argument --ingress: expected one argument"),
        (["set-evn"], "argument target: invalid choice: 'set-evn' (choose from "),
        (["create-vpc"], "settings file `{path}` does not exist: `make set-env SETTINGS_FILE={path}` writes it"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line_with_status_2(
    path: Path, arguments: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["--settings", str(path), *arguments])
    except SystemExit as ending:
        status = ending.code
    (said,) = capfd.readouterr().err.splitlines()
    assert status == 2
    assert said.startswith(f"error: {complaint.format(path=path)}")
    assert not path.exists()


@pytest.mark.parametrize("target", ["set-env", *CREATE, *DELETE])
def test_help_shows_the_make_command_and_every_setting(target: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main([target, "--help"])
    assert ending.value.code == 0
    shown = capfd.readouterr().out
    assert shown.startswith(f"usage: make {target} [SETTINGS=")
    assert all(f"{setting.flag} VALUE" in shown for setting in SETTINGS)
    assert "\nexit status:\n  0    done\n" in shown


def test_a_target_without_access_says_so(path: Path, capfd: pytest.CaptureFixture[str], monkeypatch) -> None:
    # A port that nothing listens on.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    path.touch()
    assert main(["--settings", str(path), "create-vpc", "--aws-region", "us-west-2"]) == 1
    assert "error: no access to AWS" in capfd.readouterr().err


def test_the_microservices_of_hello_are_found() -> None:
    found = {made.name: (made.port, made.protocol) for made in samples.microservices(ROOT, "hello")}
    assert found == {"hello-backend": ("8080", "http"), "hello-web": ("8080", "http")}


def test_a_sample_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(UsageError, match="^`SAMPLE` is `helo` and must be one of .*hello"):
        samples.microservices(ROOT, "helo")


def test_a_gateway_route_is_a_service_and_a_path() -> None:
    assert samples.gateway_routes("ui=/ web=/web") == {"ui": "/", "web": "/web"}
