"""What the targets hand to CloudFormation: parameters that the templates have, with values that they take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import templates
from canary_infra import create
from canary_infra.create import Target
from canary_infra.errors import InfraError
from canary_infra.settings import resolve
from test_remove import Recorder, refusal

ROOT = Path(__file__).resolve().parents[2]
CONNECTED = {"source": "CodeConnections", "connection_arn": templates.CONNECTION, "repository_owner": "team"}


class Deployed:
    """In the place of `Stacks`: notes what would be deployed."""

    def __init__(self, offered: bool = True) -> None:
        self.made: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {}
        self._offered = offered
        self.owner = ""

    def offers(self, *_: str) -> bool:
        return self._offered

    def exporter(self, export: str) -> str | None:
        return f"arn:aws:cloudformation:us-west-2:1:stack/{self.owner}/1" if self.owner else None

    def find(self, name: str) -> dict[str, Any] | None:
        arn = {"OutputKey": "StateMachineAliasArn", "OutputValue": "arn:machine:live"}
        return {"Outputs": [arn]} if name == "canary-shared" else None

    def deploy(self, name: str, template: Path, parameters: dict[str, str], **tags: str) -> dict[str, str]:
        self.made[name] = (template.stem, parameters, tags)
        return {"StateMachineArn": "arn:machine", "StateMachineAliasArn": "arn:machine:live"}


def target(stacks: Deployed, root: Path = ROOT, **flags: str) -> Target:
    """A target that deploys into `stacks` and uploads to nowhere."""
    settings = resolve(flags, {"AWS_REGION": "us-west-2"}, Path("/nonexistent/settings"), "x86_64")
    s3 = Recorder(head_object=refusal("404"), head_bucket=refusal("404"))
    made = Target(settings, lambda _: s3, root, lambda _: None)
    made.__dict__.update(stacks=stacks, identity=(templates.ACCOUNT, "aws"))
    return made


def assert_taken(template: str, parameters: dict[str, str]) -> None:
    """Every parameter is one of the template, with a value it allows; none that has no default is missing."""
    declared = templates.load(template)["Parameters"]
    assert parameters.keys() <= declared.keys()
    assert [name for name, made in declared.items() if "Default" not in made and name not in parameters] == []
    for name, value in parameters.items():
        made = declared[name]
        assert value in [str(allowed) for allowed in made.get("AllowedValues", [value])], name
        assert re.search(made.get("AllowedPattern", ""), value), name
        assert len(value) <= made.get("MaxLength", 10_000), name


@pytest.mark.parametrize(
    ("layer", "flags"),
    [
        (create.vpc, {}),
        (create.vpc, {"egress": "VpcEndpoints"}),
        (create.ecs_mesh, {}),
        (create.ecs_mesh, {"ingress": "ApplicationLoadBalancer", "certificate_arn": templates.CERTIFICATE}),
        (create.monitoring, {}),
        (create.pipelines, {}),
        (create.pipelines, CONNECTED),
        (create.pipelines, {"source": "None", "use_sample_microservices": "False"}),
    ],
)
def test_the_templates_take_what_the_targets_give(layer: Any, flags: dict[str, str]) -> None:
    stacks = Deployed()
    layer(target(stacks, **flags))
    assert stacks.made
    for template, parameters, tags in stacks.made.values():
        assert_taken(template, parameters)
        assert tags["environment"] == "demo"


@pytest.mark.parametrize(("offered", "egress", "source"), [(True, "NatGateway", "CodeCommit"), (False, "None", "None")])
def test_auto_is_what_the_place_can_hold(offered: bool, egress: str, source: str) -> None:
    stacks = Deployed(offered)
    create.vpc(target(stacks))
    create.pipelines(target(stacks))
    assert stacks.made["demo-vpc"][1]["Egress"] == egress
    assert stacks.made["demo-hello-web-pipeline"][1]["Source"] == source


@pytest.mark.parametrize(("bucket", "given"), [("shop", "shop"), ("shop.example", None)])
def test_large_templates_go_to_the_functions_bucket_if_it_can_be_the_host_of_an_address(
    bucket: str, given: str | None
) -> None:
    stacks = Deployed()
    made = target(stacks, artifact_bucket=bucket)
    create.pipelines(made)
    assert made.bucket == bucket
    assert [parameters.get("TemplateBucket") for _, parameters, _ in stacks.made.values()] == [given, given]


def test_only_an_entry_service_gets_a_gateway_route() -> None:
    stacks = Deployed()
    create.pipelines(target(stacks))
    routes = {name: parameters["GatewayRoutePrefix"] for name, (_, parameters, _) in stacks.made.items()}
    assert routes == {"demo-hello-backend-pipeline": "", "demo-hello-web-pipeline": "/hello-service"}


def test_a_repository_begins_with_the_sample_unless_told_otherwise() -> None:
    for use, first in (("True", True), ("False", False)):
        stacks = Deployed()
        create.pipelines(target(stacks, use_sample_microservices=use))
        assert {"FirstCommitKey" in parameters for _, parameters, _ in stacks.made.values()} == {first}


def test_repositories_behind_a_connection_have_the_microservices_names() -> None:
    stacks = Deployed()
    create.pipelines(target(stacks, **CONNECTED))
    assert stacks.made["demo-hello-web-pipeline"][1]["RepositoryName"] == "team/hello-web"


def test_pipelines_need_the_state_machine() -> None:
    with pytest.raises(
        InfraError,
        match="stack `other` is not there, or of an earlier release: `make create-shared-cloudformation-stack` first",
    ):
        create.pipelines(target(Deployed(), shared_stack="other"))


def test_an_environment_that_another_stack_made_is_not_built_over() -> None:
    stacks = Deployed()
    stacks.owner = "demo"
    for layer in (create.vpc, create.ecs_mesh):
        with pytest.raises(InfraError, match="environment `demo` is made by stack `demo` already: choose another"):
            layer(target(stacks))
    stacks.owner = "demo-vpc"
    create.vpc(target(stacks))
    assert list(stacks.made) == ["demo-vpc"]
