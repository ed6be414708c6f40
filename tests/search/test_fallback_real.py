"""A real Meilisearch killed, stopped, wiped and started again while people search: nobody notices."""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import SearchFeed
from service.schemas.search import PostingFacet, SearchKind, SearchOrder, SearchPage
from service.search.breaker import Breaker
from service.search.fallback import Fallback
from service.search.meilisearch.administration import Administration
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.meilisearch.settings import settings
from service.search.postgresql import PostgresqlEngine
from tests.search.meilisearch_server.real import MeilisearchServer
from tests.search.test_fallback_breaker import Time
from tests.search.toxic import Mode, ToxicProxy
from tests.search.world import FedEngine, World, build_world

_QUESTIONS = ("", "macon", "maçonn", "boulanger nuit", "aide")
_PATIENT = Timeouts(connect=10, read=20, pool=10, total=20)


class Street:
    """A world that people search through a proxy, and the server behind it."""

    def __init__(self, world: World, server: MeilisearchServer, proxy: ToxicProxy, time: Time) -> None:
        self.world = world
        self.server = server
        self.proxy = proxy
        self.time = time
        self.totals: dict[str, int] = {}

    async def searches(self) -> Counter[str]:
        """Ask all that people ask, in every order; return who answered. Nothing may fail or be less."""
        answered: Counter[str] = Counter()
        for text in _QUESTIONS:
            for order in SearchOrder:
                page = await self.world.search(text, order=order, facets=(PostingFacet.CONTRACT,), limit=5)
                self._check(text, page)
                following = await self.world.search(text, order=order, limit=5, after=page.next)
                self._check(text, following)
                answered.update((page.engine, following.engine))
        return answered

    def _check(self, text: str, page: SearchPage) -> None:
        assert page.hits
        assert page.total == self.totals.setdefault(text, page.total) > 5

    def again(self) -> None:
        """Let the pause pass after which one search finds out."""
        self.time.seconds += 3600

    async def make_indexes(self) -> None:
        """Make the indexes, empty."""
        administration = Administration(self.server.url, self.server.key)
        for kind in SearchKind:
            await administration.create(f"street-{kind.value}")
            await administration.apply(f"street-{kind.value}", settings())
        self.proxy.target = self.server.url


@pytest_asyncio.fixture
async def street(session: AsyncSession, own_meilisearch: MeilisearchServer) -> AsyncIterator[Street]:
    session.add_all(SearchFeed(kind=kind.value, ready=True) for kind in SearchKind)
    await session.flush()
    async with ToxicProxy(own_meilisearch.url) as proxy:
        outside = MeilisearchEngine(
            proxy.url, own_meilisearch.key, prefix="street", timeouts=Timeouts(read=1, total=1)
        )
        time = Time()
        fallback = Fallback(
            outside, PostgresqlEngine(), breaker=Breaker(clock=time, chance=lambda: 0.0), clock=time
        )
        feeding = MeilisearchEngine(
            own_meilisearch.url, own_meilisearch.key, prefix="street", timeouts=_PATIENT
        )
        world = await build_world(session, FedEngine(feeding))
        made = Street(world, own_meilisearch, proxy, time)
        await made.make_indexes()
        titles = ["Maçon", "Boulanger de nuit", "Aide maçon", "Aide boulanger de nuit"]
        await world.add_all([{"title": titles[number % 4]} for number in range(40)])
        world.engine = fallback
        yield made
        await outside.aclose()
        await feeding.aclose()


async def test_nobody_notices_what_becomes_of_the_server(street: Street) -> None:
    well = await street.searches()
    assert well.keys() == {"meilisearch"}

    street.server.kill()
    assert (await street.searches()).keys() == {"postgresql"}
    street.server.start()
    street.proxy.target = street.server.url
    street.again()
    assert await street.searches() == well

    assert street.server.pid is not None
    os.kill(street.server.pid, signal.SIGSTOP)
    assert (await street.searches()).keys() == {"postgresql"}
    os.kill(street.server.pid, signal.SIGCONT)
    street.again()
    assert await street.searches() == well

    street.server.wipe()
    street.server.start()
    street.proxy.target = street.server.url
    street.again()
    assert (await street.searches()).keys() == {"postgresql"}, "it answers that there is no such index"
    await street.make_indexes()
    street.again()
    assert (await street.searches()).keys() == {"postgresql"}, "the index is there and holds nothing"


async def test_nobody_notices_failures_now_and_then(street: Street) -> None:
    street.proxy.failure_rate = 0.2
    answered: Counter[str] = Counter()
    for _ in range(20):
        street.again()
        answered += await street.searches()
    assert street.proxy.failed > 20
    assert min(answered["meilisearch"], answered["postgresql"]) > 20
    street.proxy.failure_rate = 0.0
    street.again()
    await street.searches()
    assert (await street.searches()).keys() == {"meilisearch"}


async def test_nobody_notices_one_kind_of_failure_after_the_other(street: Street) -> None:
    well = await street.searches()
    for mode in (Mode.UNAVAILABLE, Mode.GARBAGE, Mode.NOT_HTTP, Mode.CUT, Mode.CUT_AFTER, Mode.FULL):
        street.proxy.mode = mode
        assert (await street.searches()).keys() == {"postgresql"}, mode
        street.proxy.mode = Mode.PASS
        street.again()
        assert await street.searches() == well, mode
