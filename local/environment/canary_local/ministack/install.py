"""Everything the plugin changes in ministack, in one place and in order."""

from __future__ import annotations

from . import appmesh_cfn, appmesh_service, autoscaling_cfn, cloudmap, ecs_cfn, ecs_tasks, stacks
from .engine import Engine


def install(engine: Engine) -> None:
    """Registers App Mesh, our ECS and Cloud Map behaviour; raises `IncompatibleMinistack` if ministack has changed."""
    appmesh_service.register(engine)
    appmesh_cfn.register(engine)
    autoscaling_cfn.register()
    discovery = cloudmap.Discovery(engine)
    cloudmap.register(discovery)
    ecs_tasks.register(engine)
    ecs_cfn.register()
    stacks.register()
