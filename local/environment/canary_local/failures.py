"""What a command says when it fails: one line on stderr, and the end of the log that tells more if there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable

from botocore.exceptions import ClientError

from . import processes
from .errors import LocalError
from .printed import plain, plain_lines

FAILURE = 1
_LOG_LINES = 15


def said(run: Callable[[], int]) -> int:
    """The exit status of `run`; of every foreseeable failure it is `FAILURE`."""
    try:
        return run()
    except LocalError as error:
        print(f"error: {plain_lines(str(error))}", file=sys.stderr)
        for line in processes.last_lines(error.log, _LOG_LINES) if error.log else []:
            print(f"    {plain(line)}", file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"`{error.filename}`: " if error.filename else ""
        print(f"error: {plain(f'{place}{error.strerror or error}')}", file=sys.stderr)
    except ClientError as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
    return FAILURE
