"""Fixtures: work is about commits, so these tests have a database of their own, emptied before each."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import Database, create_engine
from service.core.migrations import migrate
from tests.work.effects import TABLES
from tests.work.support import LEASE_SECONDS, Start


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


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return the file that stands for the world outside the database."""
    return tmp_path / "outside"


@pytest.fixture
def start_worker(tmp_path: Path, work_engine: AsyncEngine, outside: Path) -> Iterator[Start]:
    """Yield ``start(events=0, **settings)``, which starts a worker's process and returns its id.

    Without ``redis_url`` it records events itself, until there are ``events`` of them.
    """
    with (tmp_path / "workers.log").open("wb") as log:
        zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.work.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    def start(events: int = 0, **settings: Any) -> int:
        assert zygote.stdin
        assert zygote.stdout
        options = {
            "settings": {
                "database_url": work_engine.url.render_as_string(hide_password=False),
                "worker_lease_seconds": LEASE_SECONDS,
                "worker_poll_seconds": 0.5,
                **settings,
            },
            "environment": {"ANCRAGE_TEST_OUTSIDE": str(outside)},
            "events": events,
        }
        zygote.stdin.write(json.dumps(options) + "\n")
        zygote.stdin.flush()
        return int(zygote.stdout.readline())

    with zygote:
        yield start
        assert zygote.stdin
        zygote.stdin.close()
        zygote.wait(timeout=20)
