"""The loop: woken at once, patient with failures, gentle when it stops."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from service.core.database import Database, create_engine
from service.core.settings import Settings
from service.domain import tasks
from service.domain.events import record
from service.domain.tasks import Backoff
from service.jobs.runner import Programme, Runner, drain
from service.jobs.work import Handler, Scope, TaskFacts, Tick, Work, handler
from service.models import TaskState
from tests.work.effects import KIND
from tests.work.support import all_tasks, ready_tasks, record_events, run_sql, states, the_task, until

# Long enough that a test which would wait for the next look by itself fails.
NEVER = 60.0


@asynccontextmanager
async def running(
    database: Database,
    settings: Settings,
    *handlers: Handler,
    schedule: Mapping[str, Tick] | None = None,
    backoff: Backoff | None = None,
    grace_seconds: float = 10.0,
    **changes: Any,
) -> AsyncIterator[Runner]:
    """Run a worker with handlers of one kind of event on the test's database, woken by its commits."""
    own = Database(database.bind)
    work = Work(own, settings.model_copy(update={"worker_poll_seconds": NEVER, **changes}))
    routes: Mapping[str, Sequence[Handler]] = {KIND: handlers}
    runner = Runner(
        work, handlers=routes, schedule=schedule or {}, backoff=backoff, grace_seconds=grace_seconds
    )
    own.wake = database.wake = runner.wake
    async with runner.running():
        yield runner


async def in_state(database: Database, **expected: int) -> None:
    async def reached() -> bool:
        return await states(database) == expected

    await until(reached)


async def test_a_commit_wakes_the_worker(database: Database, settings: Settings) -> None:
    seen: list[TaskFacts] = []

    @handler(scope=Scope.EVERYWHERE)
    async def look(_work: Work, task: TaskFacts) -> None:
        seen.append(task)

    async with running(database, settings, look):
        for count in range(1, 4):
            (event_id,) = await record_events(database, data={"number": count})
            await in_state(database, done=count)
            assert seen[-1].event_id == event_id
            assert seen[-1].data == {"number": count}


async def test_what_a_handler_records_is_taken_up_at_once(database: Database, settings: Settings) -> None:
    @handler(scope=Scope.EVERYWHERE)
    async def follow(work: Work, task: TaskFacts) -> None:
        if task.data["left"]:
            async with work.completing(task) as session:
                record(session, KIND, actor="system:test", data={"left": task.data["left"] - 1})

    async with running(database, settings, follow):
        await record_events(database, data={"left": 5})
        await in_state(database, done=6)


async def test_events_committed_without_a_wake_up_are_found(database: Database, settings: Settings) -> None:
    @handler(scope=Scope.EVERYWHERE)
    async def look(_work: Work, _task: TaskFacts) -> None:
        pass

    async with running(database, settings, look, worker_poll_seconds=0.1):
        await record_events(Database(database.bind))
        await in_state(database, done=1)


async def test_as_many_tasks_run_together_as_allowed_and_no_more(
    database: Database, settings: Settings
) -> None:
    together, most = 0, 0

    @handler(scope=Scope.EVERYWHERE)
    async def count(_work: Work, _task: TaskFacts) -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.02)
        together -= 1

    async with running(database, settings, count, worker_concurrency=3):
        await record_events(database, 12)
        await in_state(database, done=12)
    assert most == 3


async def test_a_failure_is_tried_again_before_the_next_look(database: Database, settings: Settings) -> None:
    attempts: list[int] = []

    @handler(scope=Scope.EVERYWHERE)
    async def fail_twice(_work: Work, task: TaskFacts) -> None:
        attempts.append(task.attempts)
        if task.attempts < 3:
            raise ConnectionError("no answer")

    async with running(database, settings, fail_twice, backoff=Backoff(base_seconds=0.2)):
        await record_events(database)
        await in_state(database, done=1)
    assert attempts == [1, 2, 3]
    assert (await the_task(database)).last_error is None


async def test_the_last_failure_leaves_the_task_dead_until_replayed(
    database: Database, settings: Settings
) -> None:
    healed = False

    @handler(max_attempts=2, scope=Scope.EVERYWHERE)
    async def fail(_work: Work, task: TaskFacts) -> None:
        if not healed:
            raise ConnectionError(f"no answer to attempt {task.attempts}, password=hunter2")

    async with running(database, settings, fail, backoff=Backoff(base_seconds=0.01)):
        await record_events(database)
        await in_state(database, dead=1)
        task = await the_task(database)
        assert task.attempts == 2
        assert str(task.last_error).startswith("ConnectionError: no answer to attempt 2, password=***\n")
        healed = True
        async with database.transaction() as session:
            await tasks.retry(session, state=TaskState.DEAD)
    async with running(database, settings, fail):
        await in_state(database, done=1)


