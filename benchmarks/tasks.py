"""Background work: from a commit to the start of its task, and tasks per second.

``python -m benchmarks.tasks [--events N] [--tasks N]``, on a durable PostgreSQL and a Redis of its own.

- latency: events are committed one at a time, apart; measured from the return of the commit to the first line
  of the handler, with the worker in the same process, and in a process of its own woken through Redis.
- throughput: all events are committed first; measured from then to the end of the last task, for handlers
  that do nothing and for handlers with one row of effect in the task's own transaction. Beside it arq alone
  with jobs that do nothing: what its queue reaches without keeping its promises in rows.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
from arq import Worker, func
from sqlalchemy import text

from service.core import embedded
from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.settings import Settings
from service.domain.events import record
from service.jobs.runner import Runner
from service.jobs.work import Scope, TaskFacts, Work, handler
from service.worker import ArqWake, connect, run_worker
from tests.servers import RedisServer

APART_SECONDS = 0.025
STARTS = "ANCRAGE_BENCHMARK_STARTS"


@handler(scope=Scope.EVERYWHERE)
async def note_start(_work: Work, task: TaskFacts) -> None:
    """Write down when the task started; one short line is written at once."""
    moment = time.time()
    line = f"{task.subject_id} {moment!r}\n".encode()
    descriptor = os.open(os.environ[STARTS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line)
    os.close(descriptor)


@handler(scope=Scope.EVERYWHERE)
async def do_nothing(_work: Work, _task: TaskFacts) -> None:
    """Do nothing."""


@handler(scope=Scope.EVERYWHERE)
async def insert_row(work: Work, task: TaskFacts) -> None:
    """Insert one row together with the end of the task."""
    async with work.completing(task) as session:
        await session.execute(text("INSERT INTO benchmark_effect VALUES (:id)"), {"id": task.event_id})


HANDLERS = {"latency.measured": [note_start], "nothing.done": [do_nothing], "row.inserted": [insert_row]}


def settings_for(url: str, **changes: Any) -> Settings:
    """Return default settings on this database, whatever the environment says."""
    return Settings.model_construct(
        **{**Settings.model_construct().model_dump(), "database_url": url, "log_level": "ERROR", **changes}
    )


def worker_process(settings: Settings) -> None:
    """Run ``ancrage worker`` with the benchmark's handlers."""
    uvloop.run(run_worker(settings, handlers=HANDLERS, schedule={}))


async def record_events(database: Database, kind: str, count: int) -> None:
    """Commit events, each about a subject of its own, in transactions of a thousand."""
    for begin in range(0, count, 1000):
        async with database.transaction() as session:
            for _ in range(min(1000, count - begin)):
                record(session, kind, actor="system:benchmark", subject_id=new_id())


async def until_done(database: Database) -> None:
    """Wait until no event and no task waits; look rarely enough not to disturb."""
    query = text(
        "SELECT EXISTS (SELECT FROM event WHERE fanned_out_at IS NULL)"
        " OR EXISTS (SELECT FROM task WHERE state = 'ready')"
        " OR EXISTS (SELECT FROM task WHERE state = 'running')"
    )
    while True:
        async with database.sessions() as session:
            if not await session.scalar(query):
                return
        await asyncio.sleep(0.05)


async def empty(database: Database) -> None:
    """Begin anew, with statistics that say so."""
    async with database.transaction() as session:
        await session.execute(text("TRUNCATE event, task, schedule, benchmark_effect"))


async def latencies(database: Database, count: int, starts: Path) -> list[float]:
    """Commit ``count`` events apart from each other; return milliseconds from commit to start, sorted."""
    committed = {}
    for _ in range(count):
        subject_id = new_id()
        async with database.transaction() as session:
            record(session, "latency.measured", actor="system:benchmark", subject_id=subject_id)
        committed[str(subject_id)] = time.time()
        await asyncio.sleep(APART_SECONDS)
    await until_done(database)
    lines = [line.split() for line in (await asyncio.to_thread(starts.read_text)).splitlines()]
    return sorted(
        1000 * (float(moment) - committed[subject]) for subject, moment in lines if subject in committed
    )


def show_latency(name: str, values: Sequence[float]) -> None:
    """Print the quantiles of milliseconds."""
    centiles = statistics.quantiles(values, n=100, method="inclusive")
    print(
        f"{name:36} n={len(values):5}  p50 {centiles[49]:6.1f} ms  p99 {centiles[98]:6.1f} ms  "
        f"max {values[-1]:6.1f} ms"
    )


async def in_process(url: str, events: int, starts: Path) -> list[float]:
    """Return latencies with the worker inside the process that commits."""
    database = Database(create_engine(url))
    runner = Runner(Work(database, settings_for(url)), handlers=HANDLERS, schedule={})
    database.wake = runner.wake
    await empty(database)
    async with runner.running():
        found = await latencies(database, events, starts)
    await database.close()
    return found


