"""The settings that `set-env` writes and every other target reads."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import botocore.session

from .aws import is_loopback
from .errors import UsageError

FILE = ".canary.env"
FALLBACK_REGION = "us-west-2"
_TRUE, _FALSE = "True", "False"


@dataclass(frozen=True)
class Setting:
    """One setting: what it is for, what it is when nobody says, and what it may be; `words` say what `pattern` allows."""

    name: str
    help: str
    default: str
    allowed: tuple[str, ...] = ()
    pattern: str = r".*"
    words: str = ""

    @property
    def flag(self) -> str:
        """The command-line flag of it."""
        return "--" + self.name.lower().replace("_", "-")

    @property
    def field(self) -> str:
        """The attribute of `Settings` that holds it."""
        return self.name.lower()

    @property
    def form(self) -> str:
        """What it may be, in words; empty if it may be anything."""
        return f"one of {', '.join(self.allowed)}" if self.allowed else self.words

    def checked(self, value: str) -> str:
        """The value, or a `UsageError` that names the setting, the value and what is allowed."""
        if (self.allowed and value not in self.allowed) or not re.fullmatch(self.pattern, value, re.ASCII):
            raise UsageError(f"`{self.name}` is `{value}` and must be {self.form}")
        return value


# On AWS, and in the local environment, whose metrics are there after a second or two and whose stacks after a few.
_PACE = {
    "poll_seconds": ("2", "0.5"), "stack_poll_seconds": ("15", "2"), "metric_period_seconds": ("60", "1"),
    "metric_delay_seconds": ("120", "3"),
}  # fmt: skip
SETTINGS = (
    Setting("AWS_REGION", "Region", "", pattern=r"[a-z]{2}(-[a-z]+)+-\d", words="the name of a Region, such as us-west-2"),
    Setting("ENVIRONMENT_NAME", "the environment; it must be the EnvironmentName of the deploy.json files", "demo",
            pattern=r"[A-Za-z][A-Za-z0-9-]{0,39}", words="1 to 40 letters, digits and hyphens, beginning with a letter"),
    Setting("NAMESPACE", "Cloud Map namespace (default: {ENVIRONMENT_NAME}.local)", "",
            pattern=r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
            words="lower-case letters, digits, dots and hyphens, with a letter or digit at both ends"),
    Setting("VPC_CIDR", "address range of the VPC", "10.0.0.0/16",
            pattern=r"\d{1,3}(\.\d{1,3}){3}/(1[6-9]|2[0-2])", words="an IPv4 range from /16 to /22, such as 10.0.0.0/16"),
    Setting("EGRESS", "how tasks reach AWS; Auto is NatGateway where there is one, and None elsewhere", "Auto",
            ("Auto", "NatGateway", "VpcEndpoints", "None")),
    Setting("INGRESS", "load balancer in front of the gateway", "NetworkLoadBalancer",
            ("NetworkLoadBalancer", "ApplicationLoadBalancer", "None")),
    Setting("INGRESS_CIDR", "who may reach it", "0.0.0.0/0",
            pattern=r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}", words="an IPv4 range, such as 198.51.100.0/24"),
    Setting("CERTIFICATE_ARN", "ACM certificate of the load balancer; empty is plain HTTP", ""),
    Setting("TRACING", "XRay lets X-Ray daemons send traces", "None", ("None", "XRay")),
    Setting("SHARED_STACK", "stack of the functions and the state machine", "canary-shared",
            pattern=r"[A-Za-z][A-Za-z0-9-]{0,49}", words="1 to 50 letters, digits and hyphens, beginning with a letter"),
    Setting("ENVIRONMENTS", "which environments the shared stack serves: a name, or a pattern such as team-a-*", "*",
            pattern=r"[A-Za-z0-9*-]{1,100}", words="1 to 100 letters, digits, hyphens, and * for any text"),
    Setting("STACK_POLL_SECONDS",
            "between two polls of a version's stack by the state machine (default: 15, in the local environment 2)", "",
            pattern=r"[2-9]|[1-9]\d|[12]\d\d|300", words="a whole number of seconds from 2 to 300"),
    Setting("METRIC_PERIOD_SECONDS",
            "seconds that one data point covers, and between two scrapes (default: 60, in the local environment 1)", "",
            ("1", "5", "10", "30", "60")),
    Setting("METRIC_DELAY_SECONDS",
            "seconds from the end of a data point until CloudWatch has it (default: 120, in the local environment 3)", "",
            pattern=r"\d{1,2}|[1-5]\d\d|600", words="a whole number of seconds from 0 to 600"),
    Setting("ARTIFACT_BUCKET", "bucket of the functions' zips (default: one named after account and Region)", "",
            pattern=r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            words="the name of an S3 bucket, 3 to 63 lower-case letters, digits, dots and hyphens, or empty"),
    Setting("ARCHITECTURE", "instruction set that `make package` built for (default: this machine's)", "",
            ("x86_64", "arm64")),
    Setting("BUILD_ARCHITECTURE", "instruction set of the build machines, the images and `make package-cli`", "x86_64",
            ("x86_64", "arm64")),
    Setting("SAMPLE", "folder in samples/ with the microservices", "hello",
            pattern=r"[a-z0-9-]+", words="lower-case letters, digits and hyphens"),
    Setting("USE_SAMPLE_MICROSERVICES", "whether the repositories begin with the sample's source", _TRUE, (_TRUE, _FALSE)),
    Setting("PLATFORM", "the platform team's settings for builds (default: the sample's platform.yaml, if it has one)", ""),
    Setting("GATEWAY_ROUTES", "entry services and the paths under which the gateway offers them; others are ignored",
            "hello-web=/hello-service yelb-ui=/",
            pattern=r"\s*([^\s=]+=/\S*(\s+|$))*", words="service=/path pairs with spaces between them, or empty"),
    Setting("SOURCE", "where commits come from; Auto is CodeCommit where there is one, and None elsewhere",
            "Auto", ("Auto", "CodeCommit", "CodeConnections", "None")),
    Setting("CONNECTION_ARN", "the connection to the Git host, for CodeConnections", ""),
    Setting("REPOSITORY_OWNER", "owner of the repositories there, which have the microservices' names", ""),
    Setting("REPOSITORY_PREFIX", "before the names of CodeCommit repositories, for a second environment in an account", "",
            pattern=r"[A-Za-z0-9._-]*", words="letters, digits, dots, underscores and hyphens, or empty"),
    Setting("BRANCH", "branch whose commits are deployed", "main",
            pattern=r"[A-Za-z0-9._/-]+", words="letters, digits, dots, underscores, slashes and hyphens"),
    Setting("POLL_SECONDS", "between two polls of a stack by a make target (default: 2, in the local environment 0.5)", "",
            pattern=r"\d{1,2}(\.\d+)?", words="a number of seconds below 100"),
)  # fmt: skip
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True)
class Settings:
    """One field for each of `SETTINGS`."""

    aws_region: str
    environment_name: str
    namespace: str
    vpc_cidr: str
    egress: str
    ingress: str
    ingress_cidr: str
    certificate_arn: str
    tracing: str
    shared_stack: str
    environments: str
    stack_poll_seconds: str
    metric_period_seconds: str
    metric_delay_seconds: str
    artifact_bucket: str
    architecture: str
    build_architecture: str
    sample: str
    use_sample_microservices: str
    platform: str
    gateway_routes: str
    source: str
    connection_arn: str
    repository_owner: str
    repository_prefix: str
    branch: str
    poll_seconds: str

    @property
    def begins_with_sample(self) -> bool:
        """Whether a new repository gets the sample's source as its first commit."""
        return self.use_sample_microservices == _TRUE

    def text(self) -> str:
        """The settings as a file that a shell can source as well."""
        lines = ["# What infra/deploy's targets read. A variable of the same name in the environment goes first."]
        lines += [f"# {s.help}\n{s.name}={shlex.quote(getattr(self, s.field))}" for s in SETTINGS]
        return "\n".join(lines) + "\n"


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str], path: Path, machine: str) -> Settings:
    """Flags go before the environment's variables, these before the file, and that before the defaults."""
    stored = read(path) if path.exists() else {}
    values = {}
    for setting in SETTINGS:
        sources = (flags.get(setting.field), environment.get(setting.name), stored.get(setting.name))
        values[setting.field] = next((value for value in sources if value is not None), setting.default)
    values["aws_region"] = values["aws_region"] or _region()
    values["namespace"] = values["namespace"] or f"{values['environment_name'].lower()}.local"
    values["architecture"] = values["architecture"] or machine
    local = is_loopback(environment.get("AWS_ENDPOINT_URL", ""))
    for field, paces in _PACE.items():
        values[field] = values[field] or paces[local]
    return check(Settings(**values))


