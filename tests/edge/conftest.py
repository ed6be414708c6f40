"""Applications with limits of their own, callers from networks of their own, and real sockets."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.app import create_app
from service.cli.connections import connection as connection_class
from service.core.database import Database
from service.core.ids import new_id
from service.core.security import Kind, hash_secret, new_key
from service.core.settings import Settings
from service.models import ApiClient as Program, ApiKey, Territory
from tests.client import ApiClient

Make = Callable[..., Awaitable[FastAPI]]
From = Callable[[FastAPI, str], ApiClient]
Publish = Callable[..., Awaitable[str]]
Serve = Callable[..., "Served"]


@pytest_asyncio.fixture
async def make(database: Database, settings: Settings) -> AsyncIterator[Make]:
    """Return ``make(**settings)``: a started application on the test's database."""
    async with AsyncExitStack() as stack:

        async def make(on: Database | None = None, **changed: Any) -> FastAPI:
            app = create_app(on or database, settings=settings.model_copy(update=changed))
            await stack.enter_async_context(app.router.lifespan_context(app))
            return app

        yield make


@pytest.fixture
def calling(session: AsyncSession) -> From:
    """Return ``calling(app, address)``: a client that calls from an address."""

    def calling(app: FastAPI, address: str) -> ApiClient:
        client = ApiClient(app, session)
        client._transport = httpx.ASGITransport(app=app, client=(address, 4711), raise_app_exceptions=False)
        return client

    return calling


@pytest.fixture
def publish_key(database: Database) -> Publish:
    """Return ``publish_key(territory, *origins)``: a new publishable key."""

    async def publish_key(territory: Territory, *origins: str, **overrides: Any) -> str:
        key = new_key(Kind.PUBLISHABLE_KEY)
        async with database.transaction() as session:
            program = Program(
                id=new_id(),
                name="Page",
                kind="publishable",
                territory_ids=[territory.id],
                scopes=[],
                origins=list(origins),
                revoked_at=overrides.pop("client_revoked_at", None),
            )
            session.add(program)
            await session.flush()
            session.add(ApiKey(client_id=program.id, digest=hash_secret(key), hint=key[-4:], **overrides))
        return key

    return publish_key


@pytest.fixture
def statements(connection: AsyncConnection) -> Iterator[list[str]]:
    """Return the list of what is said to the database from now on."""
    said: list[str] = []

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    yield said
    event.remove(connection.sync_connection, "before_cursor_execute", note)


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop whose time a test moves on."""

    ahead = 0.0

    def time(self) -> float:
        """Return the loop's time."""
        return super().time() + self.ahead


@pytest_asyncio.fixture
async def hurry() -> AsyncIterator[Callable[[float], None]]:
    """Return ``hurry(seconds)``: moves the time of the tests' own loop on, until the test ends."""
    loop = asyncio.get_running_loop()
    time = loop.time
    ahead = [0.0]

    def hurry(seconds: float) -> None:
        ahead[0] += seconds

    loop.time = lambda: time() + ahead[0]  # type: ignore[method-assign] # the loop's own clock, moved
    yield hurry
    del loop.time


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield


class Served:
    """An application on a real socket, as ``ancrage run`` serves it, in a thread whose time can be moved."""

    def __init__(self, app: Any, **limits: Any) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        http = connection_class(**{"head_bytes": 32_768, "body_bytes": 1_048_576} | limits)
        self._server = _Server(
            uvicorn.Config(app, http=http, ws="none", log_config=None, access_log=False, lifespan="off")
        )
        self._loop = HurriedLoop()
        self._thread = threading.Thread(target=self._run, args=(listener,), daemon=True)
        self._thread.start()

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve(sockets=[listener]))

    async def until(self, holds: Callable[[list[Any]], bool]) -> None:
        """Return once ``holds`` of the connections that the server has."""

        def look() -> None:
            while not holds(list(self._server.server_state.connections)):
                pass

        await asyncio.to_thread(look)

    def hurry(self, seconds: float) -> None:
        """Move the server's time on."""

        def move() -> None:
            self._loop.ahead += seconds

        self._loop.call_soon_threadsafe(move)

    def stop(self) -> None:
        """Stop at once."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return ``serve(app, **limits)``, which serves an application until the test ends."""
    running: list[Served] = []

    def serve(app: Any, **limits: Any) -> Served:
        running.append(Served(app, **limits))
        return running[-1]

    yield serve
    for served in running:
        served.stop()
