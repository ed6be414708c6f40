"""A worker killed fifty times in the middle of its tasks: every event is processed, effects exactly once."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from service.core.database import Database
from service.worker import ArqWake
from tests.servers import RedisServer
from tests.work.effects import FOLLOWED, KIND
from tests.work.support import Start, count_events, record_events, run_sql, states, until

# More for a long night: ANCRAGE_TEST_KILLS=1000.
KILLS = int(os.environ.get("ANCRAGE_TEST_KILLS", "50"))
EVENTS = 6 * KILLS


def lines_of(path: Path) -> list[str]:
    return path.read_text().split()


class Killing:
    """Starts a worker, kills it while tasks run, starts the next; and keeps what it saw."""

    def __init__(self, database: Database, start: Callable[[], int]) -> None:
        self.database = database
        self.start = start
        self.pid = start()
        # When each task was last running in a process that was killed.
        self.interrupted: dict[UUID, datetime] = {}
        # From a kill to the first task of the next process, in seconds.
        self.restarts: list[float] = []
        self._killed_at: datetime | None = None

    async def kill(self) -> None:
        """Kill the worker once it runs tasks, at any point of theirs, and start another."""
        await until(self._is_working)
        await asyncio.sleep(random.random() * 0.05)  # noqa: S311 - spreads the kills
        os.kill(self.pid, signal.SIGKILL)
        await asyncio.to_thread(
            psutil.wait_procs, [psutil.Process(self.pid)] if psutil.pid_exists(self.pid) else []
        )
        rows = await self._running()
        (moment,) = await run_sql(self.database, "SELECT clock_timestamp() AS killed_at")
        self._killed_at = moment.killed_at
        self.interrupted.update(dict.fromkeys((row.id for row in rows), moment.killed_at))
        self.pid = self.start()

    async def _is_working(self) -> bool:
        rows = await self._running()
        if rows and self._killed_at:
            self.restarts.append((min(row.started_at for row in rows) - self._killed_at).total_seconds())
            self._killed_at = None
        return bool(rows)

    async def _running(self) -> list[Any]:
        return await run_sql(
            self.database,
            "SELECT id, started_at FROM task WHERE state = 'running' AND leased_by LIKE :process",
            process=f"%:{self.pid}:%",
        )


async def finish_and_count(database: Database, killing: Killing, outside: Path) -> dict[str, float]:
    """Wait until everything is done; then nothing is missing, nothing came twice.

    Return what was measured.
    """

    async def all_done() -> bool:
        (pending,) = await run_sql(database, "SELECT count(*) FROM event WHERE fanned_out_at IS NULL")
        return pending.count == 0 and set(await states(database)) == {"done"}

    await until(all_done, patience=60)
    os.kill(killing.pid, signal.SIGKILL)

    events = await run_sql(database, "SELECT id, kind FROM event")
    ids = {kind: {event.id for event in events if event.kind == kind} for kind in (KIND, FOLLOWED)}
    assert len(ids[KIND]) >= EVENTS
    # Each event was followed by one and only one other.
    assert len(ids[FOLLOWED]) == len(ids[KIND])
    effects = Counter(
        (row.handler, row.event_id) for row in await run_sql(database, "SELECT handler, event_id FROM effect")
    )
    expected = {("count_once", event_id) for event_id in ids[KIND]}
    expected |= {("follow", event_id) for event_id in ids[FOLLOWED]}
    assert effects == dict.fromkeys(expected, 1)
    told = Counter(UUID(line) for line in lines_of(outside))
    assert set(told) == ids[KIND]

    finished = {
        row.id: row.finished_at for row in await run_sql(database, "SELECT id, finished_at FROM task")
    }
    recoveries = [(finished[task] - moment).total_seconds() for task, moment in killing.interrupted.items()]
    (repeated,) = await run_sql(database, "SELECT count(*) FROM task WHERE attempts > 1")
    # The kills hit: tasks were lost in the middle, and an effect outside the database came again.
    assert repeated.count > KILLS / 2
    assert max(told.values()) > 1
    assert max(recoveries) <= 60
    assert max(killing.restarts) <= 60
    return {
        "kills": KILLS,
        "events": len(events),
        "tasks interrupted": len(killing.interrupted),
        "told outside more than once": sum(count > 1 for count in told.values()),
        "seconds to the next task, longest": round(max(killing.restarts), 2),
        "seconds to the end of an interrupted task, longest": round(max(recoveries), 2),
    }


async def test_killed_inside_the_apis_process(
    database: Database, start_worker: Start, outside: Path, request: pytest.FixtureRequest
) -> None:
    killing = Killing(database, lambda: start_worker(events=EVENTS))
    for _ in range(KILLS):
        await killing.kill()
    measured = await finish_and_count(database, killing, outside)
    request.node.user_properties.extend(measured.items())


async def test_killed_as_a_worker_woken_through_redis(
    database: Database,
    start_worker: Start,
    outside: Path,
    redis_server: RedisServer,
    request: pytest.FixtureRequest,
) -> None:
    killing = Killing(database, lambda: start_worker(redis_url=redis_server.url))
    async with ArqWake(redis_server.url).running() as wake:
        database.wake = wake
        for _ in range(KILLS):
            await record_events(database, EVENTS // KILLS)
            await killing.kill()
        measured = await finish_and_count(database, killing, outside)
    request.node.user_properties.extend(measured.items())


async def test_redis_restarted_and_flushed_under_load_loses_nothing(
    database: Database,
    start_worker: Start,
    outside: Path,
    redis_server: RedisServer,
) -> None:
    # With the default lease: a busy machine must not make a task run twice here.
    start_worker(redis_url=redis_server.url, worker_lease_seconds=30)
    ids: list[UUID] = []
    async with ArqWake(redis_server.url).running() as wake:
        database.wake = wake
        for trouble in (redis_server.flush, redis_server.restart, redis_server.kill, redis_server.start) * 2:
            for _ in range(10):
                ids += await record_events(database, 2)
            await asyncio.to_thread(trouble)

        async def all_done() -> bool:
            return await states(database) == {"done": 3 * len(ids)}

        await until(all_done, patience=60)
    effects = await run_sql(database, "SELECT event_id FROM effect WHERE handler = 'count_once'")
    assert sorted(row.event_id for row in effects) == sorted(ids)
    assert await count_events(database, FOLLOWED) == len(ids)
    assert Counter(lines_of(outside)) == {str(event_id): 1 for event_id in ids}
