"""No request lasts for ever, and one that is broken off leaves nothing behind."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import func, select, text
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.cross_origin import CrossOrigin
from service.api.dependencies import WriteSession
from service.api.edge import Edge
from service.api.limits import Limiter
from service.core.database import Database, create_engine
from service.core.reach import elevated
from service.core.settings import Settings
from service.domain.origins import KnownOrigins
from service.models import Employer
from tests.client import ApiClient
from tests.edge.conftest import HurriedLoop, Make, Serve
from tests.factories import create_employer, create_key, create_territory

TIMEOUT = "urn:ancrage:problem:timeout"


async def blocked(database: Database) -> None:
    """Return once a transaction waits for a lock."""
    async with database.sessions() as session:
        while not await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            await session.rollback()


async def test_what_takes_too_long_is_broken_off_and_undone(
    fresh_database: Database, make: Make, hurry: Callable[[float], None]
) -> None:
    async with fresh_database.transaction() as session:
        territory = await create_territory(session, slug="bassin")
        first = await create_employer(session, territory, name="Avant")
    app = await make(fresh_database)

    async def rename(session: WriteSession) -> None:
        async with elevated(session):
            await session.execute(text("UPDATE employer SET name = 'Après'"))
            await session.execute(text("LOCK TABLE territory"))

    app.add_api_route("/v1/slow", rename, methods=["POST"], status_code=204)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client,
        fresh_database.transaction() as session,
    ):
        await session.execute(text("LOCK TABLE territory"))
        asked = asyncio.create_task(client.post("/v1/slow"))
        await blocked(fresh_database)
        hurry(31)
        answer = await asked
        assert (answer.status_code, answer.json()["type"]) == (503, TIMEOUT)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["connection"] == "close"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["instance"].endswith(answer.headers["x-request-id"])
        assert "ratelimit" in answer.headers
        # The row is free again and as it was, while the lock is still held.
        row = select(Employer.name).where(Employer.id == first.id).with_for_update(nowait=True)
        assert await session.scalar(row) == "Avant"


async def test_the_timeout_of_an_operation_is_as_documented(
    fresh_database: Database, make: Make, hurry: Callable[[float], None]
) -> None:
    async with fresh_database.transaction() as session:
        territory = await create_territory(session, slug="bassin")
    key = await create_key(fresh_database, territory)
    body = {"territory": "bassin", "siret": "73282932000074", "name": "Fournil"}
    async with ApiClient(await make(fresh_database)) as client:
        client.with_key(key)
        async with fresh_database.transaction() as holding:
            await holding.execute(text("LOCK TABLE employer"))
            asked = asyncio.create_task(client.post("/v1/employers", json=body))
            await blocked(fresh_database)
            hurry(31)
            answer = await asked
            assert (answer.status_code, answer.json()["type"]) == (503, TIMEOUT)
        async with fresh_database.transaction() as looking:
            assert await looking.scalar(select(func.count()).select_from(Employer)) == 0
        # Nothing of it hangs on: neither the row nor the connection.
        assert (await client.post("/v1/employers", json=body)).status_code == 201


async def test_an_error_of_time_elsewhere_is_not_taken_for_ours(make: Make) -> None:
    app = await make()

    async def fails() -> None:
        message = "no connection within 10 s"
        raise TimeoutError(message)

    app.add_api_route("/v1/fails", fails)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.get("/v1/fails")
    # Such as a database that does not answer.
    assert answer.json()["type"] == "urn:ancrage:problem:unavailable"


def edge_around(app: ASGIApp, settings: Settings) -> Edge:
    # Never connected: nothing asked here needs it.
    database = Database(create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none"))
    return Edge(
        app, settings=settings, limiter=Limiter(settings), origins=CrossOrigin(KnownOrigins(database))
    )


def broken_off(settings: Settings, *pauses: float) -> bool:
    """Tell whether an answer of parts with these pauses between, in seconds, is broken off."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HurriedLoop)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for pause in pauses:
            loop.ahead += pause
            for _ in range(5):
                # Let what is due happen.
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def ask() -> bool:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/v1/x", "query_string": b"", "headers": []}
        await edge_around(app, settings)(scope, receive, send)
        assert [message["type"] for message in sent].count("http.response.start") == 1
        return bool(sent[-1].get("more_body", True))

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(ask())


@pytest.mark.parametrize(
    ("pauses", "broken"),
    [((25.0,) * 4, False), ((31.0,), True), ((25.0, 31.0), True), ((29.0, 29.0, 29.0), False)],
)
async def test_an_answer_may_take_as_long_as_it_goes_on(
    settings: Settings, pauses: tuple[float, ...], broken: bool
) -> None:
    assert await asyncio.to_thread(broken_off, settings, *pauses) == broken


async def test_a_body_that_does_not_come_is_not_waited_for(settings: Settings, serve: Serve) -> None:
    reading = threading.Event()

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        reading.set()
        await receive()

    served = serve(edge_around(app, settings))
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello")
    await asyncio.to_thread(reading.wait)
    served.hurry(31)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert TIMEOUT.encode() in answer
    assert b"\r\nconnection: close\r\n" in answer.lower()
    writer.close()


async def test_an_answer_that_stops_halfway_has_no_end(settings: Settings, serve: Serve) -> None:
    async def app(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        await asyncio.Event().wait()

    served = serve(edge_around(app, settings))
    with structlog.testing.capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"part\r\n")).startswith(b"HTTP/1.1 200 ")
        served.hurry(31)
        # Whoever reads it knows that it is not whole.
        assert await reader.read() == b""
    assert "answer broken off" in [entry["event"] for entry in logs]
    writer.close()
