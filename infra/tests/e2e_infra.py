"""The targets against the local environment: created in order, used, created again, deleted."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from canary_infra.artifacts import FUNCTIONS
from canary_infra.create import ALL_CREATED

from canary_local import hello
from canary_local.environment import Environment

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {
    "create-vpc": "demo-vpc",
    "create-ecs-mesh": "demo-ecs-mesh",
    "create-monitoring-resources": "demo-monitoring",
    "create-shared-cloudformation-stack": "canary-shared",
}
PIPELINES = "create-sample-microservice-pipeline-stack"
EXPORTS = {
    "VPC", "VpcCidr", "PublicSubnet1", "PublicSubnet2", "PrivateSubnet1", "PrivateSubnet2", "PrivateSubnet1Cidr",
    "PrivateSubnet2Cidr", "Mesh", "Cluster", "ExecutionRole", "TaskRole", "ContainerSecurityGroup", "CloudMapNamespaceId",
    "Namespace", "LogGroup", "VirtualGateway", "IngressUrl", "MetricEvents",
}  # fmt: skip
BUCKET = "canary-artifacts-000000000000-us-west-2"


class Targets:
    """`python -m canary_infra`, as make calls it."""

    def __init__(self, env: Environment, settings: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._variables = {**kept, **env.variables, "PYTHONPATH": str(ROOT / "infra" / "deploy"), "POLL_SECONDS": "0.2"}
        self._settings = str(settings)

    def __call__(self, target: str, **settings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "canary_infra", "--settings", self._settings, target]
        variables = {**self._variables, **settings}
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)

    def succeed(self, target: str, **settings: str) -> str:
        """Runs a target that has to succeed; returns what it said."""
        done = self(target, **settings)
        assert done.returncode == 0, f"{target}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def targets(env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Targets:
    """The targets, with the settings that `set-env` writes."""
    made = Targets(env, tmp_path_factory.mktemp("settings") / "settings.env")
    made.succeed("set-env")
    return made


@pytest.fixture(scope="module")
def created(targets: Targets) -> dict[str, str]:
    """What each target said when it created its stack."""
    said = {target: targets.succeed(target) for target in LAYERS}
    return {**said, PIPELINES: targets.succeed(PIPELINES)}


def stacks(env: Environment) -> dict[str, dict[str, Any]]:
    """Every stack by name."""
    return {stack["StackName"]: stack for stack in env.client("cloudformation").describe_stacks()["Stacks"]}


def outputs(env: Environment, stack: str) -> dict[str, str]:
    """A stack's outputs."""
    return {output["OutputKey"]: output["OutputValue"] for output in stacks(env)[stack].get("Outputs", [])}


def test_progress_is_shown_and_the_end_is_said(created: dict[str, str]) -> None:
    for target, stack in LAYERS.items():
        assert f"stack `{stack}` is CREATE_COMPLETE" in created[target]
    assert "CREATE_IN_PROGRESS   AWS::EC2::VPC " in created["create-vpc"]
    assert created[PIPELINES].endswith(f"{ALL_CREATED}\n")


@pytest.mark.usefixtures("created")
def test_every_export_resolves(env: Environment) -> None:
    listed = env.client("cloudformation").list_exports()["Exports"]
    exports = {export["Name"]: export["Value"] for export in listed}
    assert {f"demo:{name}" for name in EXPORTS} <= exports.keys()
    assert all(value and "${" not in value for value in exports.values())
    assert exports["demo:Mesh"] == exports["demo:Cluster"] == "demo"
    vpc = env.client("ec2").describe_subnets(SubnetIds=[exports["demo:PrivateSubnet1"]])["Subnets"][0]
    assert (vpc["VpcId"], vpc["CidrBlock"]) == (exports["demo:VPC"], exports["demo:PrivateSubnet1Cidr"])


@pytest.mark.usefixtures("created")
def test_the_gateway_is_behind_the_load_balancer_and_answers(env: Environment) -> None:
    elb = env.client("elbv2")
    (group,) = elb.describe_target_groups()["TargetGroups"]
    health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    targets = {f"http://{target['Target']['Id']}:{target['Target']['Port']}" for target in health}
    assert len(targets) == 2
    assert env.gateway_url in targets
    for url in targets:
        # No version is deployed: Envoy itself answers.
        with pytest.raises(urllib.error.HTTPError) as answered:
            urllib.request.urlopen(f"{url}/hello-service/hello/Ada", timeout=10)
        assert answered.value.headers["server"] == "envoy"


@pytest.mark.usefixtures("created")
def test_the_agent_runs_with_its_configuration(env: Environment) -> None:
    ecs = env.client("ecs")
    (service,) = ecs.describe_services(cluster="demo", services=["demo-monitoring"])["services"]
    assert (service["runningCount"], service["desiredCount"]) == (1, 1)
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    names = {
        made["name"]: made["valueFrom"].rsplit("/", 1)[-1] for made in definition["containerDefinitions"][0]["secrets"]
    }
    values = {key: env.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] for key, name in names.items()}
    assert "scrape_interval: 60s" in values["PROMETHEUS_CONFIG_CONTENT"]
    assert '"sd_target_cluster": "demo"' in values["CW_CONFIG_CONTENT"]


@pytest.mark.usefixtures("created")
def test_the_bucket_is_private(env: Environment) -> None:
    s3 = env.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert (rule["Filter"], rule["Expiration"]["Days"]) == ({"Prefix": "templates/"}, 30)


