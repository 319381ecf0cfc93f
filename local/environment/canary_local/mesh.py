"""What a service has in the mesh before its first deployment. On AWS its team's pipeline stack makes it."""

from __future__ import annotations

from .environment import Environment
from .stacks import HELLO_STACK, NAMESPACE


def make_router(env: Environment, service: str, port: int, protocol: str) -> None:
    """Makes a service's virtual router and virtual service."""
    appmesh, router = env.client("appmesh"), f"{service}-vr"
    listener = {"portMapping": {"port": port, "protocol": protocol}}
    appmesh.create_virtual_router(meshName=HELLO_STACK, virtualRouterName=router, spec={"listeners": [listener]})
    appmesh.create_virtual_service(
        meshName=HELLO_STACK,
        virtualServiceName=f"{service}.{NAMESPACE}",
        spec={"provider": {"virtualRouter": {"virtualRouterName": router}}},
    )
