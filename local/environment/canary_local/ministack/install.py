"""Everything the plugin changes in ministack, in one place and in order."""

from __future__ import annotations

from . import (
    acting_roles,
    appmesh_cfn,
    appmesh_service,
    authorization,
    autoscaling_cfn,
    aws_calls,
    cloudmap,
    cloudwatch,
    ecs_api,
    ecs_cfn,
    ecs_tasks,
    invocation_rights,
    request_resources,
    retries,
    rpc_cbor,
    runtime_api,
    stack_roles,
    stacks,
    state_machine_cfn,
    state_machine_versions,
    template_urls,
    templates,
)
from .engine import Engine


def install(engine: Engine) -> None:
    """Registers App Mesh, our ECS and Cloud Map behaviour; raises `IncompatibleMinistack` if ministack has changed."""
    appmesh_service.register(engine)
    rpc_cbor.register()
    runtime_api.register()
    authorization.register()
    aws_calls.register()
    appmesh_cfn.register(engine)
    autoscaling_cfn.register()
    cloudwatch.register()
    discovery = cloudmap.Discovery(engine)
    cloudmap.register(discovery)
    ecs_tasks.register(engine)
    ecs_api.register()
    ecs_cfn.register()
    stacks.register()
    acting_roles.register()
    stack_roles.register()
    state_machine_versions.register()
    state_machine_cfn.register()
    retries.register()
    invocation_rights.register()
    request_resources.register()
    templates.register()
    template_urls.register()
