"""The servers the other tests stand on."""

import socket

import asyncpg
import pytest
import redis.asyncio as redis

from tests.fixtures.servers import OutsideReachedError, _reached
from tests.servers import RedisServer


async def test_database_is_utf8_and_ordered_by_code_point(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    try:
        row = await connection.fetchrow(
            "SELECT pg_encoding_to_char(encoding) AS encoding, datlocprovider, datlocale "
            "FROM pg_database WHERE datname = current_database()"
        )
        words = await connection.fetchval(
            "SELECT array_agg(w ORDER BY w) FROM unnest(ARRAY['été', 'zoo', 'Zoo', 'eau']) AS w"
        )
        lexemes = await connection.fetchval(
            "SELECT tsvector_to_array(to_tsvector('french', '«Café» — l’hôtel'))"
        )
        config = await connection.fetchval("SHOW default_text_search_config")
    finally:
        await connection.close()
    assert row is not None
    assert config == "pg_catalog.french"
    assert tuple(row) == ("UTF8", b"b", "C.UTF-8")
    assert words == ["Zoo", "eau", "zoo", "été"]
    assert lexemes == ["caf", "hôtel"]


async def test_redis_restarts_empty_at_the_same_address(redis_server: RedisServer) -> None:
    async with redis.from_url(redis_server.url) as client:
        await client.set("key", "value")
        assert await client.get("key") == b"value"
    first = redis_server.pid
    redis_server.restart()
    assert redis_server.pid != first
    async with redis.from_url(redis_server.url) as client:
        assert await client.get("key") is None
        await client.set("key", "value")
        redis_server.flush()
        assert await client.get("key") is None


def test_leaving_the_machine_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(OutsideReachedError):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(OutsideReachedError):
        socket.getaddrinfo("example.org", 80)
    assert _reached == ["socket.connect 192.0.2.1", "socket.getaddrinfo example.org"]
    _reached.clear()
