"""A Lambda endpoint whose answers are scripted, for tests of the state machine alone: real HTTP, and no function behind it.

moto's interpreter invokes it directly. ministack's invokes functions of its own, so those pass everything on to it.
"""

from __future__ import annotations

import io
import itertools
import json
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from second_interpreter import client, slug

from canary_local import processes
from canary_local.aws import REGION
from canary_local.environment import READY_SECONDS
from canary_local.loopback import answers, free_port

# What a wait or a pause before a retry takes in the ministack of these tests, as a part of what it should take.
SCALE = 0.002


@dataclass(frozen=True)
class Fails:
    """The function fails with an error of this name."""

    error: str
    message: str = "scripted"


@dataclass(frozen=True)
class Refused:
    """Lambda itself refuses the call, with this code."""

    code: str
    status: int


class Hangs:
    """The function answers long after it was timed out."""

    seconds = 8.0


Answered = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What the function makes of its input."""
Answer = Mapping[str, Any] | Fails | Refused | type[Hangs] | Answered
Script = Mapping[str, Sequence[Answer]]
"""What each state's calls are answered, one after the other; the last answer stays."""


def plan() -> dict[str, Any]:
    """As much of a plan as the state machine itself reads."""
    service = {"environmentName": "demo", "microserviceName": "web"}
    return {"execution": "arn:earlier", "deployment": {"candidate": {"stack": "demo-web-2"}}, "service": service}


def progress(phase: str, weight: int = 100, wait: int = 0, reason: str = "") -> dict[str, Any]:
    """How far a deployment is, as far as the state machine and these tests read it."""
    return {"phase": phase, "weight": weight, "waitSeconds": wait, "reason": reason}


def planned() -> dict[str, Any]:
    """What Check Deployment Version answers."""
    begin = {state: {"deletions": 0} for state in ("stack", "rollback", "removal")}
    return {"status": "Planned", "plan": plan(), "progress": progress("Deploying", 0), "repair": False, **begin}


def unfinished() -> dict[str, Any]:
    """What Check Deployment Version answers if an earlier execution ended before its deployment did."""
    failure = {"Error": "Canary.Interrupted", "Cause": "it was stopped."}
    found = {"status": "Unfinished", "progress": progress("Interrupted", 0), "repair": True, "failure": failure}
    return {**planned(), **found}


def rolled_back(event: Mapping[str, Any]) -> dict[str, Any]:
    """What Roll Back answers at the end: it passes the failure on, but for names that AWS keeps for itself."""
    error, cause = event["failure"]["Error"], event["failure"]["Cause"]
    name = "Canary.StateFailed" if error.startswith("States.") else error
    return {"status": "RolledBack", "error": name, "summary": f"all is as before. {cause}"}


def kept(event: Mapping[str, Any]) -> dict[str, Any]:
    """What Roll Back answers once the candidate is recorded."""
    return {**rolled_back(event), "status": "OldVersionKept", "summary": "stack demo-web-1 is left"}


# The output of the states that poll a stack while it is being created or deleted.
IN_PROGRESS = {"status": "InProgress", "deletions": 1}
# A canary in one step that is promoted.
USUAL: Script = {
    "Check Deployment Version": [planned()],
    "Deploy New Version": [{"status": "Ready"}],
    "Canary & Switch Traffic": [progress("Watching")],
    "Gather Health Check Status": [progress("Promoting")],
    "Record New Version": [progress("Retiring")],
    "Remove Old Version": [{"status": "Removed"}],
    "Roll Back": [rolled_back],
}