@pytest.mark.usefixtures("created")
def test_targets_can_be_run_again(targets: Targets) -> None:
    for target, stack in LAYERS.items():
        assert f"stack `{stack}` is up to date" in targets.succeed(target)
    assert targets.succeed(PIPELINES).count("is up to date") == 2


@pytest.mark.usefixtures("created")
def test_a_changed_setting_updates_the_stack(env: Environment, targets: Targets) -> None:
    said = targets.succeed("create-ecs-mesh", TRACING="XRay")
    assert "stack `demo-ecs-mesh` is UPDATE_COMPLETE" in said
    policy = env.client("iam").get_role_policy(RoleName="demo-TaskRole", PolicyName="envoy")
    assert "xray:PutTraceSegments" in str(policy["PolicyDocument"])


@pytest.mark.usefixtures("created")
def test_a_stack_without_what_it_needs_is_refused(targets: Targets) -> None:
    failed = targets("create-ecs-mesh", ENVIRONMENT_NAME="other")
    assert failed.returncode == 1
    assert "other:VPC" in failed.stderr


@pytest.mark.usefixtures("created")
def test_a_failure_names_the_resource_and_the_reason_and_can_be_repaired(env: Environment, targets: Targets) -> None:
    other = {"ENVIRONMENT_NAME": "other", "INGRESS": "ApplicationLoadBalancer"}
    targets.succeed("create-vpc", **other)
    failed = targets("create-ecs-mesh", NAMESPACE="demo.local", **other)
    assert failed.returncode == 1
    assert "error: `create` of stack `other-ecs-mesh` ended in ROLLBACK_COMPLETE: `CloudMapNamespace` " in failed.stderr
    assert "Namespace demo.local already exists" in failed.stderr
    said = targets.succeed("create-ecs-mesh", NAMESPACE="other.local", **other)
    assert "stack `other-ecs-mesh` is left over from a failure (ROLLBACK_COMPLETE): removing it first" in said
    targets.succeed("delete-blog-contents", SHARED_STACK="other-shared", ARTIFACT_BUCKET="other", **other)
    assert not [name for name in stacks(env) if name.startswith("other-")]


@pytest.mark.usefixtures("created")
def test_a_bucket_of_somebody_elses_is_used_and_left(env: Environment, targets: Targets) -> None:
    env.client("s3").create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    other = {"SHARED_STACK": "other-shared", "ARTIFACT_BUCKET": "theirs"}
    said = targets.succeed("create-shared-cloudformation-stack", **other)
    assert "bucket `theirs` was not made here and is used as it is" in said
    assert "Status" not in env.client("s3").get_bucket_versioning(Bucket="theirs")
    kept = targets("delete-shared-cloudformation-stack", **other)
    assert (kept.returncode, "other-shared" in stacks(env)) == (1, False)
    assert "not removed: bucket `theirs`: it was not made here" in kept.stderr
    assert env.client("s3").list_objects_v2(Bucket="theirs")["KeyCount"] == len(FUNCTIONS) + 1


@pytest.mark.usefixtures("created")
def test_a_deployment_goes_through_all_of_it(env: Environment) -> None:
    assert outputs(env, "canary-shared")["StateMachineArn"] == env.state_machine_arn
    hello.deploy_first(env)
    with urllib.request.urlopen(f"{env.gateway_url}/hello-service/hello/Ada", timeout=10) as answer:
        assert (answer.status, b"Hello, Ada!" in answer.read()) == (200, True)


@pytest.mark.usefixtures("created")
def test_what_is_in_use_stays_and_is_said(env: Environment, targets: Targets) -> None:
    for target, stack, why in (
        ("delete-vpc", "demo-vpc", "demo-ecs-mesh"),
        (
            "delete-shared-cloudformation-stack",
            "canary-shared",
            "`demo-hello-backend-1111111`, `demo-hello-web-1111111`",
        ),
    ):
        kept = targets(target)
        assert kept.returncode == 1
        assert f"not removed: stack `{stack}`: " in kept.stderr
        assert why in kept.stderr
        assert stacks(env)[stack]["StackStatus"].endswith("_COMPLETE")


@pytest.mark.usefixtures("created")
def test_at_the_end_nothing_is_left(env: Environment, targets: Targets) -> None:
    env.client("ecr").put_image(repositoryName="demo/hello-web", imageManifest="{}", imageTag="1111111")
    slow = {**hello.event(env.checkout, "hello-backend", "2222222"), "WaitTime": 600}
    running = env.deploy(slow)
    # Stopped while a function is at work, an execution may still leave the stack that the function asks for.
    next(step for step in env.follow(running) if step.kind == "entered" and step.state == "Wait")
    said = targets.succeed("delete-blog-contents")
    assert env.client("stepfunctions").describe_execution(executionArn=running)["status"] == "ABORTED"
    assert "repository `demo/hello-web`: 1 images removed" in said
    assert [name for name in stacks(env) if name.startswith(("demo-", "canary-"))] == []
    assert env.client("appmesh").list_meshes()["meshes"] == []
    assert env.client("ecs").list_clusters()["clusterArns"] == []
    assert env.client("servicediscovery").list_namespaces()["Namespaces"] == []
    assert env.client("ssm").describe_parameters()["Parameters"] == []
    assert BUCKET not in {bucket["Name"] for bucket in env.client("s3").list_buckets()["Buckets"]}
    # And it says so when there is nothing to remove.
    assert "environment `demo` has no microservice" in targets.succeed("delete-blog-contents")
