"""While the engine outside is waited for, nobody waits for a database connection."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import Database, create_engine
from service.core.reach import NOWHERE, current
from service.domain import finding, searching
from service.domain.searching import Found
from service.models import SearchFeed, Territory
from service.schemas.public import PostingSearch
from service.schemas.search import SearchKind
from service.schemas.together import TogetherSearch
from service.search.fallback import Fallback
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.postgresql import PostgresqlEngine
from tests.search.toxic import Mode, Request, ToxicProxy
from tests.search_feed.market import Market

VISITORS = 40
_PATIENT = Timeouts(connect=10, read=30, pool=10, total=30)


@pytest_asyncio.fixture
async def narrow(market: Market) -> AsyncIterator[Database]:
    """Yield the market's database through a pool of two connections, and none more for a rush."""
    engine = market.database.bind
    assert isinstance(engine, AsyncEngine)
    pooled = create_engine(engine.url, pool_size=1)
    yield Database(pooled)
    await pooled.dispose()


async def test_searches_on_a_hung_engine_hold_no_connection(market: Market, narrow: Database) -> None:
    await market.open(3)
    async with market.database.transaction() as session:
        session.add_all(SearchFeed(kind=kind.value, ready=True) for kind in SearchKind)
    all_asked = asyncio.Event()
    asked = 0

    def hang(_: Request) -> Mode:
        nonlocal asked
        asked += 1
        if asked == VISITORS:
            all_asked.set()
        return Mode.HANG

    async with ToxicProxy("http://127.0.0.1:9") as proxy:
        proxy.rule = hang
        outside = MeilisearchEngine(proxy.url, "any", timeouts=_PATIENT)
        engine = Fallback(outside, PostgresqlEngine())

        async def visit(number: int) -> Found:
            async with narrow.transaction(NOWHERE) as session:
                territory = await session.get_one(Territory, market.territories[0].id)
                if number % 2:
                    search = PostingSearch(q="boulanger" if number % 4 == 1 else "")
                    found = await searching.find_postings(
                        session, engine, territory, search, after=None, language="fr"
                    )
                else:
                    found = await finding.find_together(
                        session, engine, territory, TogetherSearch(), after=None, language="fr"
                    )
                assert current(session) == NOWHERE
                return found

        visits = [asyncio.create_task(visit(number)) for number in range(VISITORS)]
        async with asyncio.timeout(25):
            await all_asked.wait()
        assert isinstance(narrow.bind, AsyncEngine)
        assert "Checked out connections: 0" in narrow.bind.pool.status()
        proxy.mode = Mode.UNAVAILABLE
        pages = await asyncio.gather(*visits)
        await outside.aclose()
    assert all(page.degraded and page.engine == "postgresql" for page in pages)
    assert sum(bool(page.items) for page in pages) >= VISITORS * 3 // 4
