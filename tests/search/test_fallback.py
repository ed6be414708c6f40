"""What is answered while the engine outside fails in one way or another: the same, from PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from service.core.errors import BadCursor
from service.models import SearchFeed
from service.schemas.search import (
    PostingFacet,
    SearchKind,
    SearchOrder,
    SearchPage,
    Sought,
    TogetherQuery,
)
from service.search.breaker import Breaker, BreakerState
from service.search.fallback import Fallback
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.postgresql import PostgresqlEngine
from tests.search.test_fallback_breaker import Time
from tests.search.toxic import Mode, Request, ToxicProxy
from tests.search.world import World, build_world

# Nobody listens on it; what passes the proxy finds no server.
NOWHERE = "http://127.0.0.1:9"
SHORT = Timeouts(connect=0.05, read=0.05, pool=0.05, total=0.05)
ANSWERING = ("unavailable", "garbage", "not_http", "cut", "full")


class Setting:
    """A world searched through a fallback, whose engine outside is behind a proxy that fails on command."""

    def __init__(self, world: World, proxy: ToxicProxy, fallback: Fallback, time: Time) -> None:
        self.world = world
        self.proxy = proxy
        self.fallback = fallback
        self.time = time

    @property
    def breaker(self) -> Breaker:
        return self.fallback.breaker

    async def search(self, text: str = "", **values: Any) -> SearchPage:
        return await self.world.search(text, **values)


@asynccontextmanager
async def setting(session: AsyncSession, target: str, prefix: str = "none") -> AsyncIterator[Setting]:
    """Yield a setting whose feed says that everything is ready."""
    session.add_all(SearchFeed(kind=kind.value, ready=True) for kind in SearchKind)
    await session.flush()
    time = Time()
    async with ToxicProxy(target) as proxy:
        outside = MeilisearchEngine(proxy.url, "none", prefix=prefix, timeouts=SHORT)
        breaker = Breaker(clock=time, chance=lambda: 0.0)
        fallback = Fallback(outside, PostgresqlEngine(), breaker=breaker, clock=time)
        world = await build_world(session, fallback)
        yield Setting(world, proxy, fallback, time)
        await outside.aclose()


@pytest_asyncio.fixture
async def failing(session: AsyncSession) -> AsyncIterator[Setting]:
    """Yield a setting with three postings and no server."""
    async with setting(session, NOWHERE) as made:
        made.proxy.mode = Mode.CUT
        await made.world.add_all([{"title": title} for title in ("Boulanger", "Boulanger de nuit", "Maçon")])
        yield made


@pytest.mark.parametrize("mode", [*ANSWERING, "hang", "refused"])
@pytest.mark.parametrize("text", ["", "boulanger", "boulnager nuit"])
async def test_a_failing_engine_changes_no_answer(failing: Setting, mode: str, text: str) -> None:
    if mode == "refused":
        await failing.proxy.refuse()
    else:
        failing.proxy.mode = Mode(mode)
    for values in ({}, {"facets": (PostingFacet.CONTRACT,)}, {"limit": 1}, {"order": SearchOrder.DATE}):
        page = await failing.search(text, **values)
        failing.world.engine = PostgresqlEngine()
        expected = await failing.search(text, **values)
        failing.world.engine = failing.fallback
        assert expected.total > 0
        assert page == replace(expected, degraded=True)
        assert page.engine == "postgresql"


@pytest.mark.parametrize("mode", ["garbage", "cut", "not_http", "full"])
async def test_an_engine_that_fails_is_soon_left_alone(failing: Setting, mode: str) -> None:
    failing.proxy.mode = Mode(mode)
    for _ in range(3):
        assert failing.breaker.state is BreakerState.CLOSED
        await failing.search("boulanger")
    assert failing.breaker.state is BreakerState.OPEN
    asked = failing.proxy.asked
    for _ in range(20):
        assert (await failing.search("boulanger")).degraded
    assert failing.proxy.asked == asked, "nobody asks an engine that is left alone"
    failing.time.seconds += 1
    await failing.search("boulanger")
    assert failing.proxy.asked > asked
    assert failing.breaker.state is BreakerState.OPEN
    assert failing.breaker.pause == 2


async def test_an_engine_that_says_when_to_come_back_is_left_alone_at_once(failing: Setting) -> None:
    failing.proxy.mode = Mode.UNAVAILABLE
    await failing.search("boulanger")
    assert failing.breaker.state is BreakerState.OPEN
    asked = failing.proxy.asked
    await failing.search("boulanger")
    assert failing.proxy.asked == asked


async def test_of_many_searches_at_once_one_finds_out(failing: Setting) -> None:
    for _ in range(3):
        await failing.search()
    failing.time.seconds += 1
    asked = failing.proxy.asked
    failing.proxy.mode = Mode.HANG
    probe = failing.breaker.permit()
    assert probe is not None
    # Somebody is finding out: all others are answered without a word to the engine.
    for _ in range(10):
        assert (await failing.search()).degraded
    assert failing.proxy.asked == asked


async def test_a_visitor_who_leaves_leaves_nothing_behind(failing: Setting) -> None:
    for _ in range(3):
        await failing.search()
    failing.time.seconds += 1
    asked = asyncio.Event()

    def hang(_request: Request) -> Mode:
        asked.set()
        return Mode.HANG

    failing.proxy.mode, failing.proxy.rule = Mode.PASS, hang
    leaving = asyncio.ensure_future(failing.search())
    await asked.wait()
    assert failing.breaker.permit() is None, "one search at a time finds out"
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert failing.breaker.state is BreakerState.OPEN
    assert failing.breaker.permit() is not None, "the next search finds out in their place"


async def test_an_engine_whose_feed_is_not_ready_is_not_asked(
    failing: Setting, session: AsyncSession
) -> None:
    await session.execute(update(SearchFeed).values(ready=False))
    assert (await failing.search()).degraded
    assert failing.proxy.asked == 0
    # What was read of the feed holds for a second.
    await session.execute(update(SearchFeed).values(ready=True))
    failing.time.seconds += 0.9
    await failing.search()
    assert failing.proxy.asked == 0
    failing.time.seconds += 0.1
    await failing.search()
    assert failing.proxy.asked > 0


async def test_one_kind_that_is_not_ready_is_enough(failing: Setting, session: AsyncSession) -> None:
    await session.execute(update(SearchFeed).where(SearchFeed.kind == "territories").values(ready=False))
    sought = tuple(Sought(kind=kind, territory_ids=(failing.world.territory.id,)) for kind in SearchKind)
    query = TogetherQuery(sought=sought, text="boulanger")
    page = await failing.fallback.together(session, query)
    expected = await PostgresqlEngine().together(session, query)
    assert page == replace(expected, degraded=True)
    assert page.hits
    assert failing.proxy.asked == 0
    await failing.search()
    assert failing.proxy.asked > 0


async def test_several_kinds_are_answered_together_by_postgresql(
    failing: Setting, session: AsyncSession
) -> None:
    sought = tuple(Sought(kind=kind, territory_ids=(failing.world.territory.id,)) for kind in SearchKind)
    query = TogetherQuery(sought=sought, text="boulanger", limit=1)
    first = await failing.fallback.together(session, query)
    assert first.degraded
    second = await failing.fallback.together(session, replace(query, after=first.next))
    assert not second.degraded
    assert len({hit.id for hit in (*first.hits, *second.hits)}) == 2


async def test_a_list_that_postgresql_began_goes_on_there(failing: Setting) -> None:
    first = await failing.search("boulanger", limit=1)
    asked = failing.proxy.asked
    second = await failing.search("boulanger", limit=1, after=first.next)
    assert first.degraded
    assert not second.degraded, "it is the engine that should answer"
    assert {hit.id for hit in first.hits}.isdisjoint(hit.id for hit in second.hits)
    assert second.next is None
    assert failing.proxy.asked == asked


@pytest.mark.parametrize(
    "after", [(), ("m",), ("m", 1), ("x", 0, 0, 1, 1), ("m", 0, 0, "yesterday", "nobody")]
)
@pytest.mark.parametrize("resting", [False, True])
async def test_a_place_no_page_gave_is_refused_whoever_answers(
    failing: Setting, after: tuple[int | str, ...], resting: bool
) -> None:
    for _ in range(3 * resting):
        await failing.search()
    state = failing.breaker.state
    with pytest.raises(BadCursor):
        await failing.search("boulanger", after=after)
    assert failing.breaker.state is state


async def test_an_outage_is_told_once(failing: Setting) -> None:
    with capture_logs() as logs:
        for _ in range(10):
            await failing.search("boulanger")
    told = [entry for entry in logs if entry["event"] == "search.degraded"]
    assert len(told) == 1
    assert told[0]["reason"]
    assert told[0]["log_level"] == "warning"


async def test_answers_are_counted_by_who_gave_them_and_why(failing: Setting) -> None:
    def counted(why: str) -> float:
        labels = {"engine": "postgresql", "why": why}
        return REGISTRY.get_sample_value("ancrage_searches_total", labels) or 0.0

    before = {why: counted(why) for why in ("unavailable", "resting")}
    for _ in range(5):
        await failing.search("boulanger")
    assert counted("unavailable") - before["unavailable"] == 3
    assert counted("resting") - before["resting"] == 2
    assert REGISTRY.get_sample_value("ancrage_search_breaker") == BreakerState.OPEN


async def test_writes_go_to_postgresql_and_ask_nobody(failing: Setting, session: AsyncSession) -> None:
    failing.proxy.mode = Mode.HANG
    posting = await failing.world.add("Tonnelier")
    await failing.fallback.forget(session, SearchKind.POSTINGS, "tonnelier")
    await failing.fallback.maintain(session)
    assert failing.proxy.asked == 0
    failing.proxy.mode = Mode.CUT
    assert [hit.id for hit in (await failing.search("tonnelier")).hits] == [posting]
    await failing.world.remove(posting)
    assert (await failing.search("tonnelier")).total == 0
