"""Fixtures: work is about commits, so these tests have a database of their own, emptied before each."""

from collections.abc import AsyncIterator, Callable

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import Database, create_engine
from service.core.migrations import migrate
from tests.work.effects import TABLES


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def work_engine(new_database: Callable[..., str]) -> AsyncIterator[AsyncEngine]:
    """Yield the engine of a migrated database with the tables tests' effects go to."""
    engine = create_engine(new_database("work"), pool_size=20)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(text(TABLES))
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def database(work_engine: AsyncEngine) -> Database:
    """Return the database, with no events, tasks or effects in it."""
    async with work_engine.begin() as connection:
        await connection.execute(
            text("TRUNCATE event, task, schedule, effect, idempotency_record, api_client CASCADE")
        )
    return Database(work_engine)
