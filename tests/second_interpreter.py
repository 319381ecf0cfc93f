"""A second Step Functions interpreter: moto's, which shares no code with ministack's.

It runs in this process and answers over HTTP, so that any AWS client can start, stop and describe its executions, the
functions of the environment included. Its Task states call Lambda functions at the endpoint that it is given.
"""

from __future__ import annotations

import functools
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import boto3
from antlr4 import ParserRuleContext
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import backends
from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.state_wait import StateWait
from moto.stepfunctions.parser.asl.eval.environment import Environment as MotoEnvironment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from canary_local import executions
from canary_local.aws import ACCESS_KEY, REGION, SECRET_KEY
from canary_local.environment import Environment
from canary_local.executions import Event
from canary_local.stacks import SHARED_STACK

# moto knows roles by their form only; nothing asks for this one.
ROLE = "arn:aws:iam::000000000000:role/second-interpreter"

Entered = Callable[[str, str], bool]
"""Is told the state and the execution's ARN when a Wait begins, and in a Task before its function is called. Says whether a Wait
is to take no time."""


def client(service: str, endpoint: str) -> Any:
    """A client that tries once: what is tried again, and when, is the state machine's business."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(
            proxies={}, retries={"total_max_attempts": 1}, read_timeout=90, max_pool_connections=100,
            parameter_validation=False,
        ),
    )  # fmt: skip


def execution(arn: str) -> Execution:
    """moto's own record of an execution. To ask for it over HTTP, again and again, makes the functions' requests late."""
    region, account = arn.split(":")[3:5]
    return stepfunctions_parser_backends[account][region].describe_execution(arn)


@contextmanager
def just_stopped(arn: str) -> Iterator[None]:
    """Has an execution that was stopped be so a moment ago, however long the machine takes for the block."""
    stopped = execution(arn)
    at = stopped.stop_date
    stopped.stop_date = at + timedelta(hours=1)
    try:
        yield
    finally:
        stopped.stop_date = at


def slug(state: str) -> str:
    """A state's name as part of an ARN: `Canary & Switch Traffic` is `Canary-Switch-Traffic`."""
    return re.sub(r"[^A-Za-z0-9]+", "-", state).strip("-")


def definition(text: str, function: Callable[[str, str], str], seconds: int | None = None) -> str:
    """The definition with the function that `function(state, resource)` says in each Task, and with `seconds` as the time-out
    of each Task if given. Nothing else is changed.
    """
    machine = json.loads(text)
    for name, state in machine["States"].items():
        if state["Type"] == "Task":
            state["Resource"] = function(name, state["Resource"])
            if seconds is not None:
                state["TimeoutSeconds"] = seconds
    return json.dumps(machine)


@functools.cache
def _tree(definition: str) -> ParserRuleContext:
    return _parse(definition)[1]


_parse = AmazonStateLanguageParser.parse


def _parsed(definition: str) -> tuple[EvalComponent, ParserRuleContext]:
    """moto's `parse`, which takes ten times as long and is called for each execution."""
    tree = _tree(definition)
    return Preprocessor().visit(tree), tree


# moto's `parse` of a JSONPath, which makes its parser anew for each reading of a state's data.
_path = functools.cache(json_path.parse)


@functools.cache
def _modules() -> list[str]:
    """moto's `list_of_moto_modules`. It looks at each of hundreds of directories, for every request and under one lock, which takes
    seconds as soon as other threads want to run in between."""
    return list(_list_of_modules())


_list_of_modules = backends.list_of_moto_modules


class _Functions:
    """The Lambda client of moto's Task states."""

    def __init__(self, lambda_client: Any) -> None:
        self._client = lambda_client

    def invoke(self, **call: Any) -> Mapping[str, Any]:
        try:
            return self._client.invoke(**call)
        except ClientError as refused:
            # Step Functions names an error of the service itself after Lambda; moto would call it `Exception`.
            code, message = refused.response["Error"]["Code"], refused.response["Error"]["Message"]
            body = json.dumps({"errorType": f"Lambda.{code}", "errorMessage": message}).encode()
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(body)}


def _nobody(_state: str, _execution: str) -> bool:
    """Is told and does nothing."""
    return False


def _tell(entered: Entered, env: MotoEnvironment) -> bool:
    context = env.states.context_object.context_object_data
    return entered(context["State"]["Name"], context["Execution"]["Id"])


def _called(entered: Entered, call: Callable[..., None]) -> Callable[..., None]:
    """moto's `call` of a function, after `entered` was told where its execution is."""

    def tell_and_call(*args: Any, **named: Any) -> None:
        _tell(entered, named.get("env") or args[-1])
        call(*args, **named)

    return tell_and_call


