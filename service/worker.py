"""Background work in a process of its own, woken through Redis; the only place that knows arq.

Tasks are rows; a job of arq says no more than "look now". So what arq does badly costs nothing here: it
forgets jobs when Redis does, its worker ends when Redis restarts, and a job whose worker was killed blocks
its id for a while. :func:`run_worker` keeps the rows' own loop going whatever happens to Redis, and starts
arq's worker again when Redis is back.
"""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import orjson
import structlog
from arq import ArqRedis, Worker, func
from arq.constants import in_progress_key_prefix, retry_key_prefix
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.core import embedded
from service.core.cancelling import cancel
from service.core.database import Database, create_engine
from service.core.logging import configure_logging
from service.core.settings import Settings
from service.domain.tasks import Backoff
from service.jobs import HANDLERS, SCHEDULE
from service.jobs.runner import Runner
from service.jobs.work import Handler, Tick, Work

QUEUE = "ancrage:wake"
JOB = "wake"
# A wake-up nobody took is worth nothing later: whoever starts looks anyway.
JOB_SECONDS = 60
# arq looks for jobs this often. Half of it is the median wait it adds; looking twice as often costs an idle
# worker as much again: see benchmarks/tasks.py.
POLL_SECONDS = 0.005
# Nothing here takes longer than a moment unless Redis is in trouble.
REDIS_SECONDS = 2.0
# How soon after a failure Redis is tried again, doubled at each failure up to the longest.
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


def connect(redis_url: str) -> ArqRedis:
    """Return a client that fails fast: no retries of its own, short timeouts, JSON instead of pickles."""
    client: ArqRedis = ArqRedis.from_url(
        redis_url,
        socket_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    client.job_serializer = orjson.dumps
    client.job_deserializer = orjson.loads
    client.default_queue_name = QUEUE
    return client


class ArqWake:
    """Tells workers in other processes that events were committed: ``Database.wake`` when there is a Redis.

    Calling it only leaves a note; a task of its own talks to Redis, so that a request never waits for it nor
    fails with it. Wake-ups given meanwhile become one. An outage is logged once.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self._asked = asyncio.Event()

    def __call__(self) -> None:
        """Ask for a wake-up."""
        self._asked.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Carry wake-ups beside the block."""
        try:
            async with _beside(self._carry()):
                yield self
        finally:
            await close(self._redis)

    async def _carry(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                async with asyncio.timeout(REDIS_SECONDS):
                    await self._redis.enqueue_job(JOB, _job_id=JOB, _expires=JOB_SECONDS)
            except (RedisError, OSError, TimeoutError) as error:
                if pause == FIRST_PAUSE_SECONDS:
                    log.warning(
                        "redis.unreachable", error=str(error), consequence="workers look by themselves"
                    )
                self._asked.set()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                if pause != FIRST_PAUSE_SECONDS:
                    log.info("redis.reached_again")
                pause = FIRST_PAUSE_SECONDS


async def listen(redis_url: str, wake: Callable[[], None]) -> None:
    """Run arq's worker, which calls ``wake`` for every job, until cancelled; anew whenever Redis goes."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        client = connect(redis_url)
        worker: Worker | None = None
        try:
            # What a killed worker left would hold up the next wake-up, and count as its first try.
            await client.delete(in_progress_key_prefix + JOB, retry_key_prefix + JOB)
            if pause != FIRST_PAUSE_SECONDS:
                log.info("redis.reached_again")
            pause = FIRST_PAUSE_SECONDS
            worker = _arq_worker(client, wake)
            await worker.async_run()
        except (RedisError, OSError, TimeoutError) as error:
            if pause == FIRST_PAUSE_SECONDS:
                log.warning("redis.unreachable", error=str(error), consequence="this worker looks by itself")
        finally:
            if worker is not None:
                await _abandon(worker)
            await close(client)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _arq_worker(client: ArqRedis, wake: Callable[[], None]) -> Worker:
    async def look(ctx: dict[Any, Any], *_: Any, **__: Any) -> None:  # noqa: ARG001 - arq's signature
        wake()

    async def look_again(ctx: dict[Any, Any]) -> None:  # noqa: ARG001 - arq's signature
        # A wake-up given while the job's key still stood was not enqueued; the key is gone now.
        wake()

    worker = Worker(
        [func(look, name=JOB, keep_result=0, timeout=REDIS_SECONDS, max_tries=1_000_000)],
        queue_name=QUEUE,
        redis_pool=client,
        handle_signals=False,
        poll_delay=POLL_SECONDS,
        after_job_end=look_again,
        keep_result=0,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        log_results=False,
    )
    # For how long a job whose worker was killed blocks its id; arq would have it ten seconds longer.
    worker.in_progress_timeout_s = REDIS_SECONDS
    return worker


async def _abandon(worker: Worker) -> None:
    """End the jobs of a worker that has lost Redis or is to stop; its own closing would talk to Redis."""
    ended = [*worker.tasks.values(), *([worker.main_task] if worker.main_task else [])]
    await cancel(ended)
    # Redis failed all of them alike, which was logged once; asyncio wants to know that somebody looked.
    await asyncio.gather(*ended, return_exceptions=True)


async def close(client: ArqRedis) -> None:
    """Close a client's connections, in whatever state they are."""
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(REDIS_SECONDS):
            await client.aclose(close_connection_pool=True)


async def run_worker(
    settings: Settings,
    *,
    handlers: Mapping[str, Sequence[Handler]] = HANDLERS,
    schedule: Mapping[str, Tick] = SCHEDULE,
    backoff: Backoff | None = None,
    grace_seconds: float = 20.0,
) -> None:
    """Work until SIGTERM or SIGINT: ``ancrage worker``. A second signal stops without grace.

    With ``REDIS_URL`` wake-ups come at once, without it, or while Redis is down, at the next look
    (``worker_poll_seconds``). Without ``DATABASE_URL`` the embedded PostgreSQL is joined, or started.
    """
    configure_logging(settings)
    async with AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            hold = await asyncio.to_thread(embedded.start, settings.data_dir / "postgres")
            stack.push_async_callback(asyncio.to_thread, hold.stop)
            url = hold.url
        # A connection per task, one for the loop, one for its heartbeat, one to spare.
        pool_size = max(settings.database_pool_size, settings.worker_concurrency + 3)
        database = Database(create_engine(url, pool_size=pool_size))
        stack.push_async_callback(database.close)
        runner = Runner(
            Work(database, settings),
            handlers=handlers,
            schedule=schedule,
            backoff=backoff,
            grace_seconds=grace_seconds,
        )
        database.wake = runner.wake
        if settings.redis_url is not None:
            await stack.enter_async_context(_beside(listen(settings.redis_url, runner.wake)))
        running = asyncio.create_task(runner.run(), name="worker")
        _stop_on_signals(runner, running)
        with contextlib.suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something endless beside the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await cancel([task])


def _stop_on_signals(runner: Runner, running: asyncio.Task[None]) -> None:
    signals = itertools.count()

    def stop() -> None:
        if next(signals):
            running.cancel()
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
