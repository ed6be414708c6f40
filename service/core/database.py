"""The unit of work: an ``AsyncSession`` inside :func:`transaction`, which holds the only commit."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from service.core import reach as reaching
from service.core.reach import EVERYWHERE, Reach

# The floors above that may not know SQLAlchemy take the session's type from here.
__all__ = ["BEFORE_COMMIT", "EVENTS_RECORDED", "AsyncSession", "Database", "create_engine", "let_go"]

# Set in ``session.info`` by the verb that records an event, read after the commit.
EVENTS_RECORDED = "events_recorded"
# In ``session.info``: what must be the transaction's last statements, by name, each called once.
BEFORE_COMMIT = "before_commit"
LastWord = Callable[[AsyncSession], Awaitable[None]]


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def create_engine(url: str | URL, *, pool_size: int = 10, pre_ping: bool = True) -> AsyncEngine:
    """Return an engine for ``url`` (``postgresql+asyncpg://…``), JSON by orjson."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=pre_ping,
        # Errors are logged; what a statement was about, names and addresses among it, is not.
        hide_parameters=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={"server_settings": {"application_name": "ancrage", "timezone": "UTC", "jit": "off"}},
    )


async def let_go(session: AsyncSession) -> None:
    """Give the session's connection back before something else is waited for; the next statement takes one.

    For sessions that read: the transaction ends. One that reaches less than everywhere keeps it, for the next
    transaction would reach further; so does one that has something to commit.
    """
    unwritten = session.new or session.dirty or session.deleted
    unsaid = session.info.get(BEFORE_COMMIT) or session.info.get(EVENTS_RECORDED)
    if reaching.current(session).everywhere and not unwritten and not unsaid:
        await session.commit()


class Database:
    """An engine, its sessions, and what to call once events have been committed.

    ``reach`` is how far its transactions reach unless one says otherwise: everywhere, for the platform's own
    work.
    """

    def __init__(
        self,
        bind: AsyncEngine | AsyncConnection,
        *,
        wake: Callable[[], None] | None = None,
        reach: Reach = EVERYWHERE,
    ) -> None:
        self.bind = bind
        self.reach = reach
        self.wake: Callable[[], None] = wake or (lambda: None)
        self.sessions = async_sessionmaker(
            bind,
            expire_on_commit=False,
            # Tests bind to a connection inside an outer transaction that is rolled back.
            join_transaction_mode="create_savepoint",
        )

    def reaching(self, reach: Reach) -> "Database":
        """Return this database, for transactions that reach as far as ``reach``."""
        return Database(self.bind, wake=lambda: self.wake(), reach=reach)  # noqa: PLW0108 - wake may change

    @asynccontextmanager
    async def transaction(self, reach: Reach | None = None) -> AsyncIterator[AsyncSession]:
        """Yield a session; commit when the block ends well, roll back when it raises.

        After a commit that recorded events, the wake-up is given. A lost wake-up loses nothing:
        workers also look by themselves.
        """
        reach = self.reach if reach is None else reach
        async with self.sessions() as session:
            if not reach.everywhere:
                await reaching.apply(session, reach)
            yield session
            last_words: dict[str, LastWord] = session.info.pop(BEFORE_COMMIT, {})
            if last_words:
                # Not by ``elevated``: nothing follows for which the reach would be taken back.
                await session.flush()
                await reaching.apply(session, EVERYWHERE)
                for last_word in last_words.values():
                    await last_word(session)
            await session.commit()
            if session.info.pop(EVENTS_RECORDED, False):
                self.wake()

    @property
    def engine(self) -> AsyncEngine | None:
        """The engine; None on one connection, whose transaction nobody else can look into."""
        return self.bind if isinstance(self.bind, AsyncEngine) else None

    @asynccontextmanager
    async def plain_reads(self) -> AsyncIterator[AsyncSession]:
        """Yield a session that reads only, each statement by itself, and reaches everywhere."""
        if self.engine is None:
            async with self.transaction(EVERYWHERE) as session:
                yield session
            return
        async with AsyncSession(self.engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
            yield session

    async def close(self) -> None:
        """Close every pooled connection."""
        if isinstance(self.bind, AsyncEngine):
            await self.bind.dispose()
