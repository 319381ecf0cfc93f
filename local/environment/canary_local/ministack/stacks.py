"""CloudFormation's stack engine: our types run off the event loop, and deleting a stack waits for its creation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, stacks

from .patching import expect, wrap

# Set on a stack's record when it is to be deleted while it is still being created.
CANCELLED = "_canary_cancelled"
_POLL_SECONDS = 0.1
# These talk to the data plane or wait for tasks: on the event loop they would hold up every other request.
_BLOCKING_TYPES = ("AWS::AppMesh::", "AWS::ECS::", "AWS::ServiceDiscovery::")
_DELETE_PARAMETERS = ("stack_name", "stack_id", "retain_resources", "force")


def register() -> None:
    """Replaces the two functions that decide where and when stack work runs."""
    expect(cloudformation, "_stacks")
    wrap(stacks, "_runs_on_worker_thread", ("resource_type",), _off_the_loop)
    wrap(handlers, "_delete_stack_async", _DELETE_PARAMETERS, _after_creation)


def _off_the_loop(original: Callable[[str], bool]) -> Callable[[str], bool]:
    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type.startswith(_BLOCKING_TYPES) or original(resource_type)

    return runs_on_worker_thread


def cancelled(stack_name: str) -> bool:
    """Whether the stack is to be deleted as soon as its creation has given up."""
    return bool((cloudformation._stacks.get(stack_name) or {}).get(CANCELLED))


def _after_creation(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def delete_stack(stack_name: str, stack_id: str, *args: Any, **kwargs: Any) -> None:
        """ministack would delete beside the creation, which then calls the stack complete again."""
        while (stack := cloudformation._stacks.get(stack_name)) and stack["StackStatus"] in (
            "CREATE_IN_PROGRESS",
            "ROLLBACK_IN_PROGRESS",
            "UPDATE_IN_PROGRESS",
        ):
            stack[CANCELLED] = True
            await asyncio.sleep(_POLL_SECONDS)
        if stack:
            # ministack forgets what the rollback of a creation could not delete.
            stack["_resources"] = {**stack.pop("_rollback_failed", {}), **stack.get("_resources", {})}
        await original(stack_name, stack_id, *args, **kwargs)

    return delete_stack
