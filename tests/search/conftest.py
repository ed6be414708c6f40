"""Fixtures: a small territory to search in, once per engine."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.schemas.search import SearchKind
from service.search import SearchEngine
from service.search.meilisearch.administration import Administration
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.meilisearch.settings import settings
from service.search.postgresql import PostgresqlEngine
from tests.search.meilisearch_server.fixtures import (
    Access,
    _recorder,
    _relay,
    meilisearch_server,
    own_meilisearch,
    real_meilisearch,
)
from tests.search.world import FedEngine, World, build_world

__all__ = ["_recorder", "_relay", "meilisearch_server", "own_meilisearch", "real_meilisearch"]

ENGINES = ("meilisearch", "postgresql")

_PATIENT = Timeouts(connect=10, read=20, pool=10, total=20)  # A busy machine is no failure.


@pytest.fixture(scope="session")
def _made() -> set[tuple[str, str]]:
    """Return the indexes made in this run: tests share them, each in territories of its own."""
    return set()


@pytest_asyncio.fixture
async def meilisearch_engine(
    meilisearch_server: Access, _made: set[tuple[str, str]]
) -> AsyncIterator[MeilisearchEngine]:
    """Yield the engine on indexes that no other worker uses."""
    access = meilisearch_server
    engine = MeilisearchEngine(access.url, access.key, prefix=access.prefix, timeouts=_PATIENT)
    for kind in SearchKind:
        uid = engine.uid(kind)
        if access.real and (access.url, uid) not in _made:
            administration = Administration(access.url, access.key)
            await administration.drop(uid)
            await administration.create(uid)
            await administration.apply(uid, settings())
            _made.add((access.url, uid))
    yield engine
    await engine.aclose()


@pytest.fixture(params=ENGINES)
def search_engine(request: pytest.FixtureRequest) -> SearchEngine:
    """Return each engine in turn: all of them answer the same questions."""
    if request.param == "postgresql":
        return PostgresqlEngine()
    outside: MeilisearchEngine = request.getfixturevalue("meilisearch_engine")
    return FedEngine(outside)


@pytest_asyncio.fixture
async def world(session: AsyncSession, search_engine: SearchEngine) -> World:
    """Return an empty world in the test's transaction."""
    return await build_world(session, search_engine)
