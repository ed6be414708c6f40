"""What a visitor sees of a list while engines change, fail, lose their index and get well again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from service.models import SearchFeed
from service.schemas.search import PostingFacet, SearchKind, SearchOrder, SearchPage, SearchQuery
from service.search.breaker import Breaker, BreakerState
from service.search.fallback import Fallback
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.postgresql import PostgresqlEngine
from tests.search.meilisearch_server.fixtures import Access
from tests.search.test_fallback_breaker import Time
from tests.search.toxic import Mode, ToxicProxy
from tests.search.world import NOON, FedEngine, World, build_world

_PATIENT = Timeouts(connect=10, read=20, pool=10, total=20)  # A busy machine is no failure here.


class Changing:
    """A world whose searches go through a fallback, and whose engine outside comes and goes."""

    def __init__(self, world: World, proxy: ToxicProxy, fallback: Fallback, time: Time) -> None:
        self.world = world
        self.proxy = proxy
        self.fallback = fallback
        self.time = time

    async def search(self, text: str, **values: Any) -> SearchPage:
        query = SearchQuery(territory_ids=(self.world.territory.id,), text=text, **values)
        return await self.fallback.search(self.world.session, query)

    async def inside(self, text: str, **values: Any) -> SearchPage:
        query = SearchQuery(territory_ids=(self.world.territory.id,), text=text, **values)
        return await self.fallback.secondary.search(self.world.session, query)

    def goes(self) -> None:
        """Let the engine outside fail."""
        self.proxy.mode = Mode.UNAVAILABLE

    def comes_back(self) -> None:
        """Let it answer again, and let the breaker's pause pass."""
        self.proxy.mode = Mode.PASS
        self.time.seconds += 3600

    async def pages(self, text: str, *, goes: int, **values: Any) -> list[SearchPage]:
        """Return the pages of a list; the engine outside is away from page ``goes`` to the one after it."""
        pages: list[SearchPage] = []
        after = None
        while not pages or after is not None:
            if len(pages) == goes:
                self.goes()
            elif len(pages) == goes + 2:
                self.comes_back()
            pages.append(await self.search(text, after=after, limit=4, **values))
            after = pages[-1].next
        self.comes_back()
        return pages


@pytest_asyncio.fixture
async def changing(
    session: AsyncSession, meilisearch_server: Access, meilisearch_engine: MeilisearchEngine
) -> AsyncIterator[Changing]:
    """Yield an empty world; what is added is in both engines."""
    session.add_all(SearchFeed(kind=kind.value, ready=True) for kind in SearchKind)
    await session.flush()
    access = meilisearch_server
    time = Time()
    async with ToxicProxy(access.url) as proxy:
        outside = MeilisearchEngine(proxy.url, access.key, prefix=access.prefix, timeouts=_PATIENT)
        breaker = Breaker(clock=time, chance=lambda: 0.0)
        fallback = Fallback(outside, PostgresqlEngine(), breaker=breaker, clock=time)
        world = await build_world(session, FedEngine(meilisearch_engine))
        yield Changing(world, proxy, fallback, time)
        await outside.aclose()


async def _fill(world: World) -> None:
    await world.add_all(
        [
            {
                "title": "Maçon" if number % 3 else "Aide maçon de nuit",
                "published_at": NOON - timedelta(hours=number % 5),
            }
            for number in range(18)
        ]
    )


async def test_the_engine_outside_answers_while_it_is_well(changing: Changing) -> None:
    await _fill(changing.world)
    for text in ("", "macon", "maçonn nuit"):
        page = await changing.search(text, limit=100)
        expected = await changing.inside(text, limit=100)
        assert (page.engine, page.degraded) == ("meilisearch", False)
        assert {hit.id for hit in page.hits} == {hit.id for hit in expected.hits}
        assert page.total == expected.total > 0


@pytest.mark.parametrize("text", ["", "macon", "macon nuit xylophone"])
@pytest.mark.parametrize("goes", range(5))
async def test_a_list_by_date_is_whole_whenever_the_engine_changes(
    changing: Changing, text: str, goes: int
) -> None:
    await _fill(changing.world)
    whole = await changing.inside(text, limit=100, order=SearchOrder.DATE)
    pages = await changing.pages(text, goes=goes, order=SearchOrder.DATE)
    assert [hit.id for page in pages for hit in page.hits] == [hit.id for hit in whole.hits]
    assert {page.total for page in pages} == {whole.total}
    assert pages[goes].degraded if goes < len(pages) else True
    assert not any(page.degraded for page in pages[:goes])


