"""Who holds a task may end it, and nobody else; what a dead worker held is taken back."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.core.database import Database
from service.core.settings import Settings
from service.domain import tasks
from service.domain.tasks import Backoff, Ending, Lease, LeaseLost, TaskFacts
from tests.work.support import all_tasks, claim, end, ready_tasks, run_sql, states, the_task


async def apply(database: Database, facts: TaskFacts) -> None:
    async with tasks.completing(database, facts, set()) as session:
        await session.execute(
            text("INSERT INTO effect VALUES (:event_id, :who, :attempts)"),
            {"event_id": facts.event_id, "who": facts.leased_by, "attempts": facts.attempts},
        )


async def effects(database: Database) -> list[str]:
    return [row.handler for row in await run_sql(database, "SELECT handler FROM effect")]


async def let_leases_run_out(database: Database) -> None:
    await run_sql(database, "UPDATE task SET leased_until = now() - interval '1 second'")


async def reclaim(database: Database, max_attempts: int = 8) -> tuple[int, int]:
    async with database.transaction() as session:
        return await tasks.reclaim(session, {"work": max_attempts}, backoff=Backoff(base_seconds=0))


async def extend(database: Database, *facts: TaskFacts) -> set[Lease]:
    async with database.transaction() as session:
        return await tasks.extend_leases(session, facts, lease_seconds=60)


async def test_an_effect_and_the_end_of_its_task_commit_together(database: Database) -> None:
    await ready_tasks(database)
    (claimed,) = await claim(database)
    with pytest.raises(IntegrityError):
        await apply(database, replace(claimed.facts, event_id=None))  # type: ignore[arg-type] # must fail
    assert await effects(database) == []
    assert await states(database) == {"running": 1}
    completed: set[Lease] = set()
    async with tasks.completing(database, claimed.facts, completed) as session:
        await session.execute(text("INSERT INTO effect VALUES (gen_random_uuid(), 'one', 1)"))
        assert not completed
    assert completed == {claimed.facts.lease}
    assert await effects(database) == ["one"]
    assert await states(database) == {"done": 1}


async def test_a_zombie_whose_lease_ran_out_applies_nothing(database: Database) -> None:
    await ready_tasks(database)
    (zombie,) = await claim(database, leased_by="zombie")
    await let_leases_run_out(database)
    assert await reclaim(database) == (1, 0)
    with pytest.raises(LeaseLost):
        await apply(database, zombie.facts)
    (heir,) = await claim(database, leased_by="heir")
    assert (heir.facts.id, heir.facts.attempts) == (zombie.facts.id, 2)
    with pytest.raises(LeaseLost):
        await apply(database, zombie.facts)
    assert await end(database, Ending(zombie.facts), Ending(zombie.facts, "failed", 0)) == set()
    await apply(database, heir.facts)
    with pytest.raises(LeaseLost):
        await apply(database, heir.facts)
    assert await effects(database) == ["heir"]
    task = await the_task(database)
    assert (task.state, task.leased_by, task.attempts) == ("done", "heir", 2)


async def test_a_worker_in_its_next_life_does_not_inherit_a_zombies_lease(database: Database) -> None:
    """A retry begins to count attempts anew, so that worker and attempt alone could be the same again."""
    await ready_tasks(database)
    (zombie,) = await claim(database, leased_by="worker#1")
    await let_leases_run_out(database)
    assert await reclaim(database, max_attempts=1) == (0, 1)
    async with database.transaction() as session:
        assert await tasks.retry(session, ids=[zombie.facts.id]) == 1
    (heir,) = await claim(database, leased_by="worker#2")
    assert heir.facts.attempts == zombie.facts.attempts == 1
    with pytest.raises(LeaseLost):
        await apply(database, zombie.facts)


async def test_a_late_worker_whose_task_nobody_took_may_still_end_it(database: Database) -> None:
    await ready_tasks(database)
    (late,) = await claim(database)
    await let_leases_run_out(database)
    await apply(database, late.facts)
    assert await reclaim(database) == (0, 0)
    assert await states(database) == {"done": 1}


async def test_a_task_being_completed_is_neither_taken_back_nor_waited_for(database: Database) -> None:
    await ready_tasks(database, 2)
    first, second = await claim(database, limit=2)
    await let_leases_run_out(database)
    async with asyncio.timeout(10), tasks.completing(database, first.facts, set()):
        assert await extend(database, first.facts, second.facts) == set()
        assert await reclaim(database) == (0, 0)
    assert [task.state for task in await all_tasks(database)] == ["done", "running"]
    assert await extend(database, first.facts, second.facts) == set()


async def test_extending_tells_which_leases_are_lost(database: Database) -> None:
    await ready_tasks(database, 3)
    kept, lost, taken = await claim(database, limit=3)
    await run_sql(
        database, "UPDATE task SET leased_until = now() - interval '1 s' WHERE id <> :id", id=kept.facts.id
    )
    assert await reclaim(database) == (2, 0)
    assert len(await claim(database, leased_by="other")) == 1
    assert await extend(database, kept.facts, lost.facts, taken.facts) == {
        lost.facts.lease,
        taken.facts.lease,
    }
    (row,) = await run_sql(
        database, "SELECT leased_until - now() AS left FROM task WHERE id = :id", id=kept.facts.id
    )
    assert row.left.total_seconds() > 55


async def test_a_task_that_kills_its_worker_ends_dead(database: Database) -> None:
    await ready_tasks(database)
    for attempt in (1, 2, 3):
        (claimed,) = await claim(database, leased_by=f"victim {attempt}")
        assert claimed.facts.attempts == attempt
        await let_leases_run_out(database)
        assert await reclaim(database, max_attempts=3) == ((1, 0) if attempt < 3 else (0, 1))
    task = await the_task(database)
    assert task.state == "dead"
    assert task.last_error == "The worker victim 3 died or stalled during attempt 3."
    assert await claim(database) == []


async def test_a_lost_task_without_a_handler_any_more_ends_dead(database: Database) -> None:
    await ready_tasks(database, handler="removed")
    await claim(database)
    await let_leases_run_out(database)
    assert await reclaim(database) == (0, 1)


async def test_an_interrupted_task_is_given_back_without_counting(database: Database) -> None:
    await ready_tasks(database)
    (claimed,) = await claim(database)
    async with database.transaction() as session:
        assert await tasks.release(session, [claimed.facts]) == 1
    async with database.transaction() as session:
        assert await tasks.release(session, [claimed.facts]) == 0
    (again,) = await claim(database)
    assert again.facts.attempts == 1


async def test_a_failed_task_waits_and_a_dead_one_stays(database: Database) -> None:
    await ready_tasks(database, 2)
    first, second = await claim(database, limit=2)
    ended = await end(database, Ending(first.facts, "no answer", 30.0), Ending(second.facts, "no answer"))
    assert ended == {first.facts.id, second.facts.id}
    waiting, dead = await all_tasks(database)
    assert (waiting.state, waiting.last_error, waiting.finished_at) == ("ready", "no answer", None)
    assert (dead.state, dead.last_error) == ("dead", "no answer")
    assert dead.finished_at is not None
    assert await claim(database) == []
    async with database.transaction() as session:
        due_in = await tasks.next_due(session, [], dead.finished_at)
    assert due_in is not None
    assert 25 < due_in <= 30


def test_waits_double_up_to_ten_minutes_and_spread_evenly() -> None:
    backoff = Backoff()
    assert [backoff.longest(attempts) for attempts in (1, 2, 3, 9, 10, 5000)] == [2, 4, 8, 512, 600, 600]
    waits = [backoff.wait(4) for _ in range(400)]
    assert 0 <= min(waits) < 4
    assert 12 < max(waits) <= 16


def test_by_default_a_killed_workers_tasks_resume_within_a_minute() -> None:
    """The lease of the last heartbeat, the next look of another worker, the longest first wait."""
    settings = Settings.model_construct()
    seconds = settings.worker_lease_seconds + settings.worker_poll_seconds + Backoff().longest(1)
    assert seconds <= 60
