"""A bare ASGI application: bytes that Ancrage answered, in turn, and nothing else."""

import os
import pickle
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import cycle
from pathlib import Path
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Written by the benchmark itself just before.
_BODIES: list[bytes] = pickle.loads(Path(os.environ["BENCH_BODIES"]).read_bytes())  # noqa: S301 - our own file
_ETAG = b'"0123456789abcdef01234567"'
_ANSWERS = cycle(
    [
        (
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"etag", _ETAG),
                ],
            },
            {"type": "http.response.body", "body": body},
        )
        for body in _BODIES
    ]
)
_UNCHANGED = {"type": "http.response.start", "status": 304, "headers": [(b"etag", _ETAG)]}
_NOTHING = {"type": "http.response.body", "body": b""}


async def app(scope: MutableMapping[str, Any], _receive: object, send: Send) -> None:
    """Answer any request: 304 under ``/unchanged``, else the next body."""
    if scope["type"] != "http":
        return
    start, body = (_UNCHANGED, _NOTHING) if scope["path"] == "/unchanged" else next(_ANSWERS)
    await send(start)
    await send(body)
