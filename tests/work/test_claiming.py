"""Events become tasks once, and a task has one worker at a time."""

import asyncio
import uuid
from collections import Counter

from service.core.database import Database
from service.core.ids import new_id
from service.domain import tasks
from service.domain.events import record
from service.domain.tasks import Ending
from tests.work.effects import KIND
from tests.work.support import (
    all_tasks,
    claim,
    end,
    ready_tasks,
    record_events,
    run_sql,
    states,
)


async def fan_out(database: Database, routes: dict[str, list[str]], limit: int = 500) -> int:
    async with database.transaction() as session:
        return await tasks.fan_out(session, routes, limit=limit)


async def test_an_event_becomes_one_task_per_handler_with_its_facts(database: Database) -> None:
    subject_id, territory_id = new_id(), new_id()
    async with database.transaction() as session:
        event = record(
            session,
            KIND,
            actor="system:test",
            subject_id=subject_id,
            territory_id=territory_id,
            data={"fields": ["title"]},
        )
    assert await fan_out(database, {KIND: ["first", "second"], "other.happened": ["third"]}) == 1
    claimed = await claim(database, limit=5)
    assert {item.handler for item in claimed} == {"first", "second"}
    assert {item.facts.event_id for item in claimed} == {event.id}
    assert claimed[0].facts.kind == KIND
    assert claimed[0].facts.subject_id == subject_id
    assert claimed[0].facts.territory_id == territory_id
    assert claimed[0].facts.data == {"fields": ["title"]}
    assert claimed[0].facts.attempts == 1
    assert claimed[0].due_at == event.occurred_at


async def test_an_event_nobody_handles_is_taken_up_once(database: Database) -> None:
    await record_events(database, kind="nobody.cares")
    assert await fan_out(database, {KIND: ["work"]}) == 1
    assert await fan_out(database, {KIND: ["work"]}) == 0
    assert await all_tasks(database) == []


async def test_events_are_taken_up_in_the_order_of_their_sequence(database: Database) -> None:
    ids = await record_events(database, 7)
    for _ in range(3):
        assert await fan_out(database, {KIND: ["work"]}, limit=3) > 0
    assert [task.event_id for task in await all_tasks(database)] == ids


async def test_fanning_an_event_out_again_does_nothing(database: Database) -> None:
    await ready_tasks(database)
    (claimed,) = await claim(database)
    await end(database, Ending(claimed.facts))
    await run_sql(database, "UPDATE event SET fanned_out_at = NULL")
    assert await fan_out(database, {KIND: ["work"]}) == 1
    assert await states(database) == {"done": 1}


async def test_an_event_that_commits_late_with_a_lower_sequence_is_not_skipped(database: Database) -> None:
    async with database.transaction() as slow:
        late = record(slow, KIND, actor="system:test")
        await slow.flush()
        (early,) = await record_events(database)
        assert await fan_out(database, {KIND: ["work"]}) == 1
        assert [task.event_id for task in await all_tasks(database)] == [early]
    sequences = await run_sql(database, "SELECT id FROM event ORDER BY sequence")
    assert [row.id for row in sequences] == [late.id, early]
    assert await fan_out(database, {KIND: ["work"]}) == 1
    assert {task.event_id for task in await all_tasks(database)} == {early, late.id}


async def test_workers_take_up_events_beside_each_other_without_waiting(database: Database) -> None:
    ids = await record_events(database, 300)
    async with database.transaction() as holder:
        assert await tasks.fan_out(holder, {KIND: ["work"]}, limit=10) == 10

        async def take_all() -> int:
            total = 0
            while taken := await fan_out(database, {KIND: ["work"]}, limit=20):
                total += taken
            return total

        async with asyncio.timeout(10):
            counts = await asyncio.gather(*(take_all() for _ in range(4)))
        assert sum(counts) == 290
    taken = Counter(task.event_id for task in await all_tasks(database))
    assert taken == dict.fromkeys(ids, 1)


