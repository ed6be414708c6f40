"""The outermost layer: public answers from prepared bytes, ahead of limits, logs and routing.

It answers GET and HEAD that carry nobody's key, token or cookie, from what routes marked as storable. Its
answers depend on path, query, host, language and media type, and on nothing else of a caller. They count
against no limit and are not logged one by one: Prometheus counts them, the log says now and then how many.
"""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import count
from typing import Any, Final

import structlog
from fastapi import FastAPI
from prometheus_client import Counter as Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.dependencies import get_language, tags, wants_linked_data
from service.api.edge import REQUESTS, SAFE_ID
from service.api.lane.changes import Changes
from service.api.lane.marking import KEPT, Storable
from service.api.lane.shelf import Headers, Key, Prepared, Shelf
from service.core.clock import now
from service.core.database import Database
from service.core.listening import PUBLIC, Listener
from service.core.plainly import connect

log = structlog.get_logger("access")

ANSWERS = Metric("ancrage_prepared_answers", "Requests answered from prepared bytes", ["status"])
_READS: Final = frozenset({"GET", "HEAD"})
_OK: Final = 200
# Whoever sends one of these is somebody, or asks for a part.
_PERSONAL: Final = frozenset({b"authorization", b"ancrage-key", b"cookie", b"range"})
# Made for one request, and made anew for the next, or left out.
_PASSING: Final = frozenset({b"x-request-id", b"ratelimit", b"ratelimit-policy"})
_KNOWN: Final = frozenset(
    {
        b"content-type", b"content-length", b"etag", b"vary", b"cache-control", b"link", b"ancrage-search",
        b"access-control-allow-origin", b"access-control-expose-headers", b"cross-origin-resource-policy",
        b"x-content-type-options", b"referrer-policy", b"x-frame-options", b"strict-transport-security",
    }
)  # fmt: skip
_OF_BODY: Final = frozenset({b"content-type", b"content-length", b"link", b"ancrage-search"})
_VARYING: Final = frozenset({b"accept", b"accept-language"})
# Bytes of headers whose meaning is remembered: all of them are kept, and none is counted.
REMEMBERED: Final = 400
# A pile of answers is logged after so many beats of the listener.
_BEATS: Final = 150


@lru_cache(4096)
def _variant(scheme: str, accept: bytes, language: bytes) -> str:
    """Return what an answer is chosen by, beside its address."""
    linked = wants_linked_data(accept.decode("latin-1"))
    return f"{scheme} {linked} {get_language(language.decode('latin-1'))}"


def _chosen(scheme: str, accept: bytes, language: bytes) -> str:
    """Return the variant; of long headers, which nobody's browser sends, nothing is remembered."""
    ordinary = len(accept) + len(language) <= REMEMBERED
    return (_variant if ordinary else _variant.__wrapped__)(scheme, accept, language)


def _has(known: bytes, etag: str) -> bool:
    """Tell whether an ``If-None-Match`` header names ``etag``."""
    tag = etag.encode("latin-1")
    return known in {tag, b"*"} or (tag in known and etag in tags(known.decode("latin-1")))


class Answers:
    """What is prepared, and what this process has heard since: one for each application."""

    def __init__(self, megabytes: int) -> None:
        self.changes = Changes()
        self.shelf = Shelf(megabytes * 1_048_576)
        self.listener: Listener | None = None
        self._given: Counter[tuple[str, str, int]] = Counter()
        self._beats = 0
        self._unsaid = 0

    @asynccontextmanager
    async def running(self, database: Database) -> AsyncIterator[None]:
        """Hear of changes in ``database`` beside the block. Without it nothing is prepared."""
        engine = database.engine
        if engine is None or not self.shelf.most:
            yield
            return
        self.listener = Listener(
            lambda: connect(engine), PUBLIC, heard=self.changes.heard, lost=self.lost, beat=self.beat
        )
        async with self.listener.running():
            yield
        self.beat()

    @property
    def usable(self) -> bool:
        """Whether every change of a second ago has been heard."""
        listener = self.listener
        return listener is not None and listener.fresh

    def lost(self) -> None:
        """Forget everything: a change may have gone unheard."""
        self.changes.lost()
        self.shelf.clear()

    def find(self, key: Key) -> Prepared | None:
        """Return the answer to ``key`` if it is still right."""
        found = self.shelf.get(key)
        if found is None:
            return None
        if self.changes.since(found.count, found.of) or (found.until is not None and found.until <= now()):
            self.shelf.drop(key)
            return None
        return found

    def given(self, method: str, route: str, status: int) -> None:
        """Count an answer. Prometheus is told at the next beat: telling it takes longer than answering."""
        self._given[method, route, status] += 1

    def beat(self) -> None:
        """Tell Prometheus what was given since the last beat and, now and then, the log."""
        for (method, route, status), number in self._given.items():
            REQUESTS.labels(method, route, str(status)).inc(number)
            ANSWERS.labels(str(status)).inc(number)
            self._unsaid += number
        self._given.clear()
        self.shelf.measure()
        self._beats += 1
        if self._unsaid and self._beats % _BEATS == 0:
            log.info("requests answered from prepared bytes", number=self._unsaid)
            self._unsaid = 0


