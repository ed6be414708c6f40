import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.models import Feed, Territory
from tests.imports.invented import create_feed, create_world


@pytest_asyncio.fixture
async def territory(session: AsyncSession) -> Territory:
    return await create_world(session)


@pytest_asyncio.fixture
async def feed(database: Database, territory: Territory) -> Feed:
    return await create_feed(database, territory)
