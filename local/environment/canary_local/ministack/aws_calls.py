"""Every decision of IAM, App Mesh's too, as one line of JSON: when, who, which action, on what, and whether it was allowed."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ministack.core import iam_evaluator

from .patching import expect, expect_function, wrap

logger = logging.getLogger("canary.aws_calls")

# The environment variable that names the file. Without it nothing is recorded.
FILE = "CANARY_LOCAL_AWS_CALLS"
# A longer file becomes `FILE.1`, in the place of an earlier one, and the record goes on in a new file.
LONGEST = 64 << 20
_ENFORCE_PARAMETERS = ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context")


class Record:
    """The file. It never fails a call: on a full disk the record has gaps."""

    def __init__(self, path: str, longest: int = LONGEST) -> None:
        self._path, self._longest = path, longest
        self._lock = threading.Lock()
        self._failed = False
        self._open()

    def append(self, line: bytes) -> None:
        """Appends a line as a whole: neither threads nor readers see half of one."""
        with self._lock:
            try:
                if self._size and self._size + len(line) > self._longest:
                    os.replace(self._path, f"{self._path}.1")
                    older = self._file
                    self._open()
                    os.close(older)
                self._size += os.write(self._file, line)
                self._failed = False
            except OSError as error:
                if not self._failed:
                    logger.error("calls are not recorded in %s: %s", self._path, error)
                self._failed = True

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._size = os.fstat(self._file).st_size


# The record that is kept, if there is one.
_records: list[Record] = []


def register() -> None:
    """Records from now on. The account's root is bound by no policy, so nothing is decided about it and it is left out."""
    path = os.environ.get(FILE)
    if not path:
        return
    expect_function(iam_evaluator, "caller_arn")
    expect(iam_evaluator, "EvalResult", type)
    _records.append(Record(path))
    wrap(iam_evaluator, "enforce", _ENFORCE_PARAMETERS, _recorded)


def note(principal: str, action: str, resource: str, allowed: bool) -> None:
    """Records one decision."""
    for record in _records:
        record.append(_line(principal, action, resource, allowed))


def _recorded(original: Callable[..., Any]) -> Callable[..., Any]:
    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = original(access_key_id, iam_action, service, region, resource_arn, service_context)
        principal = iam_evaluator.caller_arn()
        # Anything else than a result is a caller that IAM does not know.
        known = denied is None or isinstance(denied, iam_evaluator.EvalResult)
        if known and not principal.endswith(":root"):
            note(principal, iam_action, resource_arn, denied is None)
        return denied

    return enforce


def _line(principal: str, action: str, resource: str, allowed: bool) -> bytes:
    call = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "principal": principal,
        "role": _role(principal),
        "action": action,
        "resource": resource,
        "allowed": allowed,
    }
    return json.dumps(call).encode() + b"\n"


def _role(principal: str) -> str | None:
    """`arn:aws:sts::111122223333:assumed-role/NAME/SESSION` -> `NAME`."""
    kind, _, names = principal.rsplit(":", 1)[-1].partition("/")
    return names.split("/")[0] if kind == "assumed-role" else None
