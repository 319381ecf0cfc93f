"""An app that speaks HTTP/2 and answers 500 to whatever it is asked. `http2_error.py HOST PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def app(scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """One request."""
    assert scope["type"] == "http", "there is nothing else here"
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"this version fails every request on purpose\n"})


host, port = sys.argv[1:]
config = Config()
config.bind = [f"{host}:{port}"]
asyncio.run(serve(app, config))
