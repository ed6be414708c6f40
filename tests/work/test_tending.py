"""What an operator and the housekeeping do with tasks."""

import asyncio

import pytest

from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain import tasks
from service.domain.tasks import Ending
from service.jobs.housekeeping import delete_expired
from service.jobs.work import TaskFacts, Work
from service.models import IdempotencyRecord, TaskState
from tests.work.support import all_tasks, claim, end, ready_tasks, record_events, run_sql, states


async def dead_tasks(database: Database, count: int, handler: str = "work") -> None:
    await ready_tasks(database, count, handler=handler)
    await end(database, *(Ending(item.facts, "no answer") for item in await claim(database, limit=count)))


async def test_dead_tasks_are_replayed_with_all_their_attempts(database: Database) -> None:
    await dead_tasks(database, 3)
    await dead_tasks(database, 1, handler="other")
    async with database.transaction() as session:
        assert await tasks.retry(session, state=TaskState.DEAD, handler="work") == 3
    assert await states(database) == {"ready": 3, "dead": 1}
    replayed = await claim(database, limit=9)
    assert [item.facts.attempts for item in replayed] == [1, 1, 1]
    await end(database, *(Ending(item.facts) for item in replayed))
    done = [task for task in await all_tasks(database) if task.state == TaskState.DONE]
    assert [task.last_error for task in done] == [None] * 3


async def test_a_done_task_is_replayed_by_id_and_a_running_one_never(database: Database) -> None:
    await ready_tasks(database, 2)
    done, running = await claim(database, limit=2)
    await end(database, Ending(done.facts))
    async with database.transaction() as session:
        assert await tasks.retry(session, ids=[done.facts.id, running.facts.id]) == 1
    assert [item.facts.id for item in await claim(database, limit=9)] == [done.facts.id]


async def test_waiting_and_dead_tasks_are_dropped_and_others_are_not(database: Database) -> None:
    await dead_tasks(database, 1)
    await ready_tasks(database, 2)
    await claim(database)
    ids = [task.id for task in await all_tasks(database)]
    async with database.transaction() as session:
        assert await tasks.drop(session, ids=ids) == 2
    assert await states(database) == {"dropped": 2, "running": 1}


async def test_choosing_nothing_is_refused_and_does_not_mean_everything(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(ValueError, match="Say which tasks"):
            await tasks.retry(session)
        with pytest.raises(ValueError, match="Say which tasks"):
            await tasks.drop(session, handler="work")


async def test_a_task_being_claimed_is_not_waited_for(database: Database) -> None:
    await ready_tasks(database, 2)
    async with asyncio.timeout(10), database.transaction() as claiming:
        await tasks.claim(claiming, leased_by="one", lease_seconds=60, limit=1)
        async with database.transaction() as session:
            assert await tasks.drop(session, state=TaskState.READY) == 0
    assert await states(database) == {"ready": 1, "running": 1}


async def test_tasks_are_listed_latest_first_by_state_and_handler(database: Database) -> None:
    await ready_tasks(database, 2)
    await ready_tasks(database, 1, handler="other")
    await claim(database)
    ids = [task.id for task in await all_tasks(database)]
    async with database.sessions() as session:
        assert [task.id for task in await tasks.list_tasks(session)] == ids[::-1]
        assert [task.id for task in await tasks.list_tasks(session, limit=1)] == ids[-1:]
        running = await tasks.list_tasks(session, state=TaskState.RUNNING)
        assert [task.id for task in running] == ids[:1]
        assert [task.id for task in await tasks.list_tasks(session, handler="other")] == ids[2:]


async def test_depths_count_what_waits(database: Database) -> None:
    await dead_tasks(database, 1)
    await ready_tasks(database, 3)
    await claim(database)
    await record_events(database, 5)
    async with database.sessions() as session:
        assert await tasks.depths(session) == {"ready": 2, "running": 1, "dead": 1, "pending": 5}


async def test_housekeeping_deletes_what_has_served_and_nothing_else(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.housekeeping.BATCH", 2)
    await ready_tasks(database, 12)
    for number, item in enumerate(await claim(database, limit=10)):
        await end(database, Ending(item.facts, "no answer" if number < 2 else None))
    await run_sql(
        database, "UPDATE task SET finished_at = now() - interval '15 days' WHERE finished_at IS NOT NULL"
    )
    (recent,) = await run_sql(
        database,
        "UPDATE task SET finished_at = now() - interval '13 days' WHERE id = "
        "(SELECT id FROM task WHERE state = 'done' LIMIT 1) RETURNING id",
    )
    await run_sql(database, "UPDATE event SET occurred_at = now() - interval '401 days'")
    await record_events(database, 2)
    await run_sql(
        database,
        "UPDATE event SET occurred_at = now() - interval '401 days' WHERE id = "
        "(SELECT id FROM event WHERE fanned_out_at IS NULL LIMIT 1)",
    )
    async with database.transaction() as session:
        owner_id = new_id()
        for number in range(5):
            session.add(
                IdempotencyRecord(
                    owner_id=owner_id, key=str(number), fingerprint=b"", status=201, headers={}, body=b""
                )
            )
    await run_sql(
        database, "UPDATE idempotency_record SET created_at = now() - interval '25 hours' WHERE key <> '4'"
    )
    tick = TaskFacts(id=new_id(), event_id=new_id(), kind="clock.ticked")
    await delete_expired(Work(database, settings), tick)
    assert await states(database) == {"dead": 2, "ready": 2, "done": 1}
    assert recent.id in {task.id for task in await all_tasks(database)}
    (events,) = await run_sql(database, "SELECT count(*) AS all, count(fanned_out_at) AS taken FROM event")
    assert (events.all, events.taken) == (2, 0)
    assert [row.key for row in await run_sql(database, "SELECT key FROM idempotency_record")] == ["4"]
