"""Answers from PostgreSQL when the engine outside can't: no search fails, or is empty, for that reason."""

import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core import metrics
from service.core.database import Database
from service.core.errors import Problem
from service.models import SearchFeed
from service.schemas.search import (
    Rebuilt,
    SearchKind,
    SearchPage,
    SearchQuery,
    SortValues,
    TogetherPage,
    TogetherQuery,
)
from service.search.breaker import Breaker, Permit
from service.search.changeover import going_on, going_on_together, is_outside
from service.search.port import Facts, Progress, Reader, SearchEngine, Unavailable
from service.search.query import parse

log = structlog.get_logger(__name__)

FRESH_FOR = 1.0
"""Seconds for which a process trusts what it read of ``SearchFeed``."""

_Page = TypeVar("_Page", SearchPage, TogetherPage)


@dataclass(frozen=True, slots=True)
class _Question(Generic[_Page]):
    """A search, however many kinds it is over: how each engine is asked, and how much it found in all.

    ``worded``: words were typed, which engines may read differently.
    """

    kinds: frozenset[SearchKind]
    after: SortValues | None
    worded: bool
    outside: Callable[[], Awaitable[_Page]]
    inside: Callable[[], Awaitable[_Page]]
    total: Callable[[_Page], int]

    @property
    def begun_inside(self) -> bool:
        """Whether PostgreSQL gave the page before."""
        return self.after is not None and not is_outside(self.after)

    def shows(self, page: _Page) -> bool:
        """Tell whether there is anything on a first page; a later one may be empty, of a list that is not."""
        return bool(page.hits) or (self.after is not None and self.total(page) > 0)


class OutsideEngine(SearchEngine, Protocol):
    """An engine that is asked over connections of its own."""

    async def aclose(self) -> None:
        """Close the connections."""


