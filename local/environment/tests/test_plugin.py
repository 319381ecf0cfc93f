"""The plugin inside a real ministack: App Mesh, IAM, CloudFormation types, ECS and Cloud Map."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from plugin_local import STACK_SECONDS, Local
from plugin_templates import MESH, SERVICE


def eventually(probe: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return value


def create(local: Local, name: str, template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    cloudformation = local.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    return settled(local, name)


def settled(local: Local, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        stack = local.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    return eventually(look)


def delete(local: Local, name: str) -> None:
    arn = local.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    local.client("cloudformation").delete_stack(StackName=name)
    assert settled(local, arn)["StackStatus"] == "DELETE_COMPLETE"


def failed(local: Local, name: str, status: str = "CREATE_FAILED") -> dict[str, str]:
    events = local.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return {e["LogicalResourceId"]: e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == status}


def test_a_service_stack_is_complete_when_its_task_runs_and_gone_when_its_processes_are(local: Local) -> None:
    local.stub.journal.clear()
    local.stub.hold_health.clear()
    cloudformation, ecs = local.client("cloudformation"), local.client("ecs")
    started = time.monotonic()
    cloudformation.create_stack(
        StackName="whole",
        TemplateBody=json.dumps(SERVICE),
        Parameters=[{"ParameterKey": "Image", "ParameterValue": "app:1"}],
    )
    eventually(lambda: len(local.stub.containers) == 2)
    service = ecs.describe_services(cluster="whole", services=["whole-app"])["services"][0]
    assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (0, "IN_PROGRESS")
    assert local.stub.instances("whole-app") == []
    local.stub.hold_health.set()

    stack = settled(local, "whole")

    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert time.monotonic() - started >= STACK_SECONDS
    assert stack["Outputs"][0]["OutputValue"] == "whole-app"
    service = ecs.describe_services(cluster="whole", services=["whole-app"])["services"][0]
    assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (1, "COMPLETED")
    assert service["serviceRegistries"][0]["containerPort"] == 8080
    task = ecs.describe_tasks(cluster="whole", tasks=ecs.list_tasks(cluster="whole")["taskArns"])["tasks"][0]
    # The application has no health check, and ECS says UNKNOWN then.
    assert (task["lastStatus"], task["healthStatus"]) == ("RUNNING", "UNKNOWN")
    definition = ecs.describe_task_definition(taskDefinition="whole-app")["taskDefinition"]
    app, envoy = definition["containerDefinitions"]
    assert definition["enableFaultInjection"] is True
    assert definition["proxyConfiguration"]["properties"] == [{"name": "IgnoredUID", "value": "1337"}]
    assert app["dependsOn"] == [{"containerName": "envoy", "condition": "HEALTHY"}]
    assert app["portMappings"] == [{"containerPort": 8080}]
    assert envoy["ulimits"] == [{"name": "nofile", "softLimit": 15000, "hardLimit": 15000}]
    assert envoy["healthCheck"]["command"] == ["CMD-SHELL", "true"]
    (instance,) = local.stub.instances("whole-app")
    address = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}["privateIPv4Address"]
    assert instance["attributes"]["AWS_INSTANCE_IPV4"] == address
    assert instance["attributes"]["AWS_INSTANCE_PORT"] == "8080"
    assert instance["attributes"]["ECS_SERVICE_NAME"] == "whole-app"

    started = time.monotonic()
    delete(local, "whole")

    assert time.monotonic() - started >= STACK_SECONDS / 2
    assert local.stub.journal == ["register", "deregister", "stop app", "stop envoy"]
    assert local.stub.containers == {}


def test_an_image_outside_the_map_fails_the_stack_as_a_tripped_circuit_breaker(local: Local) -> None:
    stack = create(local, "unmapped", SERVICE, Image="missing:1")

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = failed(local, "unmapped")["Service"]
    assert "ECS Deployment Circuit Breaker was triggered" in reason
    assert reason.endswith("Last stopped task: CannotPullContainerError: no image map entry matches `missing:1`")
    ecs = local.client("ecs")
    assert local.client("servicediscovery").list_namespaces()["Namespaces"] == []
    assert ecs.list_services(cluster="unmapped")["serviceArns"] == []
    delete(local, "unmapped")


def test_a_task_that_cannot_pull_says_so(local: Local) -> None:
    ecs = local.client("ecs")
    ecs.create_cluster(clusterName="pull")
    ecs.register_task_definition(family="pull", containerDefinitions=[{"name": "app", "image": "missing:7"}])
    arn = ecs.run_task(cluster="pull", taskDefinition="pull")["tasks"][0]["taskArn"]

    def stopped() -> dict[str, Any] | None:
        task = ecs.describe_tasks(cluster="pull", tasks=[arn])["tasks"][0]
        return task if task["lastStatus"] == "STOPPED" else None

    task = eventually(stopped)
    assert task["stoppedReason"] == "CannotPullContainerError: no image map entry matches `missing:7`"
    assert task["stopCode"] == "TaskFailedToStart"


@pytest.mark.parametrize(
    ("image", "reason", "words"),
    [
        ("crash:1", "Essential container in task exited", "`app` exited with 3; its log ends: 2 | 3 | 4 | 5 < |"),
        ("sick:1", "Task failed container health checks", "`app` is unhealthy; its log ends: 2 | 3 | 4 | 5 < |"),
    ],
)
def test_a_task_that_never_gets_up_is_replaced_and_trips_the_breaker(
    local: Local, image: str, reason: str, words: str
) -> None:
    template = json.loads(json.dumps(SERVICE))
    containers = template["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    containers[0]["HealthCheck"] = {"Command": ["CMD-SHELL", "true"]}
    name = image.split(":")[0]
    local.stub.says = f"1\n2\n3\n\n4\n\x1b[1;31m5\t<\n{'6' * 200}\n"

    stack = create(local, name, template, Image=image)

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"Last stopped task: {reason}: {words} {'6' * 179}…" in failed(local, name)["Service"]
    ecs = local.client("ecs")
    arns = ecs.list_tasks(cluster=name, desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster=name, tasks=arns)["tasks"]
    failed_tasks = [task for task in tasks if reason == task["stoppedReason"]]
    assert len(failed_tasks) == 3
    assert all(task["containers"][0]["reason"].startswith(words[6:]) for task in failed_tasks)
    assert "reason" not in failed_tasks[0]["containers"][1]
    health = {task["containers"][0]["healthStatus"] for task in failed_tasks}
    assert health == ({"UNHEALTHY"} if name == "sick" else {"HEALTHY"})
    assert eventually(lambda: not local.stub.containers)
    delete(local, name)


def test_a_dead_task_of_a_service_is_replaced_and_its_sidecar_ended(local: Local) -> None:
    assert create(local, "heal", SERVICE, Image="app:1")["StackStatus"] == "CREATE_COMPLETE"
    victims = dict(local.stub.containers)
    (app,) = [c for c in victims.values() if c["name"] == "app"]

    app.update(status="exited", exitCode=9)

    eventually(lambda: local.stub.containers and not victims.keys() & local.stub.containers.keys())
    ecs = local.client("ecs")
    eventually(lambda: ecs.describe_services(cluster="heal", services=["heal-app"])["services"][0]["runningCount"] == 1)
    (old,) = ecs.list_tasks(cluster="heal", desiredStatus="STOPPED")["taskArns"]
    task = ecs.describe_tasks(cluster="heal", tasks=[old])["tasks"][0]
    assert task["stopCode"] == "EssentialContainerExited"
    assert {c["name"]: c.get("exitCode") for c in task["containers"]}["app"] == 9
    (instance,) = local.stub.instances("heal-app")
    assert instance["id"] not in old
    delete(local, "heal")


def test_a_stopped_task_is_stopping_until_its_processes_are_gone(local: Local) -> None:
    ecs = local.client("ecs")
    ecs.create_cluster(clusterName="stop")
    ecs.register_task_definition(family="stop", containerDefinitions=[{"name": "app", "image": "app:1"}])
    arn = ecs.run_task(cluster="stop", taskDefinition="stop")["tasks"][0]["taskArn"]

    def status() -> str:
        return ecs.describe_tasks(cluster="stop", tasks=[arn])["tasks"][0]["lastStatus"]

    eventually(lambda: status() == "RUNNING")
    seen = []
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(ecs.stop_task, cluster="stop", task=arn)
        eventually(lambda: seen.append(status()) or seen[-1] == "STOPPED")
        assert stopping.result()["task"]["lastStatus"] == "STOPPED"
    assert "STOPPING" in seen
    assert local.stub.containers == {}


def test_a_service_that_keeps_failing_is_retried_ever_more_slowly(local: Local) -> None:
    ecs = local.client("ecs")
    ecs.create_cluster(clusterName="slow")
    ecs.register_task_definition(family="slow", containerDefinitions=[{"name": "app", "image": "missing:1"}])
    before = len(local.stub.requests)
    ecs.create_service(cluster="slow", serviceName="slow", taskDefinition="slow", desiredCount=1)

    eventually(lambda: len(local.stub.requests) - before >= 6)

    fourth, fifth, sixth = local.stub.requested_at[before + 3 : before + 6]
    assert fifth - fourth >= 1
    assert sixth - fifth >= 2
    ecs.delete_service(cluster="slow", service="slow", force=True)


def test_deleting_a_stack_while_it_is_created_leaves_nothing(local: Local) -> None:
    local.stub.hold_health.clear()
    cloudformation = local.client("cloudformation")
    parameters = [{"ParameterKey": "Image", "ParameterValue": "app:1"}]
    cloudformation.create_stack(StackName="early", TemplateBody=json.dumps(SERVICE), Parameters=parameters)
    eventually(lambda: len(local.stub.containers) == 2)
    arn = cloudformation.describe_stacks(StackName="early")["Stacks"][0]["StackId"]

    cloudformation.delete_stack(StackName="early")

    eventually(lambda: cloudformation.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE")
    local.stub.hold_health.set()
    assert local.stub.containers == {}


def test_mesh_resources_of_a_stack(local: Local) -> None:
    stack = create(local, "mesh", MESH)

    assert stack["StackStatus"] == "CREATE_COMPLETE", failed(local, "mesh")
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    arn = "arn:aws:appmesh:us-west-2:000000000000:mesh/mesh/virtualRouter/x-vr/route/x-route"
    assert outputs["Route"] == arn
    appmesh = local.client("appmesh")
    node = appmesh.describe_virtual_node(meshName="mesh", virtualNodeName="node")["virtualNode"]
    assert node["spec"]["listeners"][0]["portMapping"] == {"port": 80, "protocol": "http"}
    assert node["spec"]["serviceDiscovery"]["awsCloudMap"]["serviceName"] == "s"
    assert local.stub.tags[node["metadata"]["arn"]] == [{"key": "team", "value": "blue"}]

    changed = json.dumps(MESH).replace("blue", "red")
    local.client("cloudformation").update_stack(
        StackName="mesh", TemplateBody=changed,
        Parameters=[{"ParameterKey": "Weight", "ParameterValue": "7"}],
    )  # fmt: skip
    assert settled(local, "mesh")["StackStatus"] == "UPDATE_COMPLETE"
    route = appmesh.describe_route(meshName="mesh", virtualRouterName="x-vr", routeName="x-route")["route"]
    assert route["spec"]["httpRoute"]["action"]["weightedTargets"][0]["weight"] == 7
    assert local.stub.tags[node["metadata"]["arn"]] == {"tags": [{"key": "team", "value": "red"}]}

    local.stub.in_use.add("meshes/mesh/virtualNodes/node")
    local.client("cloudformation").delete_stack(StackName="mesh")
    assert settled(local, "mesh")["StackStatus"] == "DELETE_FAILED"
    assert "is in use" in failed(local, "mesh", "DELETE_FAILED")["Node"]
    local.stub.in_use.clear()
    delete(local, "mesh")
    assert local.stub.resources == {}


def test_a_refused_mesh_resource_fails_its_stack_with_the_reason(local: Local) -> None:
    create(local, "twice", MESH)
    template = json.loads(json.dumps(MESH).replace('{"Ref": "AWS::StackName"}', '"twice"'))

    stack = create(local, "other", template)

    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "HandlerErrorCode: AlreadyExists" in failed(local, "other")["Mesh"]
    template["Resources"]["Mesh"]["Properties"] = {"MeshNam": "x"}
    assert create(local, "typo", template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "extraneous key [MeshNam] is not permitted" in failed(local, "typo")["Mesh"]
    for name in ("typo", "other", "twice"):
        delete(local, name)


def test_iam_judges_app_mesh_by_action_and_resource(local: Local) -> None:
    create(local, "guarded", MESH)
    iam = local.client("iam")
    iam.create_user(UserName="reader")
    route = "arn:aws:appmesh:us-west-2:000000000000:mesh/guarded/virtualRouter/x-vr/route/*"
    statement = {"Effect": "Allow", "Action": "appmesh:DescribeRoute", "Resource": route}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    appmesh = boto3.client(
        "appmesh", region_name="us-west-2", endpoint_url=local.endpoint,
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
    )  # fmt: skip

    names = {"meshName": "guarded", "virtualRouterName": "x-vr", "routeName": "x-route"}
    assert appmesh.describe_route(**names)["route"]["routeName"] == "x-route"
    with pytest.raises(ClientError) as refusal:
        appmesh.delete_route(**names)
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "appmesh:DeleteRoute on resource: " in refusal.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="AccessDenied"):
        appmesh.describe_virtual_node(meshName="guarded", virtualNodeName="node")
    with pytest.raises(ClientError) as missing:
        local.client("appmesh").describe_mesh(meshName="nothing")
    assert missing.value.response["Error"]["Code"] == "NotFoundException"
    delete(local, "guarded")


def test_a_template_s_parameter_has_a_default_only_if_the_template_says_so(local: Local) -> None:
    template = json.loads(json.dumps(MESH))
    template["Parameters"].update(Needed={"Type": "String"}, Empty={"Type": "String", "Default": ""})
    cloudformation = local.client("cloudformation")
    create(local, "described", template, Needed="x")

    described = [
        cloudformation.validate_template(TemplateBody=json.dumps(template)),
        cloudformation.get_template_summary(TemplateBody=json.dumps(template)),
        cloudformation.get_template_summary(StackName="described"),
    ]

    for answer in described:
        defaults = {p["ParameterKey"]: p.get("DefaultValue") for p in answer["Parameters"]}
        assert (defaults["Needed"], defaults["Empty"], defaults["Weight"]) == (None, "", "100")
    with pytest.raises(ClientError, match="At least one Resources member"):
        cloudformation.validate_template(TemplateBody="{}")
    delete(local, "described")
