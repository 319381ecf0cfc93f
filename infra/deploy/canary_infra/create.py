"""The targets that create: each brings one layer of stacks to what the templates and settings say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import artifacts, programs, releases, samples
from .aws import Clients, identity
from .errors import InfraError, UsageError
from .settings import Settings
from .stacks import Say, Stacks, outputs

ALL_CREATED = "All CloudFormation stacks created successfully!"


@dataclass(frozen=True)
class Target:
    """Where everything goes: one environment in one account and Region."""

    settings: Settings
    client: Clients
    checkout: Path
    say: Say

    @cached_property
    def stacks(self) -> Stacks:
        """The stacks of this account and Region."""
        tags = {"application": "ecs-canary"}
        return Stacks(self.client, self.say, float(self.settings.poll_seconds), tags)

    @cached_property
    def identity(self) -> tuple[str, str]:
        """Account and partition."""
        return identity(self.client)

    @cached_property
    def bucket(self) -> str:
        """The bucket of everything that is uploaded."""
        return artifacts.bucket_name(self.settings.artifact_bucket, self.identity[0], self.settings.aws_region)

    def stack(self, layer: str) -> str:
        """The name of a stack of the environment."""
        return f"{self.settings.environment_name}-{layer}"

    def pipeline_stack(self, microservice: str) -> str:
        """The name of a microservice's stack. A version's stack has a commit where this one has `pipeline`."""
        return self.stack(f"{microservice}-pipeline")

    def template(self, name: str) -> Path:
        """A template of infra/."""
        return self.checkout / "infra" / f"{name}.yaml"

    def introduce(self) -> None:
        """Says where everything goes, before anything does."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        account, region = self.identity[0], self.settings.aws_region
        self.say(f"environment `{self.settings.environment_name}`, account {account}, {region}, {endpoint}")


def vpc(target: Target) -> None:
    """The network."""
    settings = target.settings
    _check_owner(target, "vpc", "VPC")
    parameters = {
        "EnvironmentName": settings.environment_name,
        "VpcCidr": settings.vpc_cidr,
        "Egress": _egress(target),
    }
    target.stacks.deploy(target.stack("vpc"), target.template("vpc"), parameters, environment=settings.environment_name)


def ecs_mesh(target: Target) -> None:
    """Cluster, mesh, namespace, roles and ingress."""
    settings = target.settings
    _check_owner(target, "ecs-mesh", "Mesh")
    parameters = {
        "EnvironmentName": settings.environment_name,
        "Namespace": settings.namespace,
        "Ingress": settings.ingress,
        "IngressCidr": settings.ingress_cidr,
        "CertificateArn": settings.certificate_arn,
        "Tracing": settings.tracing,
    }
    made = target.stacks.deploy(
        target.stack("ecs-mesh"), target.template("ecs-mesh"), parameters, environment=settings.environment_name
    )
    if "IngressUrl" in made:
        target.say(f"requests enter the mesh at {made['IngressUrl']}")


def monitoring(target: Target) -> None:
    """The CloudWatch agent that reads the Envoys' metrics."""
    name = target.settings.environment_name
    target.stacks.deploy(
        target.stack("monitoring"), target.template("monitoring"), {"EnvironmentName": name}, environment=name
    )


def shared(target: Target) -> None:
    """Functions and state machine. Uploads what they are made from first, and removes superseded releases in the end."""
    settings = target.settings
    artifacts.ensure_bucket(target.client, target.bucket, settings.aws_region, target.identity, target.say)
    parameters = {
        "ArtifactBucket": target.bucket,
        "ArtifactPrefix": artifacts.upload_release(
            target.client, target.bucket, target.checkout, settings.architecture, target.say
        ),
        "Architecture": settings.architecture,
        "PollSeconds": settings.stack_poll_seconds,
        "MetricPeriodSeconds": settings.metric_period_seconds,
        "MetricDelaySeconds": settings.metric_delay_seconds,
        "Environments": settings.environments,
    }
    made = target.stacks.deploy(settings.shared_stack, target.template("shared"), parameters)
    releases.prune(target.client, made["StateMachineArn"], target.say)
    target.say(f"deployments start {made['StateMachineAliasArn']}")


def pipelines(target: Target) -> None:
    """One stack per microservice of the sample."""
    settings = target.settings
    shared_stack = target.stacks.find(settings.shared_stack)
    if shared_stack is None or "StateMachineAliasArn" not in outputs(shared_stack):
        raise InfraError(
            f"stack `{settings.shared_stack}` is not there, or of an earlier release: `make create-shared-cloudformation-stack` first"
        )
    microservices = samples.microservices(target.checkout, settings.sample)
    source = _source(target)
    common = _common_parameters(target, source)
    if source != "None":
        artifacts.ensure_bucket(target.client, target.bucket, settings.aws_region, target.identity, target.say)
        common |= _tools(target) | _template_bucket(target)
    routes = samples.gateway_routes(settings.gateway_routes)
    for microservice in microservices:
        _pipeline(target, microservice, {**common, "GatewayRoutePrefix": routes.get(microservice.name, "")})
    target.say(ALL_CREATED)


