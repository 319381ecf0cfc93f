"""What IAM decides: on all that a request needs, and written down, in a real ministack with the plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import cbor2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from plugin_local import Local

from canary_local.ministack.aws_calls import Record

ARN = "arn:aws:{}:us-west-2:000000000000:{}"
ROUTE = ARN.format("appmesh", "mesh/judged/virtualRouter/r/route/x")
NODES = ARN.format("appmesh", "mesh/judged/virtualNode/*")
STACKS = ARN.format("cloudformation", "stack/mine/*")
BODY = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'


class Worker:
    """A role that somebody took, with the clients of it."""

    def __init__(self, local: Local, name: str) -> None:
        self._local, self._name = local, name
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        made = local.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        taken = local.client("sts").assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="shift")
        self._session = taken["Credentials"]

    def may(self, *statements: dict[str, Any]) -> None:
        """Replaces what the role may do."""
        allowed = document(*({"Effect": "Allow", **statement} for statement in statements))
        self._local.client("iam").put_role_policy(RoleName=self._name, PolicyName="all", PolicyDocument=allowed)

    def client(self, service: str) -> Any:
        return boto3.client(
            service, region_name="us-west-2", endpoint_url=self._local.endpoint,
            aws_access_key_id=self._session["AccessKeyId"], aws_secret_access_key=self._session["SecretAccessKey"],
            aws_session_token=self._session["SessionToken"],
        )  # fmt: skip

    def in_cbor(self, operation: str, body: bytes) -> int:
        """The HTTP status of a CloudWatch request as SDKs other than boto3 send it."""
        url = f"{self._local.endpoint}/service/GraniteServiceVersion20100801/operation/{operation}"
        headers = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "accept": "application/cbor"}
        request = AWSRequest("POST", url, headers, body)
        names = (self._session[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        SigV4Auth(Credentials(*names), "monitoring", "us-west-2").add_auth(request)
        return URLLib3Session().send(request.prepare()).status_code

    def calls(self) -> list[dict[str, Any]]:
        """What was recorded of it."""
        lines = [json.loads(line) for line in self._local.aws_calls.read_text().splitlines()]
        return [line for line in lines if line["role"] == self._name]

    def decisions(self) -> list[tuple[str, str, bool]]:
        """Action, resource, and whether it was allowed, of each call."""
        return [(call["action"], call["resource"], call["allowed"]) for call in self.calls()]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def worker(local: Local, request: pytest.FixtureRequest) -> Worker:
    return Worker(local, request.node.name[:60])


@pytest.fixture
def mesh(local: Local) -> Iterator[None]:
    """A mesh with a router, in the stub."""
    appmesh = local.client("appmesh")
    appmesh.create_mesh(meshName="judged")
    listener = {"portMapping": {"port": 80, "protocol": "http"}}
    appmesh.create_virtual_router(meshName="judged", virtualRouterName="r", spec={"listeners": [listener]})
    yield
    local.stub.resources.clear()


def route(*nodes: str) -> dict[str, Any]:
    """The parameters of a route with these targets."""
    targets = [{"virtualNode": node, "weight": 1} for node in nodes]
    spec = {"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}}
    return {"meshName": "judged", "virtualRouterName": "r", "routeName": "x", "spec": spec}


def refused(call: Any, **parameters: Any) -> str:
    """The message with which IAM refuses a call."""
    with pytest.raises(ClientError) as refusal:
        call(**parameters)
    assert refusal.value.response["Error"]["Code"].startswith("AccessDenied")
    return refusal.value.response["Error"]["Message"]


def test_each_decision_is_a_line_whatever_the_service(local: Local, worker: Worker) -> None:
    parameter = ARN.format("ssm", "parameter/*")
    worker.may({"Action": "ssm:GetParameter", "Resource": parameter})
    local.client("ssm").put_parameter(Name="version", Value="1", Type="String")
    before = datetime.now(timezone.utc)

    worker.client("ssm").get_parameter(Name="version")
    refused(worker.client("ssm").put_parameter, Name="version", Value="2", Type="String", Overwrite=True)
    refused(worker.client("appmesh").list_meshes)

    version = parameter.replace("*", "version")
    assert worker.decisions() == [
        ("ssm:GetParameter", version, True),
        ("ssm:PutParameter", version, False),
        ("appmesh:ListMeshes", "*", False),
    ]
    first = worker.calls()[0]
    assert first["principal"] == f"arn:aws:sts::000000000000:assumed-role/{first['role']}/shift"
    # Milliseconds are cut off.
    assert -0.001 <= (datetime.fromisoformat(first["time"]) - before).total_seconds() < 10


def test_no_policy_binds_the_root_and_it_has_no_line(local: Local) -> None:
    before = local.aws_calls.read_text()
    local.client("sns").list_topics()
    assert local.aws_calls.read_text() == before


def test_cloudwatch_is_judged_too_when_it_is_asked_in_cbor(worker: Worker) -> None:
    alarms = ARN.format("cloudwatch", "alarm:mine-*")
    worker.may(
        {"Action": "cloudwatch:ListMetrics", "Resource": "*"}, {"Action": "cloudwatch:*Alarm", "Resource": alarms}
    )
    alarm = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.5,
             "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}  # fmt: skip
    window = {"MetricDataQueries": [], "StartTime": datetime.now(timezone.utc), "EndTime": datetime.now(timezone.utc)}

    assert worker.in_cbor("ListMetrics", cbor2.dumps({})) == 200
    assert worker.in_cbor("GetMetricData", cbor2.dumps(window)) == 403
    assert worker.in_cbor("PutMetricAlarm", cbor2.dumps({"AlarmName": "mine-1", **alarm})) == 200
    assert worker.in_cbor("PutMetricAlarm", cbor2.dumps({"AlarmName": "yours", **alarm})) == 403
    assert worker.in_cbor("PutMetricAlarm", b"not cbor") == 403

    assert worker.decisions() == [
        ("cloudwatch:ListMetrics", "*", True),
        ("cloudwatch:GetMetricData", "*", False),
        ("cloudwatch:PutMetricAlarm", alarms.replace("*", "1"), True),
        ("cloudwatch:PutMetricAlarm", alarms.replace("mine-*", "yours"), False),
        ("cloudwatch:PutMetricAlarm", "*", False),
    ]


@pytest.mark.usefixtures("mesh")
def test_a_route_needs_the_right_to_each_node_it_names(worker: Worker) -> None:
    both = ["appmesh:CreateRoute", "appmesh:UpdateRoute"]
    worker.may({"Action": both, "Resource": ROUTE})
    appmesh = worker.client("appmesh")
    blue, green = (NODES.replace("*", name) for name in ("blue", "green"))
    assert f"appmesh:CreateRoute on resource: {blue}" in refused(appmesh.create_route, **route("blue", "green"))
    assert worker.decisions() == [("appmesh:CreateRoute", ROUTE, True), ("appmesh:CreateRoute", blue, False)]

    worker.may({"Action": both, "Resource": [ROUTE, NODES]})
    appmesh.create_route(**route("blue", "green"))
    appmesh.update_route(**route("green"))
    assert worker.decisions()[2:] == [
        ("appmesh:CreateRoute", ROUTE, True),
        ("appmesh:CreateRoute", blue, True),
        ("appmesh:CreateRoute", green, True),
        ("appmesh:UpdateRoute", ROUTE, True),
        ("appmesh:UpdateRoute", green, True),
    ]


@pytest.fixture
def wanted(local: Local) -> dict[str, Any]:
    """The parameters of a stack with a service role, a tag and a template in S3."""
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    maker = local.client("iam").create_role(RoleName="maker", AssumeRolePolicyDocument=document(trust))
    s3 = local.client("s3")
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="templates", Key="a/b.json", Body=BODY)
    return {
        "StackName": "mine",
        "RoleARN": maker["Role"]["Arn"],
        "Tags": [{"Key": "a", "Value": "b"}],
        "TemplateURL": "https://templates.s3.us-west-2.amazonaws.com/a/b.json",
    }


def only(key: str, value: str) -> dict[str, Any]:
    """A condition of a statement."""
    return {"Condition": {"StringEquals": {key: value}}}


def test_a_stack_needs_the_right_to_pass_its_role_to_tag_it_and_to_read_its_template(
    local: Local, worker: Worker, wanted: dict[str, Any]
) -> None:
    create = {"Action": "cloudformation:CreateStack", "Resource": STACKS}
    hand_over = {"Action": "iam:PassRole", "Resource": wanted["RoleARN"]}
    handed_over = {**hand_over, **only("iam:PassedToService", "cloudformation.amazonaws.com")}
    tag = {"Action": "cloudformation:TagResource", "Resource": STACKS}
    tagged = {**tag, **only("cloudformation:CreateAction", "CreateStack")}
    read = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::templates/a/*"}
    cloudformation = worker.client("cloudformation")
    for statements, missing in (
        ([create], "iam:PassRole"),
        ([create, {**hand_over, **only("iam:PassedToService", "ecs-tasks.amazonaws.com")}], "iam:PassRole"),
        ([create, handed_over], "cloudformation:TagResource"),
        ([create, handed_over, {**tag, **only("cloudformation:CreateAction", "CreateChangeSet")}], "TagResource"),
        ([create, handed_over, tagged], "s3:GetObject"),
    ):
        worker.may(*statements)
        assert missing in refused(cloudformation.create_stack, **wanted)
    stacks = local.client("cloudformation").describe_stacks()["Stacks"]
    assert "mine" not in {stack["StackName"] for stack in stacks}

    worker.may(create, handed_over, tagged, read)
    cloudformation.create_stack(**wanted)
    assert worker.decisions()[-4:] == [
        ("cloudformation:CreateStack", STACKS, True),
        ("iam:PassRole", wanted["RoleARN"], True),
        ("cloudformation:TagResource", STACKS, True),
        ("s3:GetObject", "arn:aws:s3:::templates/a/b.json", True),
    ]
    of_a_version = {**wanted, "TemplateURL": f"{wanted['TemplateURL']}?versionId=one"}
    assert "s3:GetObjectVersion" in refused(cloudformation.create_stack, **of_a_version)


def test_a_long_record_begins_again_and_a_full_disk_fails_no_call(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"0123\n")
    record = Record(str(path), longest=10)

    for line in (b"4567\n", b"89\n"):
        record.append(line)

    assert path.read_bytes() == b"89\n"
    assert (tmp_path / "calls.jsonl.1").read_bytes() == b"0123\n4567\n"
    Record("/dev/full").append(b"lost\n")