def check(settings: Settings) -> Settings:
    """The settings, or a `UsageError` for the first that cannot be."""
    checked = {setting.field: setting.checked(getattr(settings, setting.field)) for setting in SETTINGS}
    if settings.source == "CodeConnections":
        for name in ("CONNECTION_ARN", "REPOSITORY_OWNER"):
            if not checked[_BY_NAME[name].field]:
                raise UsageError(f"`{name}` is empty and has to be set where `SOURCE` is CodeConnections")
    return replace(settings, **checked)


def read(path: Path) -> dict[str, str]:
    """The variables of a settings file, or a `UsageError` that names the line that is not one."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"settings file `{path}` cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"settings file `{path}` is not UTF-8 text: {error.reason} at byte {error.start}") from None
    values = {}
    for number, line in enumerate(lines, start=1):
        wrong = UsageError(f"`{path}` line {number}: `{line}` is no setting; `make set-env` writes the file anew")
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            # A quotation mark without its partner.
            raise wrong from None
        if not words:
            continue
        name, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals or name not in _BY_NAME:
            raise wrong
        values[name] = value
    return values


def _region() -> str:
    configured = botocore.session.Session().get_config_variable("region")
    return configured or os.environ.get("AWS_DEFAULT_REGION") or FALLBACK_REGION


assert [setting.field for setting in SETTINGS] == [field.name for field in fields(Settings)]