def _tools(target: Target) -> dict[str, str]:
    """What builds are given: the `canary` command, if `make package-cli` built it, and the platform team's settings."""
    settings = target.settings
    tool = target.checkout / "target" / "package" / f"canary-{settings.build_architecture}"
    if not tool.is_file():
        target.say(f"`{tool.relative_to(target.checkout)}` is not built: builds must bring their own `canary`")
        return {}
    programs.check_tool(str(tool.relative_to(target.checkout)), tool.read_bytes(), settings.build_architecture)
    key = artifacts.upload_file(target.client, target.bucket, "tools", tool, "canary", target.say)
    parameters = {"ToolsBucket": target.bucket, "ToolKey": key}
    of_sample = target.checkout / "samples" / settings.sample / "platform.yaml"
    platform = Path(settings.platform) if settings.platform else of_sample
    if settings.platform and not platform.is_file():
        raise UsageError(f"`PLATFORM` is `{platform}`, and there is no such file")
    if settings.platform or of_sample.is_file():
        name = "platform.yaml"
        parameters["PlatformKey"] = artifacts.upload_file(
            target.client, target.bucket, "tools", platform, name, target.say
        )
    return parameters


def _template_bucket(target: Target) -> dict[str, str]:
    """Where builds put templates that are too large for a request. A name with dots cannot be the host of an address by TLS."""
    return {} if "." in target.bucket else {"TemplateBucket": target.bucket}


def _pipeline(target: Target, microservice: samples.Microservice, common: dict[str, str]) -> None:
    settings = target.settings
    parameters = {
        **common,
        "MicroserviceName": microservice.name,
        "Port": microservice.port,
        "Protocol": microservice.protocol,
        "ImageRepositoryName": f"{settings.environment_name.lower()}/{microservice.name}",
    }
    if common["Source"] == "CodeConnections":
        parameters["RepositoryName"] = f"{settings.repository_owner}/{microservice.name}"
    elif common["Source"] == "CodeCommit":
        parameters["RepositoryName"] = settings.repository_prefix + microservice.name
        if settings.begins_with_sample:
            parameters |= _first_commit(target, microservice)
    target.stacks.deploy(
        target.pipeline_stack(microservice.name),
        target.template("pipeline"),
        parameters,
        environment=settings.environment_name,
        microservice=microservice.name,
    )


def _first_commit(target: Target, microservice: samples.Microservice) -> dict[str, str]:
    """The sample's source, with a deploy.json for this environment."""
    settings = target.settings
    replaced = {samples.DEPLOY_FILE: microservice.deploy_json(settings.environment_name, settings.namespace)}
    files = microservice.repository(target.checkout)
    key = artifacts.upload_source(target.client, target.bucket, microservice.name, files, replaced, target.say)
    return {"FirstCommitBucket": target.bucket, "FirstCommitKey": key}


def _common_parameters(target: Target, source: str) -> dict[str, str]:
    settings = target.settings
    parameters = {
        "EnvironmentName": settings.environment_name,
        "Namespace": settings.namespace,
        "SharedStackName": settings.shared_stack,
        "Source": source,
        "BranchName": settings.branch,
        "Architecture": settings.build_architecture,
    }
    return parameters | ({"ConnectionArn": settings.connection_arn} if source == "CodeConnections" else {})


def _check_owner(target: Target, layer: str, export: str) -> None:
    """An environment that other stacks made, as those of samples/ do, is not ours to build over."""
    name = target.settings.environment_name
    owner = target.stacks.exporter(f"{name}:{export}")
    if owner and owner.split("/")[1] != target.stack(layer):
        raise InfraError(
            f"environment `{name}` is made by stack `{owner.split('/')[1]}` already: choose another `ENVIRONMENT_NAME`"
        )


def _egress(target: Target) -> str:
    """How tasks reach AWS. `Auto` asks whether there are NAT gateways."""
    if target.settings.egress != "Auto":
        return target.settings.egress
    if target.stacks.offers("AWS::EC2::NatGateway", "AWS::EC2::EIP"):
        return "NatGateway"
    target.say("there are no NAT gateways here: the private subnets get no way out")
    return "None"


def _source(target: Target) -> str:
    """Where commits come from. `Auto` asks whether there is a CodeCommit, and a CodePipeline behind it."""
    if target.settings.source != "Auto":
        return target.settings.source
    if target.stacks.offers("AWS::CodePipeline::Pipeline", "AWS::CodeCommit::Repository"):
        return "CodeCommit"
    target.say("there is no CodePipeline here: the stacks get none, and deployments are started by hand")
    return "None"