def _waited(entered: Entered, wait: Callable[..., None]) -> Callable[..., None]:
    """moto's `wait`, after `entered` was told where its execution is; none if `entered` says so."""

    def tell_and_wait(state: StateWait, env: MotoEnvironment) -> None:
        if not _tell(entered, env):
            wait(state, env)

    return tell_and_wait


class SecondInterpreter:
    """moto's interpreter, while the block of `running` lasts. Drives executions by the same methods as `Environment`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.state_machine_arn = ""
        self._states = client("stepfunctions", endpoint)

    def client(self, service: str) -> Any:
        """The client of Step Functions, the only service here."""
        assert service == "stepfunctions"
        return self._states

    def deploy(self, event: Mapping[str, Any]) -> str:
        """Starts a deployment; returns the execution's ARN."""
        return executions.start(self.client, self.state_machine_arn, event)

    def repair(self, environment_name: str, service: str) -> str:
        """Starts a repair; returns the execution's ARN."""
        return self.deploy({"Action": "Repair", "EnvironmentName": environment_name, "MicroserviceName": service})

    def follow(self, arn: str) -> Iterator[Event]:
        """Every step of an execution as it happens."""
        return executions.follow(self.client, arn)


def _unless_stopped(fail: Callable[..., None]) -> Callable[..., None]:
    """moto's `fail`, but an execution that was stopped stays so, whatever its last function comes to."""

    def fail_if_running(execution: MotoEnvironment, error: Any) -> None:
        if not isinstance(execution.program_state(), ProgramStopped):
            fail(execution, error)

    return fail_if_running


@contextmanager
def running(lambda_endpoint: str, entered: Entered = _nobody) -> Iterator[SecondInterpreter]:
    """Starts the interpreter; its Task states call the functions at `lambda_endpoint`."""
    functions = _Functions(client("lambda", lambda_endpoint))
    calls = _called(entered, lambda_eval_utils.execute_lambda_function_integration)
    waits = _waited(entered, StateWait._eval_state)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with (
        patch.dict(default_user_config["stepfunctions"], {"execute_state_machine": True}),
        patch.object(lambda_eval_utils, "boto_client_for", lambda **_: functions),
        patch.object(lambda_eval_utils, "execute_lambda_function_integration", calls),
        patch.object(StateWait, "_eval_state", waits),
        patch.object(AmazonStateLanguageParser, "parse", staticmethod(_parsed)),
        patch.object(json_path, "parse", _path),
        patch.object(backends, "list_of_moto_modules", _modules),
        patch.object(MotoEnvironment, "set_error", _unless_stopped(MotoEnvironment.set_error)),
    ):
        server.start()
        try:
            host, port = server.get_host_and_port()
            yield SecondInterpreter(f"http://{host}:{port}")
        finally:
            server.stop()


@contextmanager
def beside(env: Environment, entered: Entered = _nobody, **settings: str) -> Iterator[SecondInterpreter]:
    """The interpreter with an environment's own state machine and functions; `settings` are variables of Check Deployment Version.

    Who holds a service's lock is asked of Step Functions, so Check Deployment Version is called as a second function with the
    same zip, role and settings that asks this interpreter instead of the environment's.
    """
    described = env.client("stepfunctions").describe_state_machine(stateMachineArn=env.state_machine_arn)
    with running(env.endpoint, entered) as second:
        own = _check_version(env, {**settings, "AWS_ENDPOINT_URL_SFN": second.endpoint})

        def function(_: str, arn: str) -> str:
            return own if "-check-version:" in arn else arn

        created = second.client("stepfunctions").create_state_machine(
            # moto's state machines last as long as this process.
            name=f"second-{uuid.uuid4().hex[:8]}",
            definition=definition(described["definition"], function),
            roleArn=described["roleArn"],
        )
        second.state_machine_arn = created["stateMachineArn"]
        try:
            yield second
        finally:
            env.client("lambda").delete_function(FunctionName=own)


def _check_version(env: Environment, settings: Mapping[str, str]) -> str:
    functions = env.client("lambda")
    like = functions.get_function_configuration(FunctionName=f"{SHARED_STACK}-check-version")
    kept = ("Runtime", "Handler", "Role", "Architectures", "MemorySize", "Timeout")
    variables = {**like["Environment"]["Variables"], **settings}
    created = functions.create_function(
        FunctionName=f"{SHARED_STACK}-check-version-second",
        Code={"ZipFile": env.checkout.package("check-version").read_bytes()},
        Environment={"Variables": variables},
        **{name: like[name] for name in kept},
    )
    return created["FunctionArn"]