async def test_a_run_that_takes_too_long_is_stopped_and_counts(
    database: Database, settings: Settings
) -> None:
    @handler(max_attempts=1, timeout_seconds=0.05, scope=Scope.EVERYWHERE)
    async def sleep(_work: Work, _task: TaskFacts) -> None:
        await asyncio.sleep(NEVER)

    async with running(database, settings, sleep):
        await record_events(database)
        await in_state(database, dead=1)
    assert str((await the_task(database)).last_error).startswith("Stopped after 0.05 s: TimeoutError")


async def test_a_handlers_own_cancelled_future_is_a_failure(database: Database, settings: Settings) -> None:
    @handler(max_attempts=1, scope=Scope.EVERYWHERE)
    async def stumble(_work: Work, _task: TaskFacts) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with running(database, settings, stumble):
        await record_events(database)
        await in_state(database, dead=1)
    assert str((await the_task(database)).last_error).startswith("CancelledError")


async def test_a_task_whose_handler_was_removed_is_dead_with_the_reason(
    database: Database, settings: Settings
) -> None:
    await ready_tasks(database, handler="removed")
    async with running(database, settings):
        await in_state(database, dead=1)
    assert "There is no handler removed" in str((await the_task(database)).last_error)


async def test_a_failure_after_completing_does_not_run_the_task_again(
    database: Database, settings: Settings
) -> None:
    @handler(scope=Scope.EVERYWHERE)
    async def complete_and_fail(work: Work, task: TaskFacts) -> None:
        async with work.completing(task) as session:
            await session.execute(text("INSERT INTO effect VALUES (gen_random_uuid(), 'x', 1)"))
        raise ConnectionError("too late")

    async with running(database, settings, complete_and_fail, backoff=Backoff(base_seconds=0.01)):
        await record_events(database)
        await in_state(database, done=1)
    assert len(await run_sql(database, "SELECT 1 FROM effect")) == 1


async def test_a_heartbeat_keeps_a_task_longer_than_its_lease(database: Database, settings: Settings) -> None:
    runs: list[int] = []

    @handler(scope=Scope.EVERYWHERE)
    async def outlast(_work: Work, task: TaskFacts) -> None:
        runs.append(task.attempts)
        await asyncio.sleep(2.5)

    changes: dict[str, Any] = {"worker_lease_seconds": 1.0, "worker_poll_seconds": 0.1}
    async with (
        running(database, settings, outlast, **changes),
        running(database, settings, outlast, **changes),
    ):
        await record_events(database)
        await in_state(database, done=1)
    assert runs == [1]


async def test_a_run_whose_lease_was_lost_is_cancelled(database: Database, settings: Settings) -> None:
    ended: list[str] = []

    @handler(scope=Scope.EVERYWHERE)
    async def stall(work: Work, task: TaskFacts) -> None:
        if task.attempts == 2:
            async with work.completing(task):
                ended.append("heir")
            return
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            ended.append("zombie")
            raise

    changes: dict[str, Any] = {"worker_lease_seconds": 1.0, "worker_poll_seconds": 0.1}
    async with running(database, settings, stall, backoff=Backoff(base_seconds=0), **changes):
        await record_events(database)
        await in_state(database, running=1)
        await run_sql(
            database,
            "UPDATE task SET state = 'ready', leased_by = NULL, leased_until = NULL, run_after = now()",
        )
        await in_state(database, done=1)

        async def both() -> bool:
            return sorted(ended) == ["heir", "zombie"]

        await until(both)
    assert (await the_task(database)).attempts == 2


async def test_stopping_lets_what_runs_end_and_starts_nothing(database: Database, settings: Settings) -> None:
    begun = asyncio.Event()

    @handler(scope=Scope.EVERYWHERE)
    async def take_a_moment(_work: Work, _task: TaskFacts) -> None:
        begun.set()
        await asyncio.sleep(0.3)

    async with running(database, settings, take_a_moment, worker_concurrency=1):
        await record_events(database, 3)
        await begun.wait()
    assert await states(database) == {"done": 1, "ready": 2}


