"""Cloud Map: the data plane always has the current registry, and service tasks register themselves in it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ecs, servicediscovery

from .engine import Engine, EngineError
from .patching import expect, wrap

logger = logging.getLogger("canary.cloudmap")

# Every function through which namespaces, services and instances change, with its parameters.
_CHANGES = {
    "_create_namespace_record": ("name", "ns_type", "description", "tags", "soa_ttl", "vpc"),
    "_delete_namespace": ("data",),
    "_create_service": ("data",),
    "_update_service": ("data",),
    "_delete_service": ("data",),
    "_register_instance": ("data",),
    "_deregister_instance": ("data",),
    "_update_instance_custom_health_status": ("data",),
    "reset": (),
}


class Discovery:
    """Sends the whole registry to the data plane after each change, in the order of the changes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()

    def publish(self) -> None:
        """Returns when the data plane has taken the registry as it is now."""
        with self._lock:
            try:
                self._engine.put_discovery(snapshot())
            except EngineError as error:
                logger.error("the data plane did not take the Cloud Map registry: %s", error)

    def changed(self) -> None:
        """Publishes; from the event loop without holding it up."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.publish()
        else:
            threading.Thread(target=self.publish, daemon=True, name="canary-discovery").start()


def register(discovery: Discovery) -> None:
    """Publishes the registry whenever it changes, whoever changes it."""
    for store in ("_namespaces", "_services", "_instances", "_instance_health_status"):
        expect(servicediscovery, store)

    def publishing(original: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            discovery.changed()
            return result

        return change

    for name, parameters in _CHANGES.items():
        wrap(servicediscovery, name, parameters, publishing)


def snapshot() -> dict[str, Any]:
    """The registry of every account and region, without instances that a custom health check calls unhealthy."""
    namespaces = []
    for (account, region, namespace_id), namespace in servicediscovery._namespaces.all_items():
        services = [
            _service(account, region, service_id, service)
            for (owner, place, service_id), service in servicediscovery._services.all_items()
            if (owner, place) == (account, region) and service["NamespaceId"] == namespace_id
        ]
        namespaces.append({"name": namespace["Name"], "type": namespace["Type"], "services": services})
    return {"namespaces": namespaces}


def _service(account: str, region: str, service_id: str, service: dict[str, Any]) -> dict[str, Any]:
    health = servicediscovery._instance_health_status.get_scoped(account, region, service_id, {})
    instances = servicediscovery._instances.get_scoped(account, region, service_id, {})
    return {
        "name": service["Name"],
        "dns": bool((service.get("DnsConfig") or {}).get("DnsRecords")),
        "instances": [
            {"id": instance["Id"], "attributes": instance["Attributes"]}
            for instance in list(instances.values())
            if health.get(instance["Id"]) != "UNHEALTHY"
        ],
    }


def register_task(task: dict[str, Any]) -> None:
    """Registers a running task in the Cloud Map services of its ECS service, with the attributes ECS gives."""
    service = _ecs_service(task)
    if service is None:
        return
    registered = []
    for registry in service.get("serviceRegistries") or []:
        service_id = registry["registryArn"].rsplit("/", 1)[-1]
        data = {
            "ServiceId": service_id,
            "InstanceId": _task_id(task),
            "Attributes": _attributes(task, service, registry),
        }
        status, _, body = servicediscovery._register_instance(data)
        if status >= 400:
            logger.error("task %s could not be registered in %s: %s", _task_id(task), service_id, body)
        else:
            registered.append(service_id)
    task["_cloudmap_services"] = registered


def deregister_task(task: dict[str, Any]) -> None:
    """Takes the task out of Cloud Map. Harmless when it is not in."""
    for service_id in task.pop("_cloudmap_services", []):
        servicediscovery._deregister_instance({"ServiceId": service_id, "InstanceId": _task_id(task)})


def _attributes(task: dict[str, Any], service: dict[str, Any], registry: dict[str, Any]) -> dict[str, str]:
    family = task["taskDefinitionArn"].rsplit("/", 1)[-1].rsplit(":", 1)[0]
    attributes = {
        "AWS_INSTANCE_IPV4": ecs._task_ip(task) or "",
        "AVAILABILITY_ZONE": task["availabilityZone"],
        "AWS_INIT_HEALTH_STATUS": "HEALTHY",
        "ECS_CLUSTER_NAME": task["clusterArn"].rsplit("/", 1)[-1],
        "ECS_SERVICE_NAME": service["serviceName"],
        "ECS_TASK_DEFINITION_FAMILY": family,
        "REGION": get_region(),
    }
    port = registry.get("containerPort") or registry.get("port")
    if port:
        attributes["AWS_INSTANCE_PORT"] = str(port)
    return attributes


def _ecs_service(task: dict[str, Any]) -> dict[str, Any] | None:
    group = task.get("group", "")
    if not group.startswith("service:"):
        return None
    cluster = task["clusterArn"].rsplit("/", 1)[-1]
    return ecs._services.get(f"{cluster}/{group.split(':', 1)[1]}")


def _task_id(task: dict[str, Any]) -> str:
    return task["taskArn"].rsplit("/", 1)[-1]
