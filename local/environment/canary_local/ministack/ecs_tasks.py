"""ECS tasks that tell the truth: RUNNING when their processes run, STOPPED when they are gone."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import resource_lock, spawn_background
from ministack.services import ecs

from . import cloudmap, ecs_api, last_words
from .docker_client import Container, DockerClient, ImageUnavailable
from .engine import Engine, EngineError
from .patching import expect, expect_function, wrap

logger = logging.getLogger("canary.ecs")

POLL_SECONDS = 0.1
HEALTH_FAILED = "Task failed container health checks"
ESSENTIAL_EXITED = "Essential container in task exited"
# A service whose tasks keep failing is retried ever more slowly, as ECS does; the first failures are retried at
# once, so that a circuit breaker trips soon.
_FREE_FAILURES = 3
_BACKOFF_SECONDS = (1, 2, 4, 8, 16, 30)

# Deployment id -> failures of its tasks since one of them was last healthy.
_failures: dict[str, int] = {}

# Broadcast whenever a service's deployment may have changed its state.
deployments_changed = threading.Condition()


def register(engine: Engine) -> None:
    """Gives ministack's ECS our container engine and corrects its life cycle where it is not true."""
    expect(ecs, "_docker")
    for name in ("_tasks", "_task_defs", "_services"):
        expect(ecs, name)
    expect_function(ecs, "_task_is_active", "task_arn", "task")
    expect_function(ecs, "_bump_task_version", "task")
    expect_function(ecs, "_task_ip", "task")
    expect_function(ecs, "_iso")
    expect_function(ecs, "_cluster_name_from_arn", "arn")
    expect_function(ecs, "_reconcile_service_tasks", "cluster_name", "svc_key")
    expect(ecs, "_ImagePullError", type)
    expect(ecs, "_STOP_SEQUENCE", tuple)
    ecs._docker = DockerClient(engine, _describe)
    # The task reaches STOPPED in `_cleanup`, when its processes are gone, not before they are asked to go.
    ecs._STOP_SEQUENCE = (("DEACTIVATING", False), ("STOPPING", False))
    wrap(ecs, "_make_deployment", ("task_definition", "desired_count", "status"), _make_deployment)
    wrap(ecs, "_run_docker_container", _RUN_PARAMETERS, lambda _: _run_container)
    wrap(ecs, "_mark_task_running", ("task_arn", "task"), _mark_running)
    wrap(ecs, "_mark_task_stopped", ("task_arn", "task", "reason", "stop_code", "exit_code"), _mark_stopped)
    wrap(ecs, "_cleanup_task_resources", ("task", "docker_client", "extra_container"), _cleanup)
    wrap(ecs, "_maybe_mark_stopped", ("task", "docker_client"), _observe)
    wrap(ecs, "_record_service_task_failure", ("task", "digest_resolution_failed"), _record_failure)
    wrap(ecs, "_record_service_task_healthy", ("svc_key", "task"), _record_healthy)
    wrap(ecs, "_complete_service_deployment", ("cluster_name", "svc_key", "expected_deployment_id"), _announcing)


_RUN_PARAMETERS = (
    "docker_client", "cdef", "run_kwargs", "refresh_image", "allow_cached", "cache_image", "fallback_image",
    "auth_config",
)  # fmt: skip


def _describe(task_arn: str, container_name: str) -> dict[str, Any]:
    task = ecs._tasks[task_arn]
    definition = ecs._task_defs[task["taskDefinitionArn"].rsplit("/", 1)[-1]]
    group = task.get("group", "")
    return {
        "taskArn": task_arn,
        "cluster": task["clusterArn"].rsplit("/", 1)[-1],
        "family": definition["family"],
        "service": group.split(":", 1)[1] if group.startswith("service:") else None,
        "taskDefinition": copy.deepcopy(definition),
    }


def _make_deployment(original: Callable[..., dict]) -> Callable[..., dict]:
    def make_deployment(task_definition: str, desired_count: int, status: str = "PRIMARY") -> dict:
        """A new deployment is in progress until its tasks are steady, the first one of a service too."""
        deployment = original(task_definition, desired_count, status)
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
        # There is no registry to resolve tags against: the image map decides by the tag.
        deployment["_image_resolution_disabled"] = True
        return deployment

    return make_deployment