async def test_what_outlasts_the_grace_is_given_back_without_counting(
    database: Database, settings: Settings
) -> None:
    begun = asyncio.Event()

    @handler(scope=Scope.EVERYWHERE)
    async def outlast(_work: Work, _task: TaskFacts) -> None:
        begun.set()
        await asyncio.sleep(NEVER)

    async with running(database, settings, outlast, grace_seconds=0.05):
        await record_events(database)
        await begun.wait()
    task = await the_task(database)
    assert (task.state, task.attempts, task.leased_by) == ("ready", 0, None)


async def test_cancelling_the_worker_gives_its_tasks_back(database: Database, settings: Settings) -> None:
    begun = asyncio.Event()

    @handler(scope=Scope.EVERYWHERE)
    async def outlast(_work: Work, _task: TaskFacts) -> None:
        begun.set()
        await asyncio.sleep(NEVER)

    await record_events(database)
    runner = Runner(Work(database, settings), handlers={KIND: [outlast]}, schedule={})
    worker = asyncio.create_task(runner.run())
    await begun.wait()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert await states(database) == {"ready": 1}


async def test_the_worker_outlives_its_connections(database: Database, settings: Settings) -> None:
    @handler(scope=Scope.EVERYWHERE)
    async def work_on(work: Work, task: TaskFacts) -> None:
        await asyncio.sleep(0.01)
        async with work.completing(task) as session:
            await session.execute(
                text("INSERT INTO effect VALUES (:event_id, 'x', 1)"), {"event_id": task.event_id}
            )

    changes: dict[str, Any] = {"worker_lease_seconds": 1.0, "worker_poll_seconds": 0.1}
    async with running(database, settings, work_on, backoff=Backoff(base_seconds=0.1), **changes):
        ids = await record_events(database, 60)
        for done in (10, 25, 40):

            async def reached(done: int = done) -> bool:
                return (await states(database))["done"] >= done

            await until(reached)
            await run_sql(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
        await in_state(database, done=60)
    effects = await run_sql(database, "SELECT event_id FROM effect")
    assert sorted(row.event_id for row in effects) == sorted(ids)


async def test_what_happens_is_measured(database: Database, settings: Settings) -> None:
    @handler(max_attempts=1, scope=Scope.EVERYWHERE)
    async def measured(_work: Work, task: TaskFacts) -> None:
        if task.data["fails"]:
            raise ConnectionError("no answer")

    def runs(outcome: str) -> float:
        labels = {"handler": "measured", "outcome": outcome}
        return REGISTRY.get_sample_value("ancrage_tasks_total", labels) or 0.0

    async with running(database, settings, measured):
        await record_events(database, 3, data={"fails": False})
        await record_events(database, 1, data={"fails": True})
        await in_state(database, done=3, dead=1)
    assert (runs("done"), runs("dead")) == (3, 1)
    await tasks.observe(database)
    assert REGISTRY.get_sample_value("ancrage_queue_depth", {"state": "dead"}) == 1


async def test_a_scrape_does_without_a_database_that_is_away(tmp_path: Path) -> None:
    away = Database(create_engine(f"postgresql+asyncpg://nobody@/nothing?host={tmp_path}"))
    await tasks.observe(away)
    await away.close()
    assert math.isnan(REGISTRY.get_sample_value("ancrage_queue_depth", {"state": "ready"}) or 0.0)


async def test_draining_runs_everything_and_raises_what_fails(database: Database, settings: Settings) -> None:
    @handler(scope=Scope.EVERYWHERE)
    async def chain(work: Work, task: TaskFacts) -> None:
        left = task.data["left"]
        if left < 0:
            raise ConnectionError("no answer")
        if left:
            async with work.completing(task) as session:
                record(session, KIND, actor="system:test", data={"left": left - 1})

    work = Work(database, settings)
    await record_events(database, data={"left": 3})
    assert await drain(work, handlers={KIND: [chain]}) == 4
    assert await states(database) == {"done": 4}
    await record_events(database, data={"left": -1})
    with pytest.raises(ConnectionError):
        await drain(work, handlers={KIND: [chain]})
    assert (await all_tasks(database))[-1].state == "ready"


def test_two_handlers_of_one_name_are_refused() -> None:
    def declare() -> Handler:
        @handler(scope=Scope.EVERYWHERE)
        async def look(_work: Work, _task: TaskFacts) -> None:
            pass

        return look

    first, second = declare(), declare()
    with pytest.raises(ValueError, match="Two handlers are named look"):
        Programme({KIND: [first], "other.happened": [second]}, {})
    assert list(Programme({KIND: [first], "other.happened": [first]}, {}).handlers) == ["look"]
