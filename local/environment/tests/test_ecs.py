"""ECS as whoever watches a service sees it: what stopped and why, what replaces it, and counts that are true."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from plugin_local import Local

CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5}
NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float), "timestamp": (int, float)}
OTHERS = {"string": str, "boolean": bool, "list": list, "map": dict, "structure": dict}


def eventually(probe: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return value


class Service:
    """A service of two containers, `app` and `envoy`, both with a health check."""

    def __init__(self, local: Local, name: str) -> None:
        self.ecs, self.stub, self.name = local.client("ecs"), local.stub, name
        self.ecs.create_cluster(clusterName=name)
        containers = [{"name": each, "image": f"{each}:1", "healthCheck": CHECK} for each in ("app", "envoy")]
        self.ecs.register_task_definition(family=name, networkMode="awsvpc", containerDefinitions=containers)
        network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}
        created = self.ecs.create_service(
            cluster=name, serviceName=name, taskDefinition=name, desiredCount=1, launchType="FARGATE",
            networkConfiguration=network,
        )  # fmt: skip
        self.arn = created["service"]["serviceArn"]

    def now(self) -> dict[str, Any]:
        return self.ecs.describe_services(cluster=self.name, services=[self.name])["services"][0]

    def counts(self) -> tuple[int, int, int]:
        service = self.now()
        return service["desiredCount"], service["pendingCount"], service["runningCount"]

    def tasks(self, status: str) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.name, serviceName=self.name, desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []

    def running(self) -> dict[str, Any]:
        """Its task, once it runs."""
        eventually(lambda: self.counts() == (1, 0, 1))
        (task,) = self.tasks("RUNNING")
        return task

    def container(self, task: dict[str, Any], name: str) -> dict[str, Any]:
        (found,) = [c for c in self.stub.containers.values() if (c["taskArn"], c["name"]) == (task["taskArn"], name)]
        return found

    def stopped(self, task: dict[str, Any]) -> dict[str, Any]:
        """What remains of a task, once it is gone and another one runs in its place."""

        def look() -> dict[str, Any] | None:
            found = [t for t in self.tasks("STOPPED") if t["taskArn"] == task["taskArn"]]
            return found[0] if found and found[0]["lastStatus"] == "STOPPED" else None

        remains = eventually(look)
        assert self.running()["taskArn"] != task["taskArn"]
        assert remains["stoppedAt"] >= remains["stoppingAt"]
        return remains


@pytest.fixture
def service(local: Local, request: pytest.FixtureRequest) -> Iterator[Service]:
    made = Service(local, re.sub("[^a-z]+", "-", request.node.name)[:40])
    yield made
    local.stub.hold_health.set()
    made.ecs.delete_service(cluster=made.name, service=made.name, force=True)


def codes(task: dict[str, Any]) -> dict[str, int | None]:
    return {container["name"]: container.get("exitCode") for container in task["containers"]}


def test_a_task_that_a_user_stops_is_replaced(service: Service) -> None:
    task = service.running()
    assert not task.keys() & {"stopCode", "stoppedReason", "stoppedAt"}

    service.ecs.stop_task(cluster=service.name, task=task["taskArn"], reason="by hand")

    remains = service.stopped(task)
    assert (remains["stopCode"], remains["stoppedReason"]) == ("UserInitiated", "by hand")
    assert codes(remains) == {"app": 143, "envoy": 143}


def test_a_task_whose_essential_container_exits_is_replaced(service: Service) -> None:
    task = service.running()

    service.container(task, "app").update(status="exited", exitCode=9)

    remains = service.stopped(task)
    assert remains["stopCode"] == "EssentialContainerExited"
    assert remains["stoppedReason"] == "Essential container in task exited"
    assert codes(remains) == {"app": 9, "envoy": 143}


def test_a_task_whose_health_check_fails_is_replaced(service: Service) -> None:
    task = service.running()
    assert task["healthStatus"] == "HEALTHY"

    service.container(task, "app")["image"] = "sick:1"

    remains = service.stopped(task)
    assert remains["stopCode"] == "ServiceSchedulerInitiated"
    assert remains["stoppedReason"] == "Task failed container health checks"
    assert remains["healthStatus"] == "UNHEALTHY"


def test_a_task_that_the_scheduler_stops_says_so(service: Service) -> None:
    task = service.running()

    service.ecs.update_service(cluster=service.name, service=service.name, desiredCount=0)

    remains = eventually(lambda: service.tasks("STOPPED"))[0]
    assert remains["taskArn"] == task["taskArn"]
    assert remains["stopCode"] == "ServiceSchedulerInitiated"
    assert remains["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")


def test_counts_are_true_while_a_task_starts(local: Local, service: Service) -> None:
    task = service.running()
    local.stub.hold_health.clear()

    service.ecs.stop_task(cluster=service.name, task=task["taskArn"])

    assert service.counts() == (1, 1, 0)
    local.stub.hold_health.set()
    assert service.running()["taskArn"] != task["taskArn"]


def test_a_deleted_service_is_draining_and_then_inactive(local: Local) -> None:
    service = Service(local, "draining")
    service.running()
    seen: list[str] = []

    with ThreadPoolExecutor() as pool:
        deleting = pool.submit(service.ecs.delete_service, cluster="draining", service="draining", force=True)
        eventually(lambda: seen.append(service.now()["status"]) or seen[-1] == "INACTIVE")
        deleting.result()

    assert set(seen) - {"ACTIVE"} == {"DRAINING", "INACTIVE"}
    assert service.counts() == (0, 0, 0)


def test_tasks_are_listed_by_a_service_s_arn_too_and_an_unknown_one_is_refused(service: Service) -> None:
    task = service.running()

    listed = service.ecs.list_tasks(cluster=service.name, serviceName=service.arn)["taskArns"]

    assert listed == [task["taskArn"]]
    with pytest.raises(ClientError, match="ServiceNotFoundException"):
        service.ecs.list_tasks(cluster=service.name, serviceName="never")


def test_answers_have_the_types_that_a_typed_client_reads(local: Local, service: Service) -> None:
    task = service.running()
    service.ecs.stop_task(cluster=service.name, task=task["taskArn"])
    arns = [task["taskArn"], service.running()["taskArn"]]
    model = botocore.session.get_session().get_service_model("ecs")

    for action, request in (
        ("DescribeServices", {"cluster": service.name, "services": [service.name]}),
        ("DescribeTasks", {"cluster": service.name, "tasks": arns}),
        ("ListTasks", {"cluster": service.name, "serviceName": service.name, "desiredStatus": "STOPPED"}),
    ):
        answer = _raw(local, service, action, request)
        _check(answer, model.operation_model(action).output_shape, action)


def _raw(local: Local, service: Service, action: str, request: dict[str, Any]) -> Any:
    """The answer as it is on the wire, which boto3 would mend."""
    ecs = service.ecs
    seen: list[bytes] = []

    def look(response_dict: dict[str, Any], **_: Any) -> None:
        seen.append(response_dict["body"])

    name = f"before-parse.ecs.{action}"
    ecs.meta.events.register(name, look)
    try:
        getattr(ecs, _snake(action))(**request)
    finally:
        ecs.meta.events.unregister(name, look)
    return json.loads(seen[-1])


def _snake(action: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", action).lower()


def _check(value: Any, shape: Any, path: str) -> None:
    kinds = {**NUMBERS, **OTHERS}[shape.type_name]
    assert isinstance(value, kinds) and (shape.type_name == "boolean") == isinstance(value, bool), (path, value)
    if shape.type_name == "structure":
        for name, member in value.items():
            if name in shape.members:
                _check(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for number, member in enumerate(value):
            _check(member, shape.member, f"{path}[{number}]")
    elif shape.type_name == "map":
        for name, member in value.items():
            _check(member, shape.value, f"{path}[{name}]")
    elif getattr(shape, "enum", None):
        assert value in shape.enum, (path, value)
