"""The pipeline's stages, and that each role may do exactly what its stages do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import templates

# Role -> statement -> actions. From AWS's pages on each action's permissions (infra/README.md names them).
GRANTED = {
    "PushRole": {"Start": ["codepipeline:StartPipelineExecution"]},
    "PipelineRole": {
        "Artifacts": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"],
        "ArtifactBucket": ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
        "Source": [
            "codecommit:CancelUploadArchive", "codecommit:GetBranch", "codecommit:GetCommit",
            "codecommit:GetUploadArchiveStatus", "codecommit:UploadArchive",
        ],
        "SourceConnection": ["codeconnections:UseConnection", "codestar-connections:UseConnection"],
        "Build": ["codebuild:BatchGetBuilds", "codebuild:StartBuild"],
        "Deploy": ["states:StartExecution"],
        "Look": ["states:DescribeStateMachine"],
        "Watch": ["states:DescribeExecution"],
    },
    "BuildRole": {
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Artifacts": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
        "ArtifactBucket": ["s3:GetBucketAcl", "s3:GetBucketLocation"],
        "Login": ["ecr:GetAuthorizationToken"],
        "Push": [
            "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
            "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ],
        "Tools": ["s3:GetObject"],
        "Templates": ["s3:PutObject"],
    },
}  # fmt: skip
TRUSTED = {"PushRole": "events", "PipelineRole": "codepipeline", "BuildRole": "codebuild"}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The template's resources."""
    return templates.load("pipeline")["Resources"]


def stage(resources: dict[str, Any], name: str) -> dict[str, Any]:
    """The only action of a stage."""
    stages = {made["Name"]: made["Actions"] for made in resources["Pipeline"]["Properties"]["Stages"]}
    assert list(stages) == ["Source", "Build", "Deploy"]
    (action,) = stages[name]
    return action


@pytest.mark.parametrize("role", GRANTED)
def test_a_role_may_do_exactly_what_its_stages_do(resources: dict[str, Any], role: str) -> None:
    granted = {made["Sid"]: templates.actions(made) for made in templates.statements(resources[role])}
    assert granted == GRANTED[role]


def test_there_is_no_role_but_these() -> None:
    assert templates.roles(templates.load("pipeline")).keys() == GRANTED.keys()


