"""Several processes at once, on real commits: nothing twice, nothing lost, the same matches in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.clock import frozen
from service.core.database import Database
from service.core.settings import Settings
from service.domain import candidates, tasks
from service.domain.access import system
from service.domain.matches import match_tree, running
from service.jobs import HANDLERS
from service.jobs.runner import Runner, drain
from service.jobs.work import Work
from service.models import Match
from tests.matches.world import BEGINNING, World, current, expected

MATCHING = {
    kind: [handler for handler in handlers if handler.name.startswith("match_")]
    for kind, handlers in HANDLERS.items()
}


@asynccontextmanager
async def as_if_alone(_database: Database, _root_id: UUID) -> AsyncIterator[None]:
    """Let runs overlap, as when the connection that held the lock broke."""
    yield


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_runs_that_overlap_agree(
    fresh_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(running, "_alone", as_if_alone)
    monkeypatch.setattr(running, "BATCH", 5)
    world = World(fresh_database, Random(seed))  # noqa: S311 - the same story for the same seed
    with frozen(BEGINNING):
        await world.begin()
        await world.happen(40)
        for _ in range(4):
            # Everybody runs, while people come, change and leave.
            await asyncio.gather(
                *(match_tree(fresh_database, world.root_id) for _ in range(3)), world.happen(6)
            )
        await drain(Work(fresh_database, settings), handlers=MATCHING)
        async with fresh_database.transaction() as session:
            assert await current(session) == await expected(session, world.root_id)
            pairs = await session.execute(
                select(Match.candidate_id, Match.posting_id)
                .where(Match.superseded_at.is_(None))
                .group_by(Match.candidate_id, Match.posting_id)
                .having(func.count() > 1)
            )
            assert pairs.all() == []


async def test_a_worker_that_does_four_things_at_once_leaves_the_same_matches(
    fresh_database: Database, settings: Settings
) -> None:
    world = World(fresh_database, Random(4))  # noqa: S311 - the same story for the same seed
    runner = Runner(Work(fresh_database, settings), handlers=MATCHING, schedule={})
    with frozen(BEGINNING):
        await world.begin()
        async with runner.running():
            for _ in range(5):
                await world.happen(12)
                runner.wake()
            await _until_idle(fresh_database)
        async with fresh_database.transaction() as session:
            assert (await tasks.depths(session))["dead"] == 0
            assert await current(session) == await expected(session, world.root_id)


async def _until_idle(database: Database) -> None:
    async with asyncio.timeout(60):
        while True:
            async with database.transaction() as session:
                if not any((await tasks.depths(session)).values()):
                    return
            await asyncio.sleep(0.05)


async def test_erasing_while_a_run_writes_loses_neither(
    fresh_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each erasure falls between two writes of a run, which must then leave the person out."""
    monkeypatch.setattr(running, "BATCH", 2)
    world = World(fresh_database, Random(6))  # noqa: S311 - the same story for the same seed
    with frozen(BEGINNING):
        await world.begin()
        await world.happen(80)
        async with fresh_database.transaction() as session:
            people = sorted({pair[0] for pair in await expected(session, world.root_id)})

        erased = []

        async def erase_one() -> None:
            profile_id = people.pop()
            erased.append(profile_id)
            async with fresh_database.transaction() as session:
                await candidates.delete_candidate_profile(session, system("test"), profile_id)

        loop = asyncio.get_running_loop()
        erasures: list[asyncio.Task[None]] = []

        def written(phase: str, _done: int, _total: int) -> None:
            if phase == "written" and len(erasures) < 3:
                erasures.append(loop.create_task(erase_one()))

        await match_tree(fresh_database, world.root_id, everything=True, tell=written)
        await asyncio.gather(*erasures)
        assert len(erased) == 3
        await drain(Work(fresh_database, settings), handlers=MATCHING)
        async with fresh_database.transaction() as session:
            assert await current(session) == await expected(session, world.root_id)
            left = select(func.count()).select_from(Match).where(Match.candidate_id.in_(erased))
            assert await session.scalar(left) == 0


async def test_a_run_waits_for_the_one_of_another_process(fresh_database: Database) -> None:
    world = World(fresh_database, Random(8))  # noqa: S311 - the same story for the same seed
    await world.begin()
    engine = fresh_database.bind
    assert isinstance(engine, AsyncEngine)
    key = f"ancrage.matching.{world.root_id}"
    async with engine.connect() as other:
        await other.execute(text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), {"key": key})
        await other.commit()
        run = asyncio.create_task(match_tree(fresh_database, world.root_id))
        await _until_waiting(fresh_database)
        assert not run.done()
        await other.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), {"key": key})
        await other.commit()
    assert (await run).everything
    # The lock is free again, and its connection keeps nothing.
    assert not (await match_tree(fresh_database, world.root_id)).everything


async def _until_waiting(database: Database) -> None:
    async with asyncio.timeout(30):
        while True:
            async with database.transaction() as session:
                waiting = await session.scalar(
                    text(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND "
                        "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    )
                )
            if waiting:
                return
            await asyncio.sleep(0.02)
