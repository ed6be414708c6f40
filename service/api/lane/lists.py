"""Lists of postings that were never asked before, past routing, dependencies and the ORM.

The innermost layer: what it can't answer exactly as the route does, it hands to the route, which also says
what is wrong with a request. Limits, log and measures are the edge's, as for everything.
"""

import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
import structlog
from fastapi import Request, Response
from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.cross_origin import header
from service.api.dependencies import entity_tag, get_language, not_modified
from service.api.lane.changes import Changes
from service.api.lane.marking import REFERENTIALS, storable
from service.api.lane.prepared import REMEMBERED, Answers
from service.api.pages import link_next
from service.api.public_postings import CACHING, SCOPE
from service.api.searched import search_headers
from service.core.database import AsyncSession, Database
from service.core.errors import BadCursor
from service.core.plainly import FAILURES, PublicReads
from service.domain import listing
from service.domain.searching import Found
from service.schemas.public import PostingSearch
from service.schemas.search import SortValues
from service.search import SearchEngine

log = structlog.get_logger(__name__)

_BEFORE: Final = "/v1/territories/"
_AFTER: Final = "/postings"
# A territory's name in an address: what can be none, the route refuses, and nobody remembers.
_SLUG: Final = re.compile(r"[a-z0-9-]{1,80}")
_LISTS: Final = frozenset(
    name for name, field in PostingSearch.model_fields.items() if "list" in str(field.annotation)
)
_SINGLE: Final = frozenset(PostingSearch.model_fields) - _LISTS
# Postings held in all, of every territory together.
_HELD: Final = 500_000
# What is held is read again when it has served this many times as long as reading it takes.
_SERVES: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Route:
    """What stands for the route in the edge's measures."""

    path: str = "/v1/territories/{slug}/postings"


_ROUTE: Final = _Route()


@dataclass(slots=True)
class _Held:
    """What a territory shows; ``count`` is that of the changes heard before it was read."""

    shown: listing.Shown | None
    count: int
    again_at: float
    right: bool = True


def _rows(held: _Held) -> int:
    """Return what is counted against ``_HELD``: a territory takes some room without any posting."""
    if held.shown is None:
        return 0
    return 1_000 + (0 if held.shown.columns is None else held.shown.columns.rows)


