"""PostgreSQL without SQLAlchemy between, for the reads where a millisecond counts: asyncpg's own connections.

What is read so is what anybody may read: every connection acts as the application's role and reaches nowhere,
for good. Nothing is written, and no transaction is held: each statement stands alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from service.core.database import create_engine
from service.core.reach import NARROWED

# SQLAlchemy's own, in an address: the driver does not know them.
_NOT_THE_DRIVERS: Final = ("prepared_statement_cache_size", "prepared_statement_name_func")
_CONNECT_SECONDS: Final = 10.0
FAILURES: Final = (
    OSError,
    TimeoutError,
    EOFError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    SQLAlchemyError,
)
"""How a connection or a statement fails."""


async def connect(engine: AsyncEngine, **settings: str) -> Any:
    """Return a new connection of the driver's, to where ``engine`` does. ``settings`` are the server's."""
    _, options = engine.dialect.create_connect_args(engine.url)
    for name in _NOT_THE_DRIVERS:
        options.pop(name, None)
    async with asyncio.timeout(_CONNECT_SECONDS):
        return await asyncpg.connect(
            **options,
            server_settings={"application_name": "ancrage", "timezone": "UTC", "jit": "off"} | settings,
        )


def narrow_engine(engine: AsyncEngine, *, size: int) -> AsyncEngine:
    """Return another engine to where ``engine`` connects, for sessions that read what is public.

    Its connections reach nowhere, for good, and each statement stands alone.
    """
    narrow = create_engine(engine.url, pool_size=size, pre_ping=False).execution_options(
        isolation_level="AUTOCOMMIT"
    )

    @event.listens_for(narrow.sync_engine, "connect")
    def _narrow(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(NARROWED)
        cursor.close()
        connection.commit()

    return narrow


class PublicReads:
    """Up to ``size`` connections, opened when they are needed, that read what is public."""

    def __init__(self, engine: AsyncEngine, *, size: int) -> None:
        self._engine = engine
        self._free = asyncio.Semaphore(size)
        self._idle: list[Any] = []
        self._narrow = narrow_engine(engine, size=size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Lend a connection. One that was interrupted is not lent again."""
        async with self._free:
            connection = self._idle.pop() if self._idle else None
            if connection is None or connection.is_closed():
                connection = await self._open()
            whole = False
            try:
                yield connection
                whole = True
            finally:
                if whole and not connection.is_closed():
                    self._idle.append(connection)
                else:
                    connection.terminate()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Lend a session, for what is written with SQLAlchemy."""
        async with AsyncSession(self._narrow) as session:
            yield session

    async def _open(self) -> Any:
        # Plans are made for the values at hand: what fits a village does not fit a region.
        connection = await connect(self._engine, plan_cache_mode="force_custom_plan")
        await connection.execute(NARROWED)
        return connection

    async def close(self) -> None:
        """Close every connection that is not lent."""
        while self._idle:
            self._idle.pop().terminate()
        await self._narrow.dispose()