def _run_container(docker_client: DockerClient, cdef: dict, run_kwargs: dict, **_: Any) -> Container:
    try:
        return docker_client.containers.run(cdef["image"], **run_kwargs)
    except ImageUnavailable as error:
        raise ecs._ImagePullError(str(error)) from error


def _mark_running(original: Callable[..., bool]) -> Callable[..., bool]:
    def mark_task_running(task_arn: str, task: dict) -> bool:
        """Waits until every container runs, and is healthy where it has a health check."""
        failure = _await_running(task_arn, task)
        if failure:
            reason, stop_code = failure
            stopped = ecs._mark_task_stopped(task_arn, task, reason, stop_code)
            # Of those that the scheduler stops ministack counts none as failed.
            if stopped and stop_code == "ServiceSchedulerInitiated":
                ecs._record_service_task_failure(task)
            return False
        if not original(task_arn, task):
            return False
        cloudmap.register_task(task)
        if not ecs._task_is_active(task_arn, task):
            cloudmap.deregister_task(task)
            return False
        return True

    return mark_task_running


def _await_running(task_arn: str, task: dict) -> tuple[str, str] | None:
    """None once the task runs (or is being stopped by someone else), otherwise why it failed."""
    pause = threading.Event()
    while ecs._task_is_active(task_arn, task):
        containers = _containers(task)
        _copy_health(task, containers)
        for essential, container in zip(_essentials(task), containers):
            if essential and container.status == "exited":
                return ESSENTIAL_EXITED, "EssentialContainerExited"
            if essential and container.health == "UNHEALTHY":
                return HEALTH_FAILED, "ServiceSchedulerInitiated" if _service_of(task) else "TaskFailedToStart"
        checked = _health_checked(task)
        if containers and all(_is_up(c, name in checked) for c, name in zip(containers, _names(task))):
            return None
        pause.wait(POLL_SECONDS)
    return None


def _is_up(container: Container, has_health_check: bool) -> bool:
    if container.status == "exited":
        return True  # not essential, or the caller would have seen it
    return container.status == "running" and (not has_health_check or container.health == "HEALTHY")


def _mark_stopped(original: Callable[..., bool]) -> Callable[..., bool]:
    def mark_task_stopped(task_arn: str, task: dict, reason: str, stop_code: str, exit_code: int | None = None) -> bool:
        """Leaves Cloud Map first, so that nobody finds a task that is about to go, and keeps what its containers said.

        A service's task that a user stops is replaced at once; ministack replaces only those that fail.
        """
        if ecs._task_is_active(task_arn, task):
            cloudmap.deregister_task(task)
            containers = _containers(task)
            last_words.note(task, _essentials(task), containers)
            _copy_exit_codes(task, containers)
        by_user = stop_code == "UserInitiated" and ecs_api.stopped_by_user()
        if stop_code == "UserInitiated" and not by_user:
            stop_code = "ServiceSchedulerInitiated"
            reason = f"Scaling activity initiated by (deployment {task.get('_deployment_id')})"
        elif stop_code == "EssentialContainerExited":
            reason = ESSENTIAL_EXITED
        # One code for all containers would be true of none: each gets its own when its process has ended.
        stopped = original(task_arn, task, reason, stop_code, None)
        if stopped and by_user and (service := _service_of(task)):
            with ecs_api.on_behalf_of_user(False):
                ecs._reconcile_service_tasks(service.split("/", 1)[0], service)
        return stopped

    return mark_task_stopped


def _cleanup(original: Callable[..., None]) -> Callable[..., None]:
    def cleanup_task_resources(task: dict, docker_client: Any, extra_container: Any = None) -> None:
        """Ends every process of the task, sidecars too, and only then calls it STOPPED."""
        lock = resource_lock("ecs-task", task.get("taskArn", ""))
        with lock:
            task["_cleaners"] = task.get("_cleaners", 0) + 1
        containers = _containers(task)
        try:
            # ministack passes no client after an essential container's exit and would leave the sidecars running.
            original(task, docker_client or ecs._docker, extra_container)
        finally:
            _copy_exit_codes(task, containers)
            with lock:
                task["_cleaners"] -= 1
                if task["_cleaners"] == 0 and task["lastStatus"] == "STOPPING":
                    _finish(task)

    return cleanup_task_resources


def _finish(task: dict) -> None:
    ecs._bump_task_version(task)
    ecs._bump_task_version(task)
    task["lastStatus"] = "STOPPED"
    task["stoppedAt"] = task["executionStoppedAt"] = ecs._iso()


