"""Versions and aliases of state machines: an execution runs on what it began with, as on AWS.

ministack keeps versions and aliases as records, and runs every execution on the state machine as it is when its thread starts.
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import stepfunctions

from .patching import expect, expect_function, wrap

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Response]

# On an execution's record: the state machine that it began with, and by which version and alias it was started.
_BEGUN, _BY = "_canary_begun", "_canary_started_by"

# The state machine that the execution of this thread began with.
_running: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("canary_running", default=None)


class _Machines(AccountRegionScopedDict):
    """ministack's state machines; an execution's thread finds its own as it was."""

    __slots__ = ()

    def get(self, key: str, default: Any = None) -> Any:
        begun = _running.get()
        return begun if begun is not None and begun["stateMachineArn"] == key else super().get(key, default)


def register() -> None:
    """Has executions keep their definition, and tells by which version and alias they were started."""
    machines = expect(stepfunctions, "_state_machines", AccountRegionScopedDict)
    for name in ("_state_machine_versions", "_state_machine_aliases", "_executions"):
        expect(stepfunctions, name, AccountRegionScopedDict)
    expect_function(stepfunctions, "_resolve_state_machine_arn", "arn")
    expect_function(stepfunctions, "_execution_version_arn", "arn")
    machines.__class__ = _Machines
    for name, make in (
        ("_start_execution", _starting),
        ("_describe_execution", _described),
        ("_describe_state_machine_for_execution", _as_begun),
        ("_list_executions", _listed),
        ("_delete_state_machine", _deleting),
    ):
        wrap(stepfunctions, name, ("data",), make)


def running_role() -> str | None:
    """The name of the role that the execution of this thread acts with; None outside of one."""
    begun = _running.get()
    return begun["roleArn"].rsplit("/", 1)[-1] if begun else None


def forget(state_machine_arn: str) -> None:
    """Removes the versions and aliases of a state machine, which go with it."""
    for store in (stepfunctions._state_machine_versions, stepfunctions._state_machine_aliases):
        for arn in [arn for arn in store if arn.startswith(f"{state_machine_arn}:")]:
            store.pop(arn, None)


def _starting(original: Handler) -> Handler:
    def start_execution(data: dict[str, Any]) -> Response:
        """The thread that runs the execution is started in here, and keeps what is set here."""
        named = str(data.get("stateMachineArn", "")).split("#")[0]
        base = stepfunctions._resolve_state_machine_arn(named)
        version = stepfunctions._execution_version_arn(named)
        if base is None:
            return original(data)
        machine = {**stepfunctions._state_machines[base]}
        if version:
            published = stepfunctions._state_machine_versions[version]
            machine |= {key: published[key] for key in ("definition", "roleArn", "loggingConfiguration")}
            machine["revisionId"] = published["stateMachineRevisionId"]
        token = _running.set(machine)
        try:
            answer = original(data)
        finally:
            _running.reset(token)
        if answer[0] < 400:
            started = {"stateMachineVersionArn": version} if version else {}
            if named in stepfunctions._state_machine_aliases:
                started["stateMachineAliasArn"] = named
            stepfunctions._executions[json.loads(answer[2])["executionArn"]] |= {_BEGUN: machine, _BY: started}
        return answer

    return start_execution


def _described(original: Handler) -> Handler:
    def describe_execution(data: dict[str, Any]) -> Response:
        return _with(original(data), _started_by(data.get("executionArn")))

    return describe_execution


def _as_begun(original: Handler) -> Handler:
    def describe_state_machine_for_execution(data: dict[str, Any]) -> Response:
        execution = stepfunctions._executions.get(data.get("executionArn")) or {}
        begun = execution.get(_BEGUN)
        shown = {key: begun[key] for key in ("definition", "roleArn", "revisionId")} if begun else {}
        return _with(original(data), {**shown, **_started_by(data.get("executionArn"))})

    return describe_state_machine_for_execution


def _listed(original: Handler) -> Handler:
    def list_executions(data: dict[str, Any]) -> Response:
        """ListExecutions takes the ARN of a version or an alias as well, and then lists what was started by that one."""
        named = str(data.get("stateMachineArn") or "")
        base = stepfunctions._resolve_state_machine_arn(named)
        status, headers, body = original({**data, "stateMachineArn": base} if base else data)
        if status >= 400:
            return status, headers, body
        document = json.loads(body)
        found = [{**item, **_started_by(item["executionArn"])} for item in document["executions"]]
        if base and base != named:
            found = [item for item in found if named in item.values()]
        return status, headers, json.dumps({**document, "executions": found}).encode()

    return list_executions


def _deleting(original: Handler) -> Handler:
    def delete_state_machine(data: dict[str, Any]) -> Response:
        forget(str(data.get("stateMachineArn")))
        return original(data)

    return delete_state_machine


def _started_by(execution_arn: str | None) -> dict[str, str]:
    return (stepfunctions._executions.get(execution_arn) or {}).get(_BY, {})


def _with(response: Response, more: dict[str, Any]) -> Response:
    status, headers, body = response
    return (status, headers, json.dumps({**json.loads(body), **more}).encode()) if status < 400 else response
