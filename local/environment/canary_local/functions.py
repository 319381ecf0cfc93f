"""Changes to the functions of a running environment, published as an update of the shared stack would publish them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from . import stacks

Clients = Callable[[str], Any]


def reconfigure(client: Clients, variables: Mapping[str, Mapping[str, str]], **settings: Any) -> None:
    """Publishes functions with more environment variables and other settings, and the definition that calls them."""
    functions, states = client("lambda"), client("stepfunctions")
    outputs = stacks.outputs(client, stacks.SHARED_STACK)
    machine = outputs["StateMachineArn"]
    definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
    for function, more in variables.items():
        name = f"{stacks.SHARED_STACK}-{function}"
        present = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**present, **more}}, **settings
        )
        version = functions.publish_version(FunctionName=name)["Version"]
        definition = re.sub(rf":function:{name}:\d+", f":function:{name}:{version}", definition)
    updated = states.update_state_machine(stateMachineArn=machine, definition=definition, publish=True)
    states.update_state_machine_alias(
        stateMachineAliasArn=outputs["StateMachineAliasArn"],
        routingConfiguration=[{"stateMachineVersionArn": updated["stateMachineVersionArn"], "weight": 100}],
    )


def set_poll_interval(client: Clients, poll_seconds: int) -> None:
    """Has deployments planned with another poll interval, as the shared stack's `PollSeconds` does."""
    reconfigure(client, {"check-version": {"POLL_SECONDS": str(poll_seconds)}})