class PreparedBytes:
    """Pure ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, answers: Answers) -> None:
        self.app = app
        self.answers = answers
        self._ids = count()
        self._own = secrets.token_hex(10)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in _READS or not self.answers.usable:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]) or not _PERSONAL.isdisjoint(headers):
            await self.app(scope, receive, send)
            return
        key = (
            scope.get("raw_path") or scope["path"],
            scope["query_string"],
            headers.get(b"host", b""),
            _chosen(scope["scheme"], headers.get(b"accept", b""), headers.get(b"accept-language", b"")),
        )
        found = self.answers.find(key)
        if found is None:
            await self._work_out(key, scope, receive, send)
            return
        offered = headers.get(b"x-request-id")
        if offered is None or not SAFE_ID.match(offered.decode("latin-1")):
            offered = b"%b%012x" % (self._own.encode(), next(self._ids))
        known = headers.get(b"if-none-match")
        if known is not None and _has(known, found.etag):
            self.answers.given(scope["method"], found.route, 304)
            start, status, body = found.unchanged, 304, b""
        else:
            self.answers.given(scope["method"], found.route, 200)
            start, status = found.headers, 200
            body = b"" if scope["method"] == "HEAD" else found.body
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*start, (b"x-request-id", offered)],
            }
        )
        await send({"type": "http.response.body", "body": body})

    async def _work_out(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, and keep the answer if it says so."""
        # Before anything is read: what changes from now on is heard later than this.
        before = self.answers.changes.count
        state: dict[str, Any] = scope.setdefault("state", {})
        start: Message | None = None

        async def send_and_keep(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message.get("more_body", False):
                # In pieces: too long to be kept.
                start = None
            elif start is not None and KEPT in state:
                prepared = self._prepare(scope, start, message.get("body", b""), state.pop(KEPT), before)
                if prepared is not None:
                    self.answers.shelf.put(key, prepared)
            await send(message)

        await self.app(scope, receive, send_and_keep)

    def _prepare(
        self, scope: Scope, start: Message, body: bytes, mark: Storable, before: int
    ) -> Prepared | None:
        """Return the answer as it is kept, or None: what it is not sure of is not kept."""
        answers = self.answers
        if scope["method"] != "GET" or start["status"] != _OK or not answers.usable:
            return None
        if answers.changes.since(before, mark.of):
            return None
        headers: Headers = [(name, value) for name, value in start["headers"] if name not in _PASSING]
        named = dict(headers)
        varying = {each.strip().lower() for each in named.get(b"vary", b"").split(b",") if each.strip()}
        if not named.keys() <= _KNOWN or not varying <= _VARYING or b"etag" not in named:
            return None
        unchanged = [header for header in headers if header[0] not in _OF_BODY]
        route = getattr(scope.get("route"), "path", "unmatched")
        return Prepared(
            body, headers, unchanged, named[b"etag"].decode("latin-1"), route, mark.of, mark.until, before
        )


class Application(FastAPI):
    """FastAPI with prepared bytes before its own first step, which takes as long as all of theirs."""

    _outermost: ASGIApp | None = None

    def stand_behind(self, answers: Answers) -> None:
        """Answer from ``answers`` what is prepared there."""
        self._outermost = PreparedBytes(super().__call__, answers=answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the application's life."""
        await (self._outermost or super().__call__)(scope, receive, send)
