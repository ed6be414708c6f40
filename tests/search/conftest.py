"""Fixtures: a small territory to search in, once per engine."""

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.search import SearchEngine
from service.search.postgresql import PostgresqlEngine
from tests.search.world import World, build_world

ENGINES = {"postgresql": PostgresqlEngine}


@pytest.fixture(params=sorted(ENGINES))
def search_engine(request: pytest.FixtureRequest) -> SearchEngine:
    """Return each engine in turn: all of them answer the same questions."""
    return ENGINES[request.param]()


@pytest_asyncio.fixture
async def world(session: AsyncSession, search_engine: SearchEngine) -> World:
    """Return an empty world in the test's transaction."""
    return await build_world(session, search_engine)