async def test_a_writer_whose_clock_is_ahead_does_not_make_its_tasks_wait(database: Database) -> None:
    await record_events(database)
    await run_sql(database, "UPDATE event SET occurred_at = now() + interval '1 hour'")
    await fan_out(database, {KIND: ["work"]})
    assert len(await claim(database)) == 1


async def test_due_tasks_are_leased_longest_due_first(database: Database) -> None:
    await ready_tasks(database, 5)
    ids = [task.id for task in await all_tasks(database)]
    assert [item.facts.id for item in await claim(database, limit=2)] == ids[:2]
    assert [item.facts.id for item in await claim(database, limit=9)] == ids[2:]
    assert await claim(database) == []


async def test_concurrent_workers_share_tasks_and_never_a_subject(database: Database) -> None:
    subjects = [new_id() for _ in range(6)]
    await ready_tasks(database, 60, subject_ids=subjects)
    at_work: Counter[uuid.UUID | None] = Counter()
    done: list[uuid.UUID] = []

    async def work(name: str) -> None:
        while len(done) < 60:
            claimed = await claim(database, limit=3, leased_by=name)
            at_work.update(item.facts.subject_id for item in claimed)
            assert max(at_work.values(), default=0) <= 1
            await asyncio.sleep(0.001)
            at_work.subtract(item.facts.subject_id for item in claimed)
            await end(database, *(Ending(item.facts) for item in claimed))
            done.extend(item.facts.id for item in claimed)

    async with asyncio.timeout(20):
        await asyncio.gather(*(work(f"worker {number}") for number in range(4)))
    assert len(set(done)) == len(done) == 60
    assert await states(database) == {"done": 60}


async def test_a_subject_waits_for_its_own_handler_only(database: Database) -> None:
    subject_id = new_id()
    await record_events(database, 2, subject_ids=[subject_id])
    await fan_out(database, {KIND: ["first", "second"]})
    claimed = await claim(database, limit=10)
    assert sorted(item.handler for item in claimed) == ["first", "second"]
    assert await claim(database, limit=10) == []
    (first,) = [item for item in claimed if item.handler == "first"]
    await end(database, Ending(first.facts))
    assert [item.handler for item in await claim(database, limit=10)] == ["first"]


async def test_tasks_without_a_subject_run_beside_each_other(database: Database) -> None:
    await ready_tasks(database, 3, subject_ids=[None])
    assert len(await claim(database, limit=10)) == 3


async def test_many_waiting_tasks_of_one_subject_do_not_hide_the_others(database: Database) -> None:
    busy = new_id()
    await ready_tasks(database, 40, subject_ids=[busy])
    await ready_tasks(database, 2)
    assert len(await claim(database, limit=2)) == 1
    assert len(await claim(database, limit=2)) == 2


async def test_a_later_task_supersedes_waiting_ones_where_the_handler_coalesces(database: Database) -> None:
    subject_id = new_id()
    routes = {KIND: ["work", "other"]}

    async def happen(count: int) -> None:
        await record_events(database, count, subject_ids=[subject_id])
        async with database.transaction() as session:
            await tasks.fan_out(session, routes, coalescing={"work"})

    def of(handler: str, rows: list[str]) -> list[str]:
        return [row.partition(" ")[2] for row in rows if row.startswith(handler)]

    async def handled() -> list[str]:
        return [f"{task.handler} {task.state.value}" for task in await all_tasks(database)]

    await happen(3)
    assert of("work", await handled()) == ["superseded", "superseded", "ready"]
    assert of("other", await handled()) == ["ready"] * 3
    running = [item for item in await claim(database, limit=2) if item.handler == "work"]
    await happen(1)
    await happen(1)
    assert of("work", await handled()) == ["superseded", "superseded", "running", "superseded", "ready"]
    await end(database, Ending(running[0].facts))
    assert "work" in {item.handler for item in await claim(database, limit=9)}