@pytest.mark.parametrize("role", TRUSTED)
def test_a_role_is_for_one_service_acting_for_this_account(resources: dict[str, Any], role: str) -> None:
    (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": f"{TRUSTED[role]}.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_only_the_registry_login_is_for_every_resource(resources: dict[str, Any]) -> None:
    found = [made for role in GRANTED for made in templates.statements(resources[role])]
    assert [made["Sid"] for made in found if made["Resource"] == "*"] == ["Login"]


def test_a_commit_comes_from_codecommit_or_from_a_connection(resources: dict[str, Any]) -> None:
    source = stage(resources, "Source")
    condition, here, elsewhere = source["ActionTypeId"]["Fn::If"]
    assert (condition, here["Provider"], elsewhere["Provider"]) == (
        "FromCodeCommit", "CodeCommit", "CodeStarSourceConnection",
    )  # fmt: skip
    _, codecommit, connection = source["Configuration"]["Fn::If"]
    # The rule starts the pipeline; to poll as well would start it twice.
    assert codecommit["PollForSourceChanges"] is False
    assert connection["DetectChanges"] is True
    pattern = resources["PushRule"]["Properties"]["EventPattern"]
    assert pattern["detail"]["event"] == ["referenceCreated", "referenceUpdated"]
    assert pattern["detail"]["referenceName"] == [{"Ref": "BranchName"}]
    assert resources["PushRule"]["Condition"] == resources["Repository"]["Condition"] == "FromCodeCommit"


def test_the_build_knows_the_commit(resources: dict[str, Any]) -> None:
    build = stage(resources, "Build")
    (variable,) = json.loads(build["Configuration"]["EnvironmentVariables"])
    assert variable["value"] == "#{" + stage(resources, "Source")["Namespace"] + ".CommitId}"
    assert build["InputArtifacts"] == stage(resources, "Source")["OutputArtifacts"]


def test_the_build_puts_large_templates_where_the_functions_read_them(resources: dict[str, Any]) -> None:
    variables = resources["Build"]["Properties"]["Environment"]["EnvironmentVariables"]
    assert {"Name": "CANARY_ARTIFACT_BUCKET", "Value": {"Ref": "TemplateBucket"}} in variables
    (write,) = (made for made in templates.statements(resources["BuildRole"]) if made["Sid"] == "Templates")
    values = {
        "AWS::Partition": "aws",
        "EnvironmentName": "demo",
        "MicroserviceName": "web",
        "TemplateBucket": "b",
        "ArtifactBucket": "b",
    }
    assert templates.substituted(write["Resource"]["Fn::Sub"], values) == "arn:aws:s3:::b/templates/demo/web/*"
    roles = templates.roles(templates.load("shared"))
    for role in ("CheckVersionRole", "DeployStackRole"):
        (read,) = (made for made in templates.statements(roles[role]) if "s3:GetObject" in templates.actions(made))
        assert templates.substituted(read["Resource"]["Fn::Sub"], values) == "arn:aws:s3:::b/templates/*"


def test_the_deployment_is_an_execution_of_the_shared_state_machine(resources: dict[str, Any]) -> None:
    deploy = stage(resources, "Deploy")
    configuration = deploy["Configuration"]
    assert deploy["ActionTypeId"] == {"Category": "Invoke", "Owner": "AWS", "Provider": "StepFunctions", "Version": "1"}
    assert (configuration["InputType"], configuration["Input"]) == ("FilePath", {"Ref": "DeployFile"})
    assert configuration["StateMachineArn"] == {
        "Fn::ImportValue": {"Fn::Sub": "${SharedStackName}:StateMachineAliasArn"}
    }
    assert deploy["InputArtifacts"] == stage(resources, "Build")["OutputArtifacts"]
    exported = templates.load("shared")["Outputs"]
    for name in ("StateMachineAliasArn", "StateMachineArn"):
        assert exported[name]["Export"]["Name"] == {"Fn::Sub": f"${{AWS::StackName}}:{name}"}


def test_a_pipeline_starts_the_installed_release_and_no_other(resources: dict[str, Any]) -> None:
    """Step Functions authorizes an alias on the state machine's ARN; only the condition tells an alias from another."""
    (start,) = (made for made in templates.statements(resources["PipelineRole"]) if made["Sid"] == "Deploy")
    assert start["Resource"] == {"Fn::ImportValue": {"Fn::Sub": "${SharedStackName}:StateMachineArn"}}
    alias = templates.load("shared")["Resources"]["StateMachineAlias"]["Properties"]["Name"]
    assert start["Condition"] == {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": alias}}


def test_the_name_of_an_execution_fits(resources: dict[str, Any]) -> None:
    # Step Functions takes 80 characters; CodePipeline adds a hyphen and a UUID.
    assert stage(resources, "Deploy")["Configuration"]["ExecutionNamePrefix"] == {"Ref": "MicroserviceName"}
    name = templates.load("pipeline")["Parameters"]["MicroserviceName"]
    assert name["MaxLength"] + 1 + 36 <= 80
    assert f"at most {name['MaxLength']}" in name["ConstraintDescription"], "what a longer one is refused with"


def test_one_canary_runs_at_a_time(resources: dict[str, Any]) -> None:
    pipeline = resources["Pipeline"]["Properties"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")


def test_artifacts_are_encrypted_versioned_and_private(resources: dict[str, Any]) -> None:
    bucket = resources["Artifacts"]["Properties"]
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (refusal,) = resources["ArtifactsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (refusal["Effect"], refusal["Principal"]) == ("Deny", "*")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(refusal["Resource"]) == 2


def test_an_image_stays_what_it_was(resources: dict[str, Any]) -> None:
    images = resources["Images"]["Properties"]
    assert images["ImageTagMutability"] == "IMMUTABLE"
    assert images["ImageScanningConfiguration"] == {"ScanOnPush": True}
    policy = json.loads(
        templates.substituted(images["LifecyclePolicy"]["LifecyclePolicyText"]["Fn::Sub"], {"KeptImages": "10"})
    )
    assert [rule["action"]["type"] for rule in policy["rules"]] == ["expire", "expire"]


def test_what_belongs_to_a_pipeline_is_made_with_one_only(resources: dict[str, Any]) -> None:
    always = {name for name, made in resources.items() if "Condition" not in made}
    assert always == {"Router", "VirtualService", "Name", "Address", "Images"}


def test_the_names_are_those_that_the_state_machine_expects(resources: dict[str, Any]) -> None:
    assert resources["Router"]["Properties"]["VirtualRouterName"] == {"Fn::Sub": "${MicroserviceName}-vr"}
    assert resources["VirtualService"]["Properties"]["VirtualServiceName"] == {
        "Fn::Sub": "${MicroserviceName}.${Namespace}"
    }
    pattern = templates.load("pipeline")["Parameters"]["GatewayRoutePrefix"]["AllowedPattern"]
    assert [path for path in ("", "/", "/hello-service", "/a/b") if not re.search(pattern, path)] == []
    assert [path for path in ("hello", "/a/", "//", "/a b") if re.search(pattern, path)] == []