@pytest.mark.parametrize(
    ("text", "goes"), [("macon", 1), ("macon", 2), ("macon", 4), ("macon nuit xylophone", 1)]
)
async def test_a_list_by_relevance_goes_on_in_the_other_engine(
    changing: Changing, text: str, goes: int
) -> None:
    await _fill(changing.world)
    pages = await changing.pages(text, goes=goes, facets=(PostingFacet.CONTRACT,))
    whole = await changing.inside(text, limit=100)
    shown = [hit.id for page in pages for hit in page.hits]
    assert len(shown) == whole.total, "as many hits as there are"
    assert {page.total for page in pages} == {whole.total}
    assert [page.engine for page in pages] == ["meilisearch"] * goes + ["postgresql"] * (len(pages) - goes)
    # Said where the engine changed; after that it is simply PostgreSQL's list.
    assert [page.degraded for page in pages] == [number == goes for number in range(len(pages))]
    kept = [hit.id for page in pages[goes:] for hit in page.hits]
    assert kept == [hit.id for hit in whole.hits][4 * goes :], "PostgreSQL's own order from there on"
    assert len(set(kept)) == len(kept)


async def test_a_list_that_ends_where_the_engine_changes_simply_ends(changing: Changing) -> None:
    ids = await changing.world.add_all([{"title": "Maçon"} for _ in range(6)])
    first = await changing.search("macon", limit=4)
    assert first.next is not None
    # What was still to be shown is no longer public.
    await changing.world.engine.remove(changing.world.session, SearchKind.POSTINGS, ids)
    await changing.world.add("Maçon")
    changing.goes()
    second = await changing.search("macon", limit=4, after=first.next)
    assert second.hits == ()
    assert second.next is None
    assert second.total == 1


async def test_words_that_nothing_has_any_longer_are_no_error(changing: Changing) -> None:
    ids = await changing.world.add_all([{"title": "Maçon de nuit"} for _ in range(6)])
    for values in ({}, {"order": SearchOrder.DATE}):
        first = await changing.search("macon nui", limit=2, **values)
        assert first.next is not None
        level = 4
        changed = (first.next[0], level, *first.next[2:])
        changing.goes()
        page = await changing.search("macon nui", limit=2, after=changed, **values)
        assert page.degraded
        assert {hit.id for hit in page.hits} <= set(ids)
        changing.comes_back()


@pytest.mark.parametrize("text", ["", "macon"])
async def test_an_index_that_lost_everything_makes_no_search_empty(changing: Changing, text: str) -> None:
    changing.world.engine = PostgresqlEngine()
    await changing.world.add("Maçon")
    page = await changing.search(text)
    assert page == replace(await changing.inside(text), degraded=True)
    assert page.total == 1


async def test_an_index_that_is_empty_without_reason_is_soon_left_alone(changing: Changing) -> None:
    changing.world.engine = PostgresqlEngine()
    await changing.world.add("Maçon")
    with capture_logs() as logs:
        for _ in range(4):
            assert (await changing.search("")).total == 1
    assert changing.fallback.breaker.state is BreakerState.OPEN
    assert [entry["event"] for entry in logs] == ["search.degraded"]


async def test_what_postgresql_does_not_find_either_is_not_there(changing: Changing) -> None:
    await changing.world.add("Maçon")
    page = await changing.search("xylophone")
    assert (page.engine, page.degraded, page.total) == ("meilisearch", False, 0)
    page = await changing.search("", facets=(PostingFacet.CONTRACT,))
    assert (page.engine, page.total) == ("meilisearch", 1)


async def test_a_page_of_hits_that_are_all_gone_is_answered_by_postgresql(changing: Changing) -> None:
    gone = await changing.world.add_all([{"title": "Maçon"} for _ in range(3)])
    there = await changing.world.add("Maçon")
    await PostgresqlEngine().remove(changing.world.session, SearchKind.POSTINGS, gone)
    page = await changing.search("", limit=2)
    assert [hit.id for hit in page.hits] == [there]
    assert changing.fallback.breaker.state is BreakerState.CLOSED, "an index that is behind is no failure"


async def test_it_gets_well_by_itself(changing: Changing) -> None:
    await _fill(changing.world)
    with capture_logs() as logs:
        changing.goes()
        for _ in range(5):
            assert (await changing.search("macon")).degraded
        changing.comes_back()
        for _ in range(3):
            assert not (await changing.search("macon")).degraded
    assert changing.fallback.breaker.state is BreakerState.CLOSED
    told = [entry for entry in logs if entry["event"].startswith("search.")]
    assert [entry["event"] for entry in told] == ["search.degraded", "search.recovered"]
    assert told[1]["stood_in_for"] == 5
