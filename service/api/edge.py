"""The outermost layer: request id, limits of size, time and number, other origins, what browsers must not do.

It ends with a log line and a measure, which hold neither networks nor keys.
"""

import asyncio
import re
import time
from collections.abc import MutableMapping
from typing import Any, Final
from uuid import uuid4

import structlog
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from service.api.cross_origin import CrossOrigin, Headers, header
from service.api.limits import Answered, Asked, Limiter
from service.api.problems import our_fault, problem_response
from service.core import reach
from service.core.circumstances import Circumstances, circumstances
from service.core.database import AsyncSession
from service.core.errors import BadRequest, HeadTooLarge, Problem, TimedOut, TooLarge
from service.core.settings import Settings

log = structlog.get_logger("access")
REQUESTS = Counter("ancrage_http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "ancrage_http_request_seconds",
    "Time to the last byte, in seconds",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SAFE_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
# Links hold tokens in their path.
_SECRET = re.compile(r"(ancrage_[a-z]{2}_)[0-9A-Za-z]+")
_KEPT_CHARACTERS = 300
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_HTTPS = (b"strict-transport-security", b"max-age=63072000")
_SHARED = (b"cross-origin-resource-policy", b"cross-origin")
_OWN = (b"cross-origin-resource-policy", b"same-origin")
_NO_STORE = (b"cache-control", b"no-store")
# Pages load nothing from elsewhere and run nothing written into them.
_PAGE: Final = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
            b"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def _circumstances(scope: Scope) -> Circumstances:
    return Circumstances(
        network=_address(scope),
        user_agent=header(scope, b"user-agent").decode("latin-1")[:_KEPT_CHARACTERS] or None,
        reason=header(scope, b"ancrage-reason").decode("utf-8", "replace")[:_KEPT_CHARACTERS] or None,
    )


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    document = problem.as_dict() | {"instance": f"urn:ancrage:request:{scope['state']['request_id']}"}
    await problem_response(document, problem.headers | {"Connection": "close"})(scope, receive, send)


class Edge:
    """Pure ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, settings: Settings, limiter: Limiter, origins: CrossOrigin) -> None:
        self.app = app
        self.settings = settings
        self.limiter = limiter
        self.origins = origins
        https = (settings.public_url or "").startswith("https://")
        self._headers: Headers = [*_HEADERS, _HTTPS] if https else [*_HEADERS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = header(scope, b"x-request-id").decode("latin-1")
        request_id = offered if SAFE_ID.match(offered) else uuid4().hex
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = time.perf_counter()
        method = scope["method"] if scope["method"] in _METHODS else "other"
        added = [*self._headers, (b"x-request-id", request_id.encode())]
        served = {**scope, "method": "GET"} if method == "HEAD" else scope
        status = 500
        answering = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, answering
            answering = True
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {key for key, _ in message["headers"]} - {b"vary"}
                content_type = next(
                    (value for key, value in message["headers"] if key == b"content-type"), b""
                )
                page = _PAGE if content_type.startswith(b"text/html") else ()
                message["headers"] = [
                    *message["headers"],
                    *(each for each in (*added, *page) if each[0] not in present),
                ]
            elif method == "HEAD":
                # The server leaves the body out by itself; other callers of the application do not.
                message["body"] = b""
            await send(message)

        circumstances.set(_circumstances(scope))
        with bound_contextvars(request_id=request_id):
            try:
                await self._admit(served, receive, send_with_headers, added)
            except Exception as error:
                log.exception("unhandled error", exc_info=error)
                if answering:
                    raise
                await _refuse(our_fault(), served, receive, send_with_headers)
            finally:
                route = getattr(served.get("route"), "path", "unmatched")
                seconds = time.perf_counter() - started
                REQUESTS.labels(method, route, str(status)).inc()
                DURATION.labels(method, route).observe(seconds)
                log.info(
                    "request",
                    method=method,
                    path=_SECRET.sub(r"\1…", scope["path"]),
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                )

    async def _admit(self, scope: Scope, receive: Receive, send: Send, added: Headers) -> None:
        """Answer what can be answered here; serve the rest, within its limits of number."""
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self.settings.max_header_bytes:
            most = self.settings.max_header_bytes
            too_large = HeadTooLarge(f"Address and headers may have at most {most} bytes together.")
            await _refuse(too_large, scope, receive, send)
            return
        if self.origins.is_preflight(scope):
            answer = Response(status_code=204)
            answer.raw_headers += await self.origins.preflight(scope)
            await answer(scope, receive, send)
            return
        authorization, key = header(scope, b"authorization"), header(scope, b"ancrage-key")
        keyed = bool(authorization or key)
        public = self.origins.concerns(scope) and not keyed
        added.append(_SHARED if public else _OWN)
        if keyed:
            # What a key reads may hold personal data; what is public says itself how long it may be kept.
            added.append(_NO_STORE)
        added += await self.origins.answer(scope, keyed=keyed)
        asked = self.limiter.asked(
            scope["method"],
            scope["path"],
            address=_address(scope),
            authorization=authorization,
            key=key,
            cookie=header(scope, b"cookie"),
        )
        verdict = await self.limiter.judge(asked)
        added += verdict.headers
        problem = verdict.problem or self._misshapen(scope)
        if problem is not None:
            await _refuse(problem, scope, receive, send)
            return
        await self._serve(scope, receive, send, asked)

    def _misshapen(self, scope: Scope) -> Problem | None:
        """Return what is wrong with a request before anybody reads its body."""
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return BadRequest("The address holds a NUL character (%00); remove it.")
        length = header(scope, b"content-length")
        if length.isdigit() and int(length) > self.settings.max_body_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A body may have at most {self.settings.max_body_bytes} bytes.")

    async def _serve(self, scope: Scope, receive: Receive, send: Send, asked: Asked) -> None:
        """Serve within the limits of time and size; learn from the answer what the key or token was."""
        loop = asyncio.get_running_loop()
        seconds = self.settings.request_timeout_seconds
        status: int | None = None
        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.settings.max_body_bytes:
                too_large = self._too_large()
                # The one kind of exception that FastAPI lets through while it reads a body.
                raise HTTPException(too_large.status, too_large.detail)
            return message

        async def timed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                session: AsyncSession | None = scope["state"].get("session")
                reached = None if session is None else reach.current(session)
                await self.limiter.learn(asked, Answered(message["status"], reached))
            await send(message)
            if not deadline.expired():
                # Whoever reads slowly may, piece by piece; whoever stops reading may not.
                deadline.reschedule(loop.time() + seconds)

        try:
            async with asyncio.timeout(seconds) as deadline:
                await self.app(scope, counted_receive, timed_send)
        except TimeoutError:
            if not deadline.expired():
                raise
            if status is not None:
                # Nobody reads any more; the server closes the connection of an answer without an end.
                log.warning("answer broken off")
                return
            problem = TimedOut(
                f"It was broken off after {seconds:g} seconds, and what was not finished was undone. Send "
                "less at once, or try again; a POST with the same `Idempotency-Key` has no second effect.",
                headers={"Retry-After": "5"},
            )
            await _refuse(problem, scope, receive, send)