class Shows:
    """What territories show, in memory, read again when it is out of date and asked for."""

    def __init__(self, reads: PublicReads, changes: Changes) -> None:
        self._reads = reads
        self._changes = changes
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._reading: set[str] = set()

    async def get(self, slug: str, *, held: bool) -> listing.Shown | None:
        """Return what ``slug`` shows, as far as this process knows; None when that is not known.

        ``held``: with the facts of its postings, for searches in memory.
        """
        known = self._held.get(slug)
        if known is not None:
            self._held.move_to_end(slug)
            if known.right and self._holds(known):
                return known.shown
            if time.monotonic() < known.again_at:
                return None
        if slug in self._reading:
            return None
        return await self._read(slug, held=held)

    def wrong(self, slug: str) -> None:
        """Note that what ``slug`` shows is no longer what is held."""
        held = self._held.get(slug)
        if held is not None:
            held.right = False

    def _holds(self, held: _Held) -> bool:
        shown = held.shown
        return (
            shown is not None
            and shown.lasts
            and not self._changes.since(held.count, str(shown.territory_id))
            and not self._changes.since(held.count, REFERENTIALS)
        )

    async def _read(self, slug: str, *, held: bool) -> listing.Shown | None:
        self._reading.add(slug)
        try:
            count, began = self._changes.count, time.monotonic()
            async with self._reads.connection() as connection:
                shown = await listing.read_shown(connection, slug, held=held)
            ended = time.monotonic()
            self._held[slug] = _Held(shown, count, ended + _SERVES * (ended - began))
            self._shrink()
        finally:
            self._reading.discard(slug)
        return shown

    def _shrink(self) -> None:
        rows = sum(_rows(held) for held in self._held.values())
        while len(self._held) > 1 and (rows > _HELD or len(self._held) > _HELD // 100):
            _, gone = self._held.popitem(last=False)
            rows -= _rows(gone)


@lru_cache(1024)
def _language(header: bytes) -> str:
    return get_language(header.decode("latin-1"))


def _spoken(header: bytes) -> str:
    return (_language if len(header) <= REMEMBERED else _language.__wrapped__)(header)


def _slug(scope: Scope) -> str | None:
    path: str = scope["path"]
    if scope["method"] != "GET" or not path.startswith(_BEFORE) or not path.endswith(_AFTER):
        return None
    slug = path[len(_BEFORE) : -len(_AFTER)]
    return slug if _SLUG.fullmatch(slug) else None


def _asked(query: bytes) -> PostingSearch | None:
    """Return what is asked, or None for anything that the route should look at."""
    values: dict[str, Any] = {}
    try:
        for name, value in parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict"):
            if name in _LISTS:
                values.setdefault(name, []).append(value)
            elif name in _SINGLE and name not in values and (value or name == "q"):
                values[name] = value
            else:
                return None
        return PostingSearch.model_validate(values)
    except (ValidationError, ValueError):
        return None


async def _find(
    reads: PublicReads,
    everything: Callable[[], AbstractAsyncContextManager[AsyncSession]],
    engine: SearchEngine,
    shown: listing.Shown,
    search: PostingSearch,
    start: SortValues | None,
    language: str,
) -> Found | None:
    """Return what is found, or None when what is shown is no longer that.

    ``everything`` opens a session that reaches everywhere: what an engine outside finds is looked up among
    the postings themselves.
    """
    around = None
    if search.near is not None:
        async with reads.connection() as connection:
            around = await listing.circle(connection, search)
    inside = shown.columns is not None
    page = listing.look_up(shown, search, around, start)
    if page is None:
        # No other connection is held meanwhile: an engine outside may take its time.
        async with reads.session() if inside else everything() as session:
            page = await listing.ask(session, engine, shown, search, around, start)
    async with reads.connection() as connection:
        return await listing.tell(connection, shown, page, language)


class Lists:
    """Pure ASGI middleware, inside the edge."""

    def __init__(self, app: ASGIApp, *, door: "Door") -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = None
        if scope["type"] == "http" and (slug := _slug(scope)) is not None:
            search = _asked(scope["query_string"])
            if search is not None:
                with suppress(BadCursor, LookupError):
                    response = await self._answer(scope, slug, search)
        await (response or self.app)(scope, receive, send)

    async def _answer(self, scope: Scope, slug: str, search: PostingSearch) -> Response | None:
        try:
            return await self.door.answer(scope, slug, search)
        except FAILURES as error:
            # The route tries once more, and says what is wrong.
            log.warning("list not answered at once", error=type(error).__name__)
            return None


class Door:
    """What answers lists in one application; shut while changes are not heard."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._reads: PublicReads | None = None
        self._shows: Shows | None = None
        self.answered = 0

    @asynccontextmanager
    async def open(self, database: Database, *, connections: int) -> AsyncIterator[None]:
        """Keep connections for lists beside the block."""
        if database.engine is None or not self._answers.shelf.most:
            yield
            return
        self._reads = PublicReads(database.engine, size=connections)
        self._shows = Shows(self._reads, self._answers.changes)
        try:
            yield
        finally:
            await self._reads.close()
            self._reads = self._shows = None

    async def answer(self, scope: Scope, slug: str, search: PostingSearch) -> Response | None:
        """Return the route's answer, or None when the route should find it."""
        reads, shows, state = self._reads, self._shows, scope["app"].state
        if shows is None or reads is None or not self._answers.usable:
            return None
        shown = await shows.get(slug, held=state.search.name == "postgresql")
        if shown is None:
            return None
        language = _spoken(header(scope, b"accept-language"))
        asked = search.model_dump(mode="json", exclude={"after"})
        etag = entity_tag(shown.territory_id, shown.version, shown.until, language, asked, search.after)
        filters = {"territory": slug, "language": language} | asked
        filters.pop("limit")
        start = None
        if search.after is not None:
            start = tuple(state.cursors.decode(search.after, scope=SCOPE, filters=filters))
        found = await _find(reads, state.database.plain_reads, state.search, shown, search, start, language)
        if found is None:
            shows.wrong(slug)
            return None
        self.answered += 1
        scope["route"] = _ROUTE
        request = Request(scope)
        response = None if found.degraded else not_modified(request, etag, CACHING)
        if response is None:
            following = None
            if found.next is not None:
                following = state.cursors.encode(found.next, scope=SCOPE, filters=filters)
            head = orjson.dumps(found.summary | {"next": following})
            body = b"".join([head[:-1], b',"items":[', ",".join(found.items).encode(), b"]}"])
            headers = search_headers(found, CACHING, etag)
            response = Response(body, media_type="application/json", headers=headers)
            link_next(request, response, following)
            if not found.degraded:
                storable(request, shown.territory_id, shown.until)
        return response
