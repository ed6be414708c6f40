"""The outermost layer: request id, limits, HEAD, CORS, security headers, a log line and a measure."""

import re
import time
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from service.api.problems import our_fault, problem_response
from service.core.circumstances import Circumstances, circumstances
from service.core.errors import BadRequest, Problem, TooLarge

log = structlog.get_logger("access")
REQUESTS = Counter("ancrage_http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "ancrage_http_request_seconds",
    "Time to the last byte, in seconds",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_SAFE_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_KEPT_CHARACTERS = 300
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
# Any page may read what is public, by GET and HEAD. No preflight ever allows `Authorization`: a secret key
# belongs on a server.
_CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Retry-After, X-Request-ID"),
)
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "If-None-Match, X-Request-ID",
    "Access-Control-Max-Age": "86400",
}


def _readable_anywhere(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith("/v1/") or path == "/openapi.json"


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _circumstances(scope: Scope) -> Circumstances:
    client = scope.get("client")
    return Circumstances(
        network=client[0] if client else None,
        user_agent=_header(scope, b"user-agent").decode("latin-1")[:_KEPT_CHARACTERS] or None,
        reason=_header(scope, b"ancrage-reason").decode("utf-8", "replace")[:_KEPT_CHARACTERS] or None,
    )


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    document = problem.as_dict() | {"instance": f"urn:ancrage:request:{scope['state']['request_id']}"}
    await problem_response(document, {"Connection": "close"})(scope, receive, send)


class Edge:
    """Pure ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = _header(scope, b"x-request-id").decode("latin-1")
        request_id = offered if _SAFE_ID.match(offered) else uuid4().hex
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = time.perf_counter()
        method = scope["method"] if scope["method"] in _METHODS else "other"
        added = list(_HEADERS)
        if method in {"GET", "HEAD", "OPTIONS"} and _readable_anywhere(scope):
            added += _CORS
        if _header(scope, b"authorization"):
            # What a key reads may hold personal data; what is public says itself how long it may be kept.
            added.append((b"cache-control", b"no-store"))
        if method == "HEAD":
            # The server that sends the answer still sees HEAD, and leaves the body out.
            scope = {**scope, "method": "GET"}
        status = 500
        answering = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, answering
            answering = True
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {key for key, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in added if header[0] not in present),
                ]
            elif method == "HEAD":
                message["body"] = b""
            await send(message)

        circumstances.set(_circumstances(scope))
        with bound_contextvars(request_id=request_id):
            try:
                await self._serve(scope, receive, send_with_headers)
            except Exception as error:
                log.exception("unhandled error", exc_info=error)
                if answering:
                    raise
                await _refuse(our_fault(), scope, receive, send_with_headers)
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")
                seconds = time.perf_counter() - started
                REQUESTS.labels(method, route, str(status)).inc()
                DURATION.labels(method, route).observe(seconds)
                log.info(
                    "request",
                    method=method,
                    path=scope["path"],
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            problem = BadRequest("The address holds a NUL character (%00); remove it.")
            await _refuse(problem, scope, receive, send)
            return
        if (
            scope["method"] == "OPTIONS"
            and _header(scope, b"access-control-request-method")
            and _readable_anywhere(scope)
        ):
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
            return
        length = _header(scope, b"content-length")
        too_large = TooLarge(f"A body may have at most {self.max_body_bytes} bytes.")
        if length.isdigit() and int(length) > self.max_body_bytes:
            await _refuse(too_large, scope, receive, send)
            return
        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                # The one kind of exception that FastAPI lets through while it reads a body.
                raise HTTPException(too_large.status, too_large.detail)
            return message

        await self.app(scope, counted_receive, send)
