"""Redis carries wake-ups; without it everything still works, a moment later."""

import asyncio
import os
import signal

import psutil
import redis
import structlog
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix

from service.core.cancelling import cancel
from service.core.database import Database
from service.worker import JOB, QUEUE, ArqWake, listen
from tests.servers import RedisServer
from tests.work.support import Start, record_events, run_sql, states, until

# A worker that looks by itself this rarely does not pass for one that was woken.
NEVER = 600.0


async def done(database: Database, events: int) -> None:
    async def all_done() -> bool:
        return await states(database) == {"done": 3 * events}

    await until(all_done)


async def listening(redis_server: RedisServer) -> None:
    """Wait until a worker polls Redis for jobs."""

    async def polled() -> bool:
        with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
            return any(entry["cmd"] == "zrangebyscore" for entry in client.client_list())

    await until(polled)


async def test_a_commit_wakes_a_worker_in_another_process(
    database: Database, start_worker: Start, redis_server: RedisServer
) -> None:
    start_worker(redis_url=redis_server.url, worker_poll_seconds=NEVER)
    await listening(redis_server)
    async with ArqWake(redis_server.url).running() as wake:
        database.wake = wake
        for count in range(1, 6):
            await record_events(database)
            await done(database, count)


async def test_a_worker_looks_again_once_its_job_is_cleared_away(redis_server: RedisServer) -> None:
    """As long as the job stands arq drops a second one, whose commit the first look may have missed."""
    standing: list[bool] = []
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:

        def look() -> None:
            standing.append(bool(client.exists(job_key_prefix + JOB)))

        worker = asyncio.create_task(listen(redis_server.url, look))
        async with ArqWake(redis_server.url).running() as wake:
            wake()

            async def looked_twice() -> bool:
                return len(standing) == 2

            await until(looked_twice)
        await cancel([worker])
    assert standing == [True, False]


async def test_what_a_killed_worker_left_in_redis_does_not_hold_up_the_next(
    database: Database, start_worker: Start, redis_server: RedisServer
) -> None:
    async with ArqWake(redis_server.url).running() as wake:
        database.wake = wake
        await record_events(database)
        with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:

            async def enqueued() -> bool:
                return bool(client.zcard(QUEUE) == 1)

            await until(enqueued)
            # Killed between taking the job and ending it, the third time already.
            client.set(in_progress_key_prefix + JOB, b"1", px=300_000)
            client.set(retry_key_prefix + JOB, 3)
        start_worker(redis_url=redis_server.url, worker_poll_seconds=NEVER)
        await done(database, 1)
        await listening(redis_server)
        await record_events(database)
        await done(database, 2)


async def test_a_job_that_died_with_its_worker_wakes_another_when_its_key_runs_out(
    database: Database, start_worker: Start, redis_server: RedisServer
) -> None:
    start_worker(redis_url=redis_server.url, worker_poll_seconds=NEVER)
    await listening(redis_server)
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        client.set(in_progress_key_prefix + JOB, b"1", px=700)
        async with ArqWake(redis_server.url).running() as wake:
            database.wake = wake
            await record_events(database)
            await done(database, 1)


async def test_commits_neither_fail_nor_wait_while_redis_is_away(
    database: Database, redis_server: RedisServer
) -> None:
    redis_server.kill()
    with structlog.testing.capture_logs() as logs:
        async with ArqWake(redis_server.url).running() as wake:
            database.wake = wake
            for _ in range(30):
                await record_events(database)
                await asyncio.sleep(0.05)
            redis_server.start()
            with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:

                async def enqueued() -> bool:
                    return bool(client.zcard(QUEUE) == 1)

                await until(enqueued)
    assert len(await run_sql(database, "SELECT 1 FROM event")) == 30
    assert [entry["event"] for entry in logs] == ["redis.unreachable", "redis.reached_again"]


async def test_commits_do_not_wait_for_a_redis_that_hangs(
    database: Database, redis_server: RedisServer
) -> None:
    assert redis_server.pid
    async with ArqWake(redis_server.url).running() as wake:
        database.wake = wake
        os.kill(redis_server.pid, signal.SIGSTOP)
        try:
            # Any of them would wait two seconds if it waited for Redis at all.
            async with asyncio.timeout(10):
                for _ in range(20):
                    await record_events(database)
                    await asyncio.sleep(0)
        finally:
            os.kill(redis_server.pid, signal.SIGCONT)
    assert len(await run_sql(database, "SELECT 1 FROM event")) == 20


async def test_a_terminated_worker_ends_its_tasks_and_leaves_the_others_ready(
    database: Database, start_worker: Start, redis_server: RedisServer
) -> None:
    await record_events(database, 100)
    pid = start_worker(redis_url=redis_server.url, worker_lease_seconds=600)

    async def some_done() -> bool:
        return (await states(database))["done"] >= 10

    await until(some_done)
    os.kill(pid, signal.SIGTERM)

    async def ended() -> bool:
        return not psutil.pid_exists(pid)

    await until(ended)
    assert set(await states(database)) == {"done", "ready"}
    assert await run_sql(database, "SELECT 1 FROM task WHERE state = 'ready' AND attempts > 0") == []
