"""Where counts are kept: memory does not grow for ever, Redis is shared, and its loss fails nothing."""

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
import redis
import structlog
from fastapi import FastAPI
from limits import RateLimitItemPerSecond
from sqlalchemy.ext.asyncio import AsyncSession

from service.api.limits.counters import Counters, MemoryCounters
from service.api.limits.limiter import _session_cookie
from service.core.clock import frozen, now
from service.core.database import Database
from service.core.security import Kind, new_key
from tests.edge.conftest import From, Make
from tests.factories import create_key, create_territory
from tests.servers import RedisServer

MINUTE = RateLimitItemPerSecond(5, 60, namespace="minute")
HOUR = RateLimitItemPerSecond(5, 3600, namespace="hour")
HERE = "203.0.113.7"


@pytest_asyncio.fixture(params=["memory", "redis"])
async def counters(request: pytest.FixtureRequest) -> AsyncIterator[Counters]:
    if request.param == "memory":
        yield Counters(None)
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    counters = Counters(server.url)
    yield counters
    await counters.close()


async def test_a_window_begins_with_its_first_count(counters: Counters) -> None:
    with frozen(now()):
        assert await counters.peek(MINUTE, "a") == (0, 1)
        assert await counters.take(MINUTE, "a") == (1, 60)
        assert await counters.take(MINUTE, "a") == (2, 60)
        assert await counters.take(MINUTE, "b") == (1, 60)
        assert await counters.take(HOUR, "a") == (1, 3600)
        assert await counters.peek(MINUTE, "a") == (2, 60)


async def test_a_window_ends(database: Database) -> None:
    del database
    counters, moment = Counters(None), now()
    with frozen(moment):
        await counters.take(MINUTE, "a")
    with frozen(moment + timedelta(seconds=59.5)):
        assert await counters.take(MINUTE, "a") == (2, 1)
    with frozen(moment + timedelta(seconds=60)):
        assert await counters.peek(MINUTE, "a") == (0, 1)
        assert await counters.take(MINUTE, "a") == (1, 60)


async def test_memory_forgets_what_is_over_and_never_holds_more_than_it_may() -> None:
    counters, moment = MemoryCounters(max_keys=100), now()
    with frozen(moment):
        for number in range(50):
            await counters.incr(f"minute {number}", 60)
    with frozen(moment + timedelta(seconds=61)):
        for number in range(25):
            await counters.incr(f"later {number}", 60)
        # Two old windows went for each new one.
        assert len(counters) == len(counters._windows) == 25
        await counters.incr("lock", 900)
        for number in range(500):
            await counters.incr(f"flood {number}", 60)
        assert len(counters) == len(counters._windows) == 100
        assert await counters.get("flood 499") == 1
        assert await counters.get("flood 0") == 0
        # The flood has not washed away what matters.
        assert await counters.get("lock") == 1
        await counters.clear("lock")
        assert await counters.get("lock") == 0
        assert await counters.check()
        assert await counters.reset() == 100
        assert len(counters) == 0


async def test_a_key_that_comes_back_again_and_again_takes_one_place() -> None:
    counters, moment = MemoryCounters(), now()
    for minutes in range(200):
        with frozen(moment + timedelta(minutes=minutes)):
            await counters.incr("same", 60)
            assert len(counters) <= 2


async def test_processes_count_together_in_redis(redis_server: RedisServer) -> None:
    one, other = Counters(redis_server.url), Counters(redis_server.url)
    counted = [await each.take(MINUTE, "a") for each in (one, other, one, other)]
    assert [count for count, _ in counted] == [1, 2, 3, 4]
    assert all(59 <= seconds <= 60 for _, seconds in counted)
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        assert client.keys() == [b"ancrage:limits:minute/a/5/60/second"]
        assert 0 < client.ttl("ancrage:limits:minute/a/5/60/second") <= 60
    await one.close()
    await other.close()


async def test_without_redis_memory_counts_and_the_outage_is_told_once(redis_server: RedisServer) -> None:
    counters, moment = Counters(redis_server.url), now()
    with structlog.testing.capture_logs() as logs:
        with frozen(moment):
            assert (await counters.take(MINUTE, "a"))[0] == 1
            redis_server.kill()
            assert [(await counters.take(MINUTE, "a"))[0] for _ in range(3)] == [1, 2, 3]
        with frozen(moment + timedelta(seconds=10)):
            assert (await counters.take(MINUTE, "a"))[0] == 4
        redis_server.start()
        with frozen(moment + timedelta(seconds=11)):
            # Left alone for a moment after each failure.
            assert (await counters.take(MINUTE, "a"))[0] == 5
        with frozen(moment + timedelta(seconds=13)):
            assert (await counters.take(MINUTE, "a"))[0] == 1
    assert [entry["event"] for entry in logs] == ["limits.redis_unreachable", "limits.redis_reached_again"]
    assert str(redis_server.socket) not in str(logs)
    await counters.close()


async def test_a_redis_that_hangs_holds_up_one_request_for_a_moment_and_fails_none(
    redis_server: RedisServer, make: Make, calling: From, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key = await create_key(database, territory)
    app = await make(redis_url=redis_server.url, limit_network_per_minute=3)
    assert redis_server.pid is not None
    async with calling(app, HERE) as client:
        assert (await client.get("/v1/territories/bassin")).status_code == 200
        os.kill(redis_server.pid, signal.SIGSTOP)
        try:
            client.with_key(key)
            with frozen(now()):
                answers = [await client.get("/v1/employers") for _ in range(3)]
        finally:
            os.kill(redis_server.pid, signal.SIGCONT)
        assert [answer.status_code for answer in answers] == [200] * 3


async def _statuses(app: FastAPI, calling: From, path: str, times: int) -> list[int]:
    async with calling(app, HERE) as client:
        client.with_key(new_key(Kind.SECRET_KEY))
        return [(await client.get(path)).status_code for _ in range(times)]


async def test_limits_and_locks_of_one_process_hold_in_the_others(
    redis_server: RedisServer, make: Make, calling: From, session: AsyncSession
) -> None:
    await create_territory(session, slug="bassin")
    await session.commit()
    changed = {"redis_url": redis_server.url, "limit_network_per_minute": 10, "lockout_failures": 3}
    one, other = await make(**changed), await make(**changed)
    assert await _statuses(one, calling, "/v1/employers", 2) == [401] * 2
    assert await _statuses(other, calling, "/v1/employers", 2) == [401, 429]
    assert await _statuses(one, calling, "/v1/employers", 1) == [429]
    async with calling(other, HERE) as client:
        statuses = [(await client.get("/v1/territories/bassin")).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        assert HERE.encode() not in b" ".join(client.keys())


@pytest.mark.parametrize(
    ("header", "cookie"),
    [
        (b"", b""),
        (b"theme=dark", b""),
        (b"theme=dark; ancrage_session=ancrage_ct_abc; x=y", b"ancrage_ct_abc"),
        (b"__Host-ancrage=ancrage_ct_abc", b"ancrage_ct_abc"),
        (b"\xff\xfe=1; ;=; ancrage_session", b""),
    ],
)
def test_the_consoles_cookie_is_found(header: bytes, cookie: bytes) -> None:
    assert _session_cookie(header) == cookie
