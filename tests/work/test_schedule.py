"""The clock starts each piece of work once, however many schedulers watch it."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.settings import Settings
from service.domain import tasks
from service.domain.tasks import Cadence, Daily, Every
from service.jobs.runner import Runner, drain
from service.jobs.work import Scope, TaskFacts, Tick, Work, handler
from tests.work.support import all_tasks, run_sql, states, until

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)


async def plan(database: Database, cadence: Cadence, moment: datetime = NOON) -> None:
    async with database.transaction() as session:
        await tasks.plan(session, {"feeds": cadence}, moment)


async def tick(database: Database, cadence: Cadence, moment: datetime) -> int:
    async with database.transaction() as session:
        return await tasks.tick(session, {"feeds": (cadence, "fetch")}, moment)


async def due_at(database: Database) -> datetime:
    (row,) = await run_sql(database, "SELECT due_at FROM schedule")
    moment: datetime = row.due_at
    return moment


def test_every_keeps_its_rhythm_and_skips_what_was_missed() -> None:
    hourly = Every(3600)
    assert hourly.after(NOON, NOON) == NOON + timedelta(hours=1)
    assert hourly.after(NOON, NOON + timedelta(days=2, minutes=5)) == NOON + timedelta(days=2, hours=1)
    assert hourly.after(NOON + timedelta(hours=1), NOON) == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # In winter Paris is an hour ahead of UTC, in summer two.
        ("2026-01-15T02:59:59+00:00", "2026-01-15T03:00:00+00:00"),
        ("2026-01-15T03:00:00+00:00", "2026-01-16T03:00:00+00:00"),
        ("2026-03-28T12:00:00+00:00", "2026-03-29T02:00:00+00:00"),
        ("2026-07-15T12:00:00+00:00", "2026-07-16T02:00:00+00:00"),
        ("2026-10-24T12:00:00+00:00", "2026-10-25T03:00:00+00:00"),
    ],
)
def test_daily_keeps_to_the_wall_clock_over_changes_of_hour(moment: str, expected: str) -> None:
    due = Daily(hour=4).after(NOON, datetime.fromisoformat(moment))
    assert due == datetime.fromisoformat(expected)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_daily_ticks_once_where_its_time_exists_never_or_twice(day: str) -> None:
    """Half past two is skipped in March and comes twice in October."""
    daily = Daily(hour=2, minute=30)
    moment = datetime.fromisoformat(f"{day}T00:00:00+00:00") - timedelta(hours=12)
    ticks = []
    while moment < datetime.fromisoformat(f"{day}T12:00:00+00:00"):
        moment = daily.after(moment, moment)
        ticks.append(moment)
    assert len([tick for tick in ticks if tick.date().isoformat() == day]) == 1


async def test_nothing_is_due_when_first_planned_and_then_on_time(database: Database) -> None:
    await plan(database, Every(600))
    assert await tick(database, Every(600), NOON + timedelta(minutes=9, seconds=59)) == 0
    assert await tick(database, Every(600), NOON + timedelta(minutes=10)) == 1
    assert await tick(database, Every(600), NOON + timedelta(minutes=10)) == 0
    (task,) = await all_tasks(database)
    assert (task.kind, task.handler) == ("clock.ticked", "fetch")
    assert task.data == {"schedule": "feeds", "due_at": (NOON + timedelta(minutes=10)).isoformat()}


async def test_after_a_long_stop_a_name_ticks_once(database: Database) -> None:
    await plan(database, Every(600))
    assert await tick(database, Every(600), NOON + timedelta(days=30, minutes=3)) == 1
    assert await due_at(database) == NOON + timedelta(days=30, minutes=10)
    assert await states(database) == {"ready": 1}


async def test_a_cadence_made_more_frequent_is_brought_forward_and_no_other(database: Database) -> None:
    await plan(database, Every(86400))
    await plan(database, Every(600))
    assert await due_at(database) == NOON + timedelta(minutes=10)
    await plan(database, Every(600), NOON + timedelta(minutes=5))
    assert await due_at(database) == NOON + timedelta(minutes=10)


async def test_a_tick_made_twice_is_one_task(database: Database) -> None:
    await plan(database, Every(600))
    moment = NOON + timedelta(minutes=10)
    assert await tick(database, Every(600), moment) == 1
    await run_sql(database, "UPDATE schedule SET due_at = :due_at", due_at=moment)
    assert await tick(database, Every(600), moment) == 1
    assert await states(database) == {"ready": 1}


async def test_ticks_of_one_name_do_not_overlap(database: Database) -> None:
    await plan(database, Every(600))
    for minutes in (10, 20):
        assert await tick(database, Every(600), NOON + timedelta(minutes=minutes)) == 1
    async with database.transaction() as session:
        assert len(await tasks.claim(session, leased_by="one", lease_seconds=60, limit=9)) == 1


async def test_three_schedulers_tick_once(database: Database, settings: Settings) -> None:
    ran: list[str] = []

    @handler(scope=Scope.EVERYWHERE)
    async def fetch(_work: Work, task: TaskFacts) -> None:
        ran.append(task.data["due_at"])

    schedule = {"feeds": Tick(Every(0.25), fetch)}
    quick = settings.model_copy(update={"worker_poll_seconds": 0.1})

    async def enough() -> bool:
        return len(ran) >= 8

    async with AsyncExitStack() as stack:
        for _ in range(3):
            runner = Runner(Work(database, quick), handlers={}, schedule=schedule)
            await stack.enter_async_context(runner.running())
        await until(enough)
    assert len(set(ran)) == len(ran)
    moments = sorted(datetime.fromisoformat(moment) for moment in ran)
    gaps = {(later - earlier) % timedelta(seconds=0.25) for earlier, later in itertools.pairwise(moments)}
    assert gaps == {timedelta(0)}


async def test_draining_ticks_the_clock_a_test_moves(database: Database, settings: Settings) -> None:
    ran: list[datetime] = []

    @handler(scope=Scope.EVERYWHERE)
    async def expire(_work: Work, _task: TaskFacts) -> None:
        ran.append(now())
        await asyncio.sleep(0)

    work, schedule = Work(database, settings), {"expiry": Tick(Daily(hour=4), expire)}
    with frozen(NOON):
        assert await drain(work, handlers={}, schedule=schedule) == 0
    with frozen(NOON + timedelta(days=90)):
        assert await drain(work, handlers={}, schedule=schedule) == 1
        assert await drain(work, handlers={}, schedule=schedule) == 0
    assert ran == [NOON + timedelta(days=90)]
