"""What ECS answers to whoever asks: counts as of now, the service of a task by name or ARN, no members without a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecs

from .patching import IncompatibleMinistack, expect, expect_function, wrap

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Response]

# Set while a caller's own StopTask is served: ministack itself stops tasks by the same function.
_by_user: ContextVar[bool] = ContextVar("_by_user", default=False)
# A task in one of these counts as pending. ministack counts the second one only.
_STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")
# Members that ECS leaves out as long as they have no value.
_LEFT_OUT_IF_EMPTY = {"stopCode", "stoppedReason", "platformVersion", "platformFamily", "roleArn", "group", "startedBy"}


def register() -> None:
    """Corrects the answers of StopTask, DescribeServices and ListTasks, and of everything that shows a task."""
    actions = expect(ecs, "_ACTION_MAP", dict)
    for action, name, make in (
        ("StopTask", "_stop_task", _stop_task),
        ("DescribeServices", "_describe_services", _describe_services),
        ("ListTasks", "_list_tasks", _list_tasks),
    ):
        original = expect_function(ecs, name, "data")
        if actions.get(action) is not original:
            raise IncompatibleMinistack(f"`ministack.services.ecs._ACTION_MAP` has another `{action}` than `{name}`")
        actions[action] = make(original)
    expect_function(ecs, "_resolve_cluster_name", "ref")
    expect_function(ecs, "_resolve_service_ref", "ref")
    wrap(ecs, "_refresh_service_state", ("cluster_name", "group"), _count_all_that_start)
    wrap(ecs, "_sanitize", ("obj",), _without_empty)


def stopped_by_user() -> bool:
    """Whether a caller of StopTask is being served."""
    return _by_user.get()


@contextmanager
def on_behalf_of_user(user: bool) -> Iterator[None]:
    """Whether tasks that are stopped within were stopped by a user, or by the scheduler."""
    token = _by_user.set(user)
    try:
        yield
    finally:
        _by_user.reset(token)


def _stop_task(original: Handler) -> Handler:
    def stop_task(data: dict[str, Any]) -> Response:
        with on_behalf_of_user(True):
            return original(data)

    return stop_task


def _describe_services(original: Handler) -> Handler:
    def describe_services(data: dict[str, Any]) -> Response:
        """Counts the tasks as they are now."""
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        for ref in data.get("services", []):
            name = (ecs._resolve_service_ref(ref) or ("", None))[0]
            if f"{cluster}/{name}" in ecs._services:
                ecs._refresh_service_state(cluster, f"service:{name}")
        return original(data)

    return describe_services


def _list_tasks(original: Handler) -> Handler:
    def list_tasks(data: dict[str, Any]) -> Response:
        """Takes a service's ARN for its name, and refuses a service that never was."""
        ref = data.get("serviceName")
        if not ref:
            return original(data)
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        name = (ecs._resolve_service_ref(ref) or ("", None))[0]
        if cluster in ecs._clusters and f"{cluster}/{name}" not in ecs._services:
            return error_response_json("ServiceNotFoundException", "Service not found.", 400)
        return original({**data, "serviceName": name})

    return list_tasks


def _count_all_that_start(original: Callable[..., None]) -> Callable[..., None]:
    def refresh_service_state(cluster_name: str, group: str) -> None:
        original(cluster_name, group)
        service = ecs._services.get(f"{cluster_name}/{(group or '').partition(':')[2]}")
        if service is None:
            return
        starting = [
            task
            for task in list(ecs._tasks.values())
            if task.get("group") == group
            and task["clusterArn"] == service["clusterArn"]
            and task["lastStatus"] in _STARTING
            and task["desiredStatus"] == "RUNNING"
        ]
        service["pendingCount"] = len(starting)
        for deployment in service["deployments"]:
            own = [task for task in starting if task.get("_deployment_id") == deployment["id"]]
            deployment["pendingCount"] = len(own)

    return refresh_service_state


def _without_empty(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def sanitize(obj: Any) -> Any:
        clean = original(obj)
        if isinstance(clean, dict):
            return {name: value for name, value in clean.items() if value != "" or name not in _LEFT_OUT_IF_EMPTY}
        return clean

    return sanitize
