"""Everything the plugin changes in ministack, in one place and in order."""

from __future__ import annotations

from . import (
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
    retries,
    rpc_cbor,
    runtime_api,
    stack_roles,
    stacks,
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
    stack_roles.register()
    retries.register()
    templates.register()
    template_urls.register()
