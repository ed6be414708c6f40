"""What the edge's limits cost a request: the same calls without them, with counts in memory, and in Redis.

In one process, on a PostgreSQL and a Redis of its own; calls take turns, so that whatever else the machine
does falls on all alike; "work" is the process's own share of the time. Then memory under a flood: one request
while an attacker's networks fill the counts, with our counters and with those of the library.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter

from service.api.limits.counters import MemoryCounters
from service.app import create_app
from service.core import embedded
from service.core.database import Database, create_engine
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.settings import Settings
from tests.factories import create_employer, create_key, create_territory
from tests.servers import RedisServer

WARM_UP = 40
OK = 200
# What is measured is counting, not refusing.
PLENTY = {"limit_network_per_minute": 1_000_000_000, "limit_caller_per_minute": 1_000_000_000}


async def _fill(database: Database) -> str:
    async with database.transaction() as session:
        territory = await create_territory(session, slug="bassin")
        for number in range(20):
            await create_employer(session, territory, name=f"Atelier {number}")
    return await create_key(database, territory)


async def _measure(url: str, redis_url: str, calls: int) -> None:
    engine = create_engine(url)
    await migrate(engine)
    database = Database(engine)
    key = await _fill(database)
    plain = Settings(redis_url=None)
    ways = {
        "without": plain.model_copy(update={"rate_limits": False, "lockout_failures": 0}),
        "memory": plain.model_copy(update=PLENTY),
        "redis": plain.model_copy(update=PLENTY | {"redis_url": redis_url}),
    }
    asked: dict[str, tuple[str, dict[str, str]]] = {
        "alive (not counted)": ("/healthz", {}),
        "public: one territory": ("/v1/territories/bassin", {}),
        "key: 20 employers": ("/v1/employers", {"Authorization": f"Bearer {key}"}),
    }
    async with AsyncExitStack() as stack:
        clients = {}
        for way, settings in ways.items():
            app = create_app(database, settings=settings)
            await stack.enter_async_context(app.router.lifespan_context(app))
            clients[way] = await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")
            )
        for name, (path, headers) in asked.items():
            walls: dict[str, list[float]] = {way: [] for way in ways}
            works: dict[str, list[float]] = {way: [] for way in ways}
            for turn in range(calls + WARM_UP):
                # Another one goes first each time.
                for way in sorted(clients, key=lambda way: (list(clients).index(way) + turn) % len(clients)):
                    begun, worked = time.perf_counter(), time.process_time()
                    answer = await clients[way].get(path, headers=headers)
                    if turn >= WARM_UP:
                        works[way].append(time.process_time() - worked)
                        walls[way].append(time.perf_counter() - begun)
                    assert answer.status_code == OK, answer.text  # noqa: S101 - a benchmark of errors is none
            _tell(name, "time", walls)
            _tell(name, "work", works)
    await engine.dispose()


def _tell(name: str, measure: str, times: dict[str, list[float]]) -> None:
    medians = {way: statistics.median(taken) * 1e6 for way, taken in times.items()}
    told = ", ".join(
        f"{way} {median:6.0f} µs (x{median / medians['without']:.3f})" for way, median in medians.items()
    )
    print(f"{name:22} {measure} p50: {told}")


async def _flood(networks: int, calls: int) -> None:
    item = RateLimitItemPerMinute(600)
    storages: dict[str, Storage] = {"ours": MemoryCounters(), "library": MemoryStorage()}
    times: dict[str, list[float]] = {name: [] for name in storages}
    for name, storage in storages.items():
        for number in range(networks):
            # As its own `incr` leaves it, which would look through all keys each time.
            if isinstance(storage, MemoryStorage):
                storage.storage[f"k{number}"] = 1
                storage.expirations[f"k{number}"] = time.time() + 60
            else:
                await storage.incr(f"k{number}", 60)
        limiter: Any = FixedWindowRateLimiter(storage)
        for _ in range(calls):
            begun = time.process_time()
            await limiter.hit(item, "somebody")
            # What the storage does beside the request, it does on the same loop.
            await asyncio.sleep(0)
            times[name].append(time.process_time() - begun)
    told = ", ".join(f"{name} {statistics.median(taken) * 1e6:8.1f} µs" for name, taken in times.items())
    print(f"{networks:7} networks counted: one more request {told}")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    arguments = parser.parse_args()
    configure_logging(Settings(log_level="ERROR"))
    with tempfile.TemporaryDirectory(prefix="ancrage-limits-") as folder:
        Path(folder).chmod(0o711)
        redis = RedisServer(Path(folder))
        redis.start()
        try:
            with embedded.start(Path(folder) / "postgres", durable=False) as hold:
                asyncio.run(_measure(hold.url, redis.url, arguments.calls))
        finally:
            redis.stop()
    for networks in (0, 1_000, 10_000, 90_000):
        asyncio.run(_flood(networks, 50))


if __name__ == "__main__":
    main()
