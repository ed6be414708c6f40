"""Who may import at the same time: one import of a feed at once, one writer of a territory's groups at once.

Both are advisory locks of PostgreSQL, so nothing stays locked behind a process that died.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from service.core.database import Database
from service.core.errors import Conflict

_FEEDS = 0x66656564  # "feed"
_GROUPS = 0x67726F75  # "grou"


def _key(space: int, identifier: uuid.UUID) -> int:
    """Return a signed 64-bit key; the last eight bytes of a UUIDv7 are the random ones."""
    bits = int.from_bytes(identifier.bytes[8:], "big") ^ (space << 32)
    return bits - (1 << 64) if bits >= 1 << 63 else bits


@asynccontextmanager
async def alone_on_feed(database: Database, feed_id: uuid.UUID) -> AsyncIterator[None]:
    """Hold the feed for the block, over as many transactions as it makes.

    Raises :class:`Conflict` at once when another import of the feed is running, in this process or
    elsewhere.
    """
    key = _key(_FEEDS, feed_id)
    async with _own_connection(database) as connection:
        if not await connection.scalar(select(func.pg_try_advisory_lock(key))):
            raise Conflict("Another import of this feed is running. Wait until it has ended, then try again.")
        try:
            yield
        finally:
            try:
                await connection.execute(select(func.pg_advisory_unlock(key)))
            except BaseException:
                # Back in the pool, the connection would keep the feed locked.
                await connection.invalidate()
                raise


@asynccontextmanager
async def _own_connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """Yield a connection that holds no transaction while others write."""
    if isinstance(database.bind, AsyncEngine):
        async with database.bind.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")
    else:
        yield database.bind


async def alone_on_groups(session: AsyncSession, territory_id: uuid.UUID) -> None:
    """Wait to be the only transaction that groups the territory's postings, until it ends.

    Take it before any row of a posting, or two writers could wait for each other.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_key(_GROUPS, territory_id))))