class Fallback:
    """Asks ``primary``, outside PostgreSQL, and answers from ``secondary``, inside, when that fails.

    The one outside is asked while its feed says that it is ready and the breaker lets it; the time it may
    take is its own to keep. That nothing was found is believed only if PostgreSQL finds nothing either: a
    wiped index answers too. A list begun on one engine goes on: see :mod:`service.search.changeover`. Writes
    go to ``secondary``, in their transaction; the one outside is told by its feed.
    """

    def __init__(
        self,
        primary: OutsideEngine,
        secondary: SearchEngine,
        *,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = primary.name
        self.primary = primary
        self.secondary = secondary
        self.breaker = breaker or Breaker()
        self._clock = clock
        self._ready: frozenset[str] | None = None
        self._read_at = 0.0
        self._in_outage = False
        self._stood_in = 0

    async def search(self, session: AsyncSession, query: SearchQuery) -> SearchPage:
        """Return one page of ``query``; see :class:`service.search.SearchEngine`."""
        return await self._answer(
            session,
            _Question(
                kinds=frozenset({query.kind}),
                after=query.after,
                worded=parse(query.text).searches,
                outside=lambda: self.primary.search(session, query),
                inside=lambda: going_on(self.secondary, session, query),
                total=lambda page: page.total,
            ),
        )

    async def together(self, session: AsyncSession, query: TogetherQuery) -> TogetherPage:
        """Return one page of several kinds, as :meth:`search` does of one."""
        return await self._answer(
            session,
            _Question(
                kinds=frozenset(one.kind for one in query.sought),
                after=query.after,
                worded=parse(query.text).searches,
                outside=lambda: self.primary.together(session, query),
                inside=lambda: going_on_together(self.secondary, session, query),
                total=lambda page: sum(page.totals.values()),
            ),
        )

    async def _answer(self, session: AsyncSession, question: _Question[_Page]) -> _Page:
        """Return the page of whichever engine can."""
        if question.begun_inside:
            # A list that PostgreSQL began is PostgreSQL's to go on with, whoever is well again by now.
            self._count(self.secondary, "continued")
            return await question.inside()
        if not await self._is_ready(session, question.kinds):
            self._tell_outage("its index is not ready")
            return self._degraded(await question.inside(), "not_ready")
        permit = self.breaker.permit()
        if permit is None:
            return self._degraded(await question.inside(), "resting")
        with permit:
            page = await self._ask(permit, question)
            if page is None:
                return self._degraded(await question.inside(), "unavailable")
            confirmed = None if question.shows(page) else await question.inside()
            if confirmed is None or not question.shows(confirmed):
                permit.succeeded()
                self._recovered()
                self._count(self.primary, "asked" if confirmed is None else "confirmed")
                return page
            if not question.worded and not question.total(page):
                # Engines may differ on words; on none at all, nothing but a lost index explains it.
                permit.failed()
                self._tell_outage("it found nothing at all where PostgreSQL finds something")
            return self._degraded(confirmed, "empty")

    async def _ask(self, permit: Permit, question: _Question[_Page]) -> _Page | None:
        """Return what the engine outside answers, or None when it fails."""
        try:
            return await question.outside()
        except (Problem, SQLAlchemyError):
            # The caller's own mistake, or the database's: nothing PostgreSQL would do better.
            raise
        except Unavailable as error:
            permit.failed(error.retry_after)
            self._tell_outage(error.reason)
        except Exception as error:
            log.exception("search.engine_faulty", engine=self.name)
            permit.failed()
            self._tell_outage(type(error).__name__)
        return None

    async def _is_ready(self, session: AsyncSession, kinds: Collection[SearchKind]) -> bool:
        moment = self._clock()
        if self._ready is None or moment - self._read_at >= FRESH_FOR:
            self._read_at = moment
            self._ready = frozenset(await session.scalars(select(SearchFeed.kind).where(SearchFeed.ready)))
        return self._ready.issuperset(kinds)

    def _degraded(self, page: _Page, why: str) -> _Page:
        self._count(self.secondary, why)
        self._stood_in += 1
        return replace(page, degraded=True)

    def _tell_outage(self, reason: str) -> None:
        # Once per outage: a thousand searches a minute would say nothing more.
        if not self._in_outage:
            log.warning("search.degraded", engine=self.name, answering=self.secondary.name, reason=reason)
            self._in_outage = True
            self._stood_in = 0

    def _recovered(self) -> None:
        if self._in_outage:
            log.info("search.recovered", engine=self.name, stood_in_for=self._stood_in)
            self._in_outage = False

    def _count(self, engine: SearchEngine, why: str) -> None:
        metrics.SEARCHES.labels(engine=engine.name, why=why).inc()
        metrics.SEARCH_BREAKER.set(self.breaker.state)

    async def aclose(self) -> None:
        """Close the connections of the engine outside."""
        await self.primary.aclose()

    async def index(self, session: AsyncSession, documents: Sequence[Facts]) -> None:
        """Write to the engine inside PostgreSQL, in the session's transaction."""
        await self.secondary.index(session, documents)

    async def remove(self, session: AsyncSession, kind: SearchKind, ids: Sequence[uuid.UUID]) -> None:
        """Remove from the engine inside PostgreSQL, in the session's transaction."""
        await self.secondary.remove(session, kind, ids)

    async def forget(self, session: AsyncSession, kind: SearchKind, text: str) -> None:
        """Forget the words of ``text`` in PostgreSQL; the one outside keeps no words but its documents'."""
        await self.secondary.forget(session, kind, text)

    async def rebuild(
        self, database: Database, kind: SearchKind, read: Reader, progress: Progress
    ) -> Rebuilt:
        """Rebuild the engine inside PostgreSQL: the truth the one outside is fed from."""
        return await self.secondary.rebuild(database, kind, read, progress)

    async def maintain(self, session: AsyncSession) -> None:
        """Maintain the engine inside PostgreSQL."""
        await self.secondary.maintain(session)