class StandIn:
    """The endpoint. Executions that run side by side go by a script each."""

    def __init__(self) -> None:
        self._scripts: dict[str, dict[str, Iterator[Answer]]] = {}
        self._plans: dict[str, dict[str, Any]] = {}
        self._ids = (str(number) for number in itertools.count(1))
        self._lock = threading.Lock()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes; the second one would wait 40 ms for the acknowledgement of the first.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                # /2015-03-31/functions/{function}/invocations
                state = self.path.split("/")[3].split("%3A")[-1]
                status, headers, body = stand_in.answer(state, event)
                payload = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                """The tests read the executions' histories."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def event(self, script: Script, poll_seconds: int = 0) -> dict[str, Any]:
        """The input of an execution that goes by a script, and by `USUAL` in the states that it does not name."""
        ident = next(self._ids)
        self._plans[ident] = {"script": ident, "pollSeconds": poll_seconds}
        answers = {slug(state): _one_by_one(given) for state, given in {**USUAL, **script}.items()}
        self._scripts[ident] = answers
        return {"script": ident}

    def answer(self, state: str, event: Any) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body for a state's call."""
        ident = event["plan"]["script"] if "plan" in event else event["request"]["script"]
        with self._lock:
            answer = next(self._scripts[ident][state])
        if answer is Hangs:
            self._ended.wait(Hangs.seconds)
            return 200, {}, {"status": "too late"}
        if isinstance(answer, Refused):
            return answer.status, {"X-Amzn-ErrorType": answer.code}, {"message": "scripted"}
        if isinstance(answer, Fails):
            body = {"errorType": answer.error, "errorMessage": answer.message}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, body
        if callable(answer):
            answer = answer(event)
        # The plan carries the script to the states that are not told the request.
        return 200, {}, {**answer, "plan": {**answer["plan"], **self._plans[ident]}} if "plan" in answer else answer

    @contextmanager
    def serving(self) -> Iterator[StandIn]:
        """Serves while the block lasts."""
        self._ended = threading.Event()
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def _one_by_one(given: Sequence[Answer]) -> Iterator[Answer]:
    return itertools.chain(given, itertools.repeat(given[-1]))


# The program of a function that passes its calls on.
RELAY = """#!{python}
import json, os, urllib.error, urllib.request

runtime = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
stand_in = os.environ["STAND_IN"] + "/2015-03-31/functions/" + os.environ["AWS_LAMBDA_FUNCTION_NAME"] + "/invocations"
while True:
    with urllib.request.urlopen(runtime + "next") as invocation:
        ident, event = invocation.headers["Lambda-Runtime-Aws-Request-Id"], invocation.read()
    try:
        with urllib.request.urlopen(urllib.request.Request(stand_in, data=event)) as answer:
            outcome = "error" if answer.headers["X-Amz-Function-Error"] else "response"
            body = answer.read()
    except urllib.error.HTTPError as refused:
        error = {{"errorType": "Lambda." + refused.headers["X-Amzn-ErrorType"], "errorMessage": "scripted"}}
        outcome, body = "error", json.dumps(error).encode()
    urllib.request.urlopen(urllib.request.Request(runtime + ident + "/" + outcome, data=body)).close()
"""


def relay_zip() -> bytes:
    """A function's zip for `provided.al2023` whose program is the relay."""
    program = zipfile.ZipInfo("bootstrap")
    program.external_attr = 0o755 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(program, RELAY.format(python=sys.executable))
    return packed.getvalue()


@contextmanager
def ministack(stand_in: StandIn, directory: Path) -> Iterator[str]:
    """A ministack of these tests' own, whose waits are short, with a relaying function for each Task; gives its URL."""
    port = free_port(None)
    variables = {
        "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "MINISTACK_REGION": REGION, "SFN_WAIT_SCALE": str(SCALE),
        "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "TMPDIR": str(directory), "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    process = processes.start("ministack", [sys.executable, "-m", "ministack"], variables, directory, directory / "log")
    try:
        processes.await_ready([process], lambda: answers(port, "/_ministack/ready"), "starting", READY_SECONDS)
        endpoint = f"http://127.0.0.1:{port}"
        functions, code = client("lambda", endpoint), relay_zip()
        for state in USUAL:
            functions.create_function(
                FunctionName=slug(state), Runtime="provided.al2023", Handler="bootstrap", Timeout=30,
                Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": code},
                Environment={"Variables": {"STAND_IN": stand_in.endpoint}},
            )  # fmt: skip
        yield endpoint
    finally:
        processes.stop(process)
