"""The unit of work: an ``AsyncSession`` inside :func:`transaction`, which holds the only commit."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

# The floors above that may not know SQLAlchemy take the session's type from here.
__all__ = ["EVENTS_RECORDED", "AsyncSession", "Database", "create_engine"]

# Set in ``session.info`` by the verb that records an event, read after the commit.
EVENTS_RECORDED = "events_recorded"


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine for ``url`` (``postgresql+asyncpg://…``), JSON by orjson."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        # Errors are logged; what a statement was about, names and addresses among it, is not.
        hide_parameters=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={"server_settings": {"application_name": "ancrage", "timezone": "UTC", "jit": "off"}},
    )


class Database:
    """An engine, its sessions, and what to call once events have been committed."""

    def __init__(
        self, bind: AsyncEngine | AsyncConnection, *, wake: Callable[[], None] | None = None
    ) -> None:
        self.bind = bind
        self.wake: Callable[[], None] = wake or (lambda: None)
        self.sessions = async_sessionmaker(
            bind,
            expire_on_commit=False,
            # Tests bind to a connection inside an outer transaction that is rolled back.
            join_transaction_mode="create_savepoint",
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Yield a session; commit when the block ends well, roll back when it raises.

        After a commit that recorded events, the wake-up is given. A lost wake-up loses nothing:
        workers also look by themselves.
        """
        async with self.sessions() as session:
            yield session
            await session.commit()
            if session.info.pop(EVENTS_RECORDED, False):
                self.wake()

    async def close(self) -> None:
        """Close every pooled connection."""
        if isinstance(self.bind, AsyncEngine):
            await self.bind.dispose()
