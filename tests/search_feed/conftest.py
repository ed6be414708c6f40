"""Fixtures: a database of each test's own, and an engine outside, stood in for and real."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.migrations import migrate
from service.core.settings import Settings
from service.domain.events import record
from service.jobs.runner import drain
from service.jobs.search import feed_search, patrol_search, verify_search
from service.jobs.work import TaskFacts, Work
from service.search.meilisearch.marking import MarkedAdministration
from tests.search.meilisearch_server.real import executable
from tests.search.toxic import ToxicProxy
from tests.search_feed.market import Market
from tests.search_feed.servers import Real, Server, Standing
from tests.search_feed.standin import StandIn

HANDLERS = {
    "search.outdated": (feed_search,),
    # In place of the clock.
    "test.patrolled": (patrol_search,),
    "test.night": (verify_search,),
}


@pytest_asyncio.fixture(params=["standin", "real"])
async def server(request: pytest.FixtureRequest, servers_folder: Path) -> AsyncIterator[Server]:
    """Yield a running engine outside: what stands in for it, then a real one where there is a binary."""
    if request.param == "real" and executable() is None:
        pytest.skip("no meilisearch binary on this machine")
    found: Server = Standing() if request.param == "standin" else Real(servers_folder)
    await found.start()
    yield found
    await found.kill()
    if isinstance(found, Standing):
        assert found.standin.misuse == []


@pytest_asyncio.fixture
async def standin() -> AsyncIterator[StandIn]:
    """Yield what stands in for a server, for what no real one can be brought to do at will."""
    found = StandIn()
    await found.start()
    yield found
    await found.kill()
    assert found.misuse == []


@pytest_asyncio.fixture
async def proxy(server: Server) -> AsyncIterator[ToxicProxy]:
    """Yield a proxy before the server."""
    async with ToxicProxy(server.url) as found:
        yield found


@pytest_asyncio.fixture(scope="session")
async def empty_database(new_database: Callable[..., str]) -> str:
    """Return the name of a migrated database that others are copied from."""
    url = new_database("feed_template")
    engine = create_engine(url)
    await migrate(engine)
    await engine.dispose()
    return url.rpartition("/")[2].partition("?")[0]


@pytest_asyncio.fixture
async def own_database(new_database: Callable[..., str], empty_database: str) -> AsyncIterator[Database]:
    """Yield a database of this test alone: what is noted is committed."""
    engine = create_engine(new_database("feed", empty_database), pool_size=10)
    yield Database(engine)
    await engine.dispose()


@pytest.fixture
def market(own_database: Database) -> Market:
    """Return a market that is not opened yet."""
    return Market(own_database)


_TICK = TaskFacts(
    id=new_id(),
    event_id=new_id(),
    kind="clock.ticked",
    subject_id=None,
    territory_id=None,
    data={},
    attempts=1,
    leased_by="test",
)


class Platform:
    """A worker's work on the test's database, with the engine at ``url``."""

    def __init__(self, database: Database, settings: Settings, url: str, key: str) -> None:
        own = {"meilisearch_url": url, "meilisearch_key": key}
        self.settings = Settings.model_validate(settings.model_dump() | own)
        self.work = Work(database, self.settings)
        self.engine = MarkedAdministration(url, key)

    async def patrol(self) -> None:
        """Let the patrol go round once."""
        await patrol_search(self.work, _TICK)

    async def feed(self) -> None:
        """Do what was asked for."""
        await drain(self.work, handlers=HANDLERS)

    def without_engine(self) -> "Platform":
        """Return the same platform after its settings name no engine any more."""
        found = Platform(self.work.database, self.settings, "http://127.0.0.1:1", "")
        own = {"meilisearch_url": None, "meilisearch_key": None}
        found.work = Work(self.work.database, Settings.model_validate(self.settings.model_dump() | own))
        return found

    async def first_attempt(self) -> None:
        """Run what follows a change for the first time."""
        await feed_search(self.work, _TICK)

    async def nightly(self) -> None:
        """Do what the clock starts at night."""
        await self._after("test.night")

    async def patrol_task(self) -> None:
        """Let the patrol go round as a task."""
        await self._after("test.patrolled")

    async def _after(self, kind: str) -> None:
        async with self.work.database.transaction() as session:
            record(session, kind, actor="system:test", audited=False)
        await self.feed()


Connect = Callable[[str, str], Platform]


@pytest.fixture
def connect(own_database: Database, settings: Settings) -> Callable[[str, str], Platform]:
    """Return ``connect(url, key)``: the platform with the engine at that address."""
    return lambda url, key: Platform(own_database, settings, url, key)


@pytest.fixture
def platform(connect: Callable[[str, str], Platform], proxy: ToxicProxy, server: Server) -> Platform:
    """Return the platform, with the proxy between it and the server."""
    return connect(proxy.url, server.key)
