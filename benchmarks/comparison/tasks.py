"""``python -m benchmarks.comparison.tasks URL REDIS FOLDER``: the cases of background work, one when asked.

Lines of JSON come in and go out. arq alone is measured at its defaults: ten jobs at a time, a look at the
queue every half second, results kept.
"""

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

import uvloop
from arq import Worker, create_pool, func
from arq.connections import RedisSettings
from sqlalchemy import text

from benchmarks import tasks
from service.core.database import create_engine
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.settings import Settings

_CONCURRENCY: Final = int(Settings.model_fields["worker_concurrency"].default)


class Cases:
    """What can be asked."""

    def __init__(self, url: str, redis: str, folder: Path) -> None:
        self._url, self._redis = url, redis
        self._starts = folder / "starts"

    async def prepare(self) -> dict[str, Any]:
        """Make the tables."""
        bind = create_engine(self._url)
        await migrate(bind)
        async with bind.begin() as connection:
            await connection.execute(text("CREATE TABLE benchmark_effect (id uuid PRIMARY KEY)"))
        await bind.dispose()
        return {}

    async def in_process(self, events: int) -> dict[str, Any]:
        """Return milliseconds from commit to start, with the worker in this process."""
        return {"times": await tasks.in_process(self._url, events, self._starts)}

    async def through_redis(self, events: int) -> dict[str, Any]:
        """Return milliseconds from commit to start, with ``ancrage worker`` woken by arq."""
        async with tasks.other_worker(self._url, self._redis) as (database, _):
            return {"times": await tasks.latencies(database, events, self._starts)}

    async def throughput(self, kind: str, count: int) -> dict[str, Any]:
        """Return tasks a second of one worker as it comes."""
        return {"rate": count / await tasks.throughput(self._url, kind, count, _CONCURRENCY)}

    async def arq(self, count: int, apart: int) -> dict[str, Any]:
        """Return jobs a second of arq alone, and milliseconds to the start of ``apart`` single ones."""
        started: list[float] = []
        dice = random.Random(count)  # noqa: S311 - moments, no secret

        async def job(ctx: dict[Any, Any], *_: Any, **__: Any) -> None:  # noqa: ARG001 - arq's signature
            started.append(time.perf_counter())

        client = await create_pool(RedisSettings(unix_socket_path=self._redis.removeprefix("unix://")))
        await client.flushall()
        for _ in range(count):
            await client.enqueue_job("job")
        jobs = [func(job, name="job")]
        worker = Worker(jobs, redis_pool=client, burst=True, handle_signals=False)
        begun = time.perf_counter()
        await worker.async_run()
        rate = count / (time.perf_counter() - begun)
        assert len(started) == count  # noqa: S101 - a rate of jobs that did not run is none
        worker = Worker(jobs, redis_pool=client, handle_signals=False)
        running = asyncio.create_task(worker.async_run())
        times = []
        for number in range(apart):
            # Not in step with the worker's looks.
            await asyncio.sleep(dice.random() / 2)
            enqueued = time.perf_counter()
            await client.enqueue_job("job")
            while len(started) == count + number:  # noqa: ASYNC110 - arq tells of a start only by starting
                await asyncio.sleep(0.001)
            times.append((started[-1] - enqueued) * 1000)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.aclose(close_connection_pool=True)
        return {"times": times, "rate": rate}


def main() -> None:
    """Do what is asked until nothing more comes."""
    url, redis, folder = sys.argv[1:]
    configure_logging(tasks.settings_for(""))
    os.environ[tasks.STARTS] = str(Path(folder) / "starts")
    cases = Cases(url, redis, Path(folder))
    for line in sys.stdin:
        asked = json.loads(line)
        what = asked.pop("do")
        # As `ancrage` runs on uvloop, and arq's own command on asyncio.
        run = asyncio.run if what == "arq" else uvloop.run
        told = run(getattr(cases, what)(**asked))
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