async def measure_in_process(url: str, events: int, starts: Path) -> None:
    """Measure latency with the worker inside the process that commits."""
    show_latency("commit to start, in-process", await in_process(url, events, starts))


async def measure_redis(url: str, redis: RedisServer, events: int, starts: Path) -> None:
    """Measure latency with a worker of its own, woken through Redis, and what it costs while idle."""
    async with other_worker(url, redis.url) as (database, pid):
        show_latency("commit to start, worker and Redis", await latencies(database, events, starts))
        await asyncio.sleep(0.5)
        before, begun = cpu_seconds(pid), time.monotonic()
        await asyncio.sleep(5)
        share = (cpu_seconds(pid) - before) / (time.monotonic() - begun)
        print(f"{'idle worker with Redis':36} {share:.1%} of a core")


@asynccontextmanager
async def other_worker(url: str, redis_url: str) -> AsyncIterator[tuple[Database, int | None]]:
    """Run ``ancrage worker`` in a process of its own; yield a database whose commits wake it, and its id."""
    database = Database(create_engine(url))
    await empty(database)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=worker_process, args=[settings_for(url, redis_url=redis_url)])
    process.start()
    try:
        async with ArqWake(redis_url).running() as wake:
            database.wake = wake
            # The first tells that the worker is up.
            await record_events(database, "nothing.done", 1)
            await until_done(database)
            yield database, process.pid
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)
        await database.close()


def cpu_seconds(pid: int | None) -> float:
    """Return the processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def throughput(url: str, kind: str, count: int, concurrency: int) -> float:
    """Return the seconds one worker takes for ``count`` tasks that wait for it."""
    settings = settings_for(url, worker_concurrency=concurrency)
    database = Database(create_engine(url, pool_size=concurrency + 3))
    await empty(database)
    await record_events(database, kind, count)
    runner = Runner(Work(database, settings), handlers=HANDLERS, schedule={})
    begun = time.perf_counter()
    async with runner.running():
        await until_done(database)
        seconds = time.perf_counter() - begun
    await database.close()
    return seconds


async def measure_throughput(url: str, kind: str, count: int, concurrency: int) -> None:
    """Measure tasks per second of one worker."""
    seconds = await throughput(url, kind, count, concurrency)
    print(f"{f'{kind}, {concurrency} at a time':36} n={count:5}  {count / seconds:7.0f} tasks/s")


async def measure_arq(redis: RedisServer, count: int, concurrency: int) -> None:
    """Measure jobs per second of arq alone, whose jobs do nothing."""

    async def job(ctx: dict[Any, Any], *_: Any, **__: Any) -> None:  # noqa: ARG001 - arq's signature
        return

    client = connect(redis.url)
    for _ in range(count):
        await client.enqueue_job("job", _queue_name="benchmark")
    worker = Worker(
        [func(job, name="job", keep_result=0)],
        queue_name="benchmark",
        redis_pool=client,
        burst=True,
        max_jobs=concurrency,
        poll_delay=0.01,
        handle_signals=False,
        job_serializer=client.job_serializer,
        job_deserializer=client.job_deserializer,
    )
    begun = time.perf_counter()
    await worker.async_run()
    seconds = time.perf_counter() - begun
    await client.aclose(close_connection_pool=True)
    print(f"{f'arq alone, {concurrency} at a time':36} n={count:5}  {count / seconds:7.0f} jobs/s")


async def measure(url: str, redis: RedisServer, folder: Path, *, events: int, tasks: int) -> None:
    """Run everything, one after the other."""
    engine = create_engine(url)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE benchmark_effect (id uuid PRIMARY KEY)"))
    await engine.dispose()
    starts = folder / "starts"
    os.environ[STARTS] = str(starts)
    await measure_in_process(url, events, starts)
    await measure_redis(url, redis, events, starts)
    for kind in ("nothing.done", "row.inserted"):
        for concurrency in (4, 16, 32):
            await measure_throughput(url, kind, tasks, concurrency)
    for concurrency in (4, 16, 32):
        await measure_arq(redis, tasks, concurrency)


def main() -> None:
    """Start the servers, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=600, help="for latency")
    parser.add_argument("--tasks", type=int, default=5000, help="for throughput")
    arguments = parser.parse_args()
    configure_logging(settings_for(""))
    with tempfile.TemporaryDirectory(prefix="ancrage-benchmark-") as name:
        folder = Path(name)
        # PostgreSQL may run as another account, which must pass through.
        folder.chmod(0o711)
        redis = RedisServer(folder)
        redis.start()
        try:
            with embedded.start(folder / "postgres") as postgres:
                uvloop.run(
                    measure(postgres.url, redis, folder, events=arguments.events, tasks=arguments.tasks)
                )
        finally:
            redis.stop()


if __name__ == "__main__":
    main()