def _observe(original: Callable[..., None]) -> Callable[..., None]:
    def maybe_mark_stopped(task: dict, docker_client: Any = None) -> None:
        """Takes over health from the engine; an unhealthy service task is replaced, as ECS does."""
        task_arn = task.get("taskArn", "")
        if task.get("lastStatus") == "RUNNING" and task.get("_docker_ids"):
            containers = _containers(task)
            _copy_health(task, containers)
            unhealthy = any(e and c.health == "UNHEALTHY" for e, c in zip(_essentials(task), containers))
            if unhealthy and _service_of(task):
                if ecs._mark_task_stopped(task_arn, task, HEALTH_FAILED, "ServiceSchedulerInitiated"):
                    ecs._cleanup_task_resources(task, docker_client)
                    ecs._record_service_task_failure(task)
                return
        original(task, docker_client)

    return maybe_mark_stopped


def _record_failure(original: Callable[..., None]) -> Callable[..., None]:
    def record_service_task_failure(task: dict, digest_resolution_failed: bool = False) -> None:
        """Counts the failure; ministack would start the next attempt at once, for ever."""
        deployment = task.get("_deployment_id") or ""
        _failures[deployment] = _failures.get(deployment, 0) + 1
        late = _failures[deployment] - _FREE_FAILURES

        def attempt() -> None:
            if late > 0:
                threading.Event().wait(_BACKOFF_SECONDS[min(late, len(_BACKOFF_SECONDS)) - 1])
            original(task, digest_resolution_failed)
            announce()

        if late > 0:
            spawn_background(attempt, thread_name="canary-ecs-retry")
        else:
            attempt()

    return record_service_task_failure


def _record_healthy(original: Callable[..., None]) -> Callable[..., None]:
    def record_service_task_healthy(svc_key: str, task: dict) -> None:
        _failures.pop(task.get("_deployment_id") or "", None)
        original(svc_key, task)

    return record_service_task_healthy


def _announcing(original: Callable[..., None]) -> Callable[..., None]:
    def complete_service_deployment(cluster_name: str, svc_key: str, expected_deployment_id: str | None = None) -> None:
        original(cluster_name, svc_key, expected_deployment_id)
        announce()

    return complete_service_deployment


def announce() -> None:
    """Wakes whoever waits for a deployment."""
    with deployments_changed:
        deployments_changed.notify_all()


def _containers(task: dict) -> list[Container]:
    """All of the task's containers in the order of its definition, or none if one of them cannot be looked at."""
    try:
        containers = [ecs._docker.containers.get(container_id) for container_id in list(task.get("_docker_ids") or [])]
        for container in containers:
            container.reload()
    except (KeyError, EngineError):
        return []  # being removed by another thread, or the engine does not answer: evidence of nothing
    return containers


def _copy_exit_codes(task: dict, containers: list[Container]) -> None:
    with resource_lock("ecs-task", task["taskArn"]):
        for record, container in zip(task["containers"], containers):
            if container.status == "exited" and container.exit_code is not None:
                record["exitCode"] = container.exit_code


def _copy_health(task: dict, containers: list[Container]) -> None:
    with resource_lock("ecs-task", task["taskArn"]):
        for record, container in zip(task["containers"], containers):
            record["healthStatus"] = container.health
        states = {r["healthStatus"] for e, r in zip(_essentials(task), task["containers"]) if e}
        # The first of these that an essential container is in; one without a health check is UNKNOWN.
        order = ("UNHEALTHY", "UNKNOWN", "HEALTHY")
        task["healthStatus"] = next((state for state in order if state in states), "UNKNOWN")


def _service_of(task: dict) -> str:
    """`cluster/service` of a service's task, otherwise nothing."""
    kind, _, name = task.get("group", "").partition(":")
    return f"{ecs._cluster_name_from_arn(task['clusterArn'])}/{name}" if kind == "service" and name else ""


def _essentials(task: dict) -> list[bool]:
    return task["_container_essentials"]


def _names(task: dict) -> list[str]:
    return [container["name"] for container in task["containers"]]


def _health_checked(task: dict) -> set[str]:
    definition = ecs._task_defs[task["taskDefinitionArn"].rsplit("/", 1)[-1]]
    return {c["name"] for c in definition["containerDefinitions"] if c.get("healthCheck")}
