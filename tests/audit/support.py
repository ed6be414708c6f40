"""Chains to break, and the breaking."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.circumstances import Circumstances, circumstances
from service.core.database import Database
from service.core.ids import new_id
from service.domain import audit
from service.domain.audit.verification import Verified
from service.models import AuditEntry

FROM_SOMEWHERE = Circumstances(network="192.0.2.7", user_agent="Tests/1", reason="Asked by telephone")


async def entries(database: Database) -> list[AuditEntry]:
    """Return the whole trail, chain by chain."""
    async with database.transaction() as session:
        found = await session.scalars(select(AuditEntry).order_by(AuditEntry.chain_id, AuditEntry.sequence))
        return list(found)


async def write_chain(database: Database, length: int, chain_id: uuid.UUID | None = None) -> uuid.UUID:
    """Write ``length`` entries, each of its own transaction and with circumstances; return the chain's id."""
    territory_id = chain_id or new_id()
    token = circumstances.set(FROM_SOMEWHERE)
    try:
        for number in range(length):
            async with database.transaction() as session:
                audit.note(
                    session,
                    actor="system:test",
                    action="thing.done",
                    object_kind="thing",
                    object_id=new_id(),
                    territory_id=territory_id,
                    data={"number": number, "share": 0.1 * number, "words": ["é", None, {"b": 1, "a": True}]},
                )
    finally:
        circumstances.reset(token)
    return territory_id


async def verify(database: Database, chain_id: uuid.UUID, *heads: bytes) -> Verified:
    """Return what is found in a chain."""
    async with database.transaction() as session:
        return await audit.verify(session, chain_id, heads=heads)


async def breaks(database: Database, chain_id: uuid.UUID) -> list[int | None]:
    """Return the numbers of the entries at which a chain is broken; None for its head."""
    return [each.sequence for each in (await verify(database, chain_id)).breaks]


@asynccontextmanager
async def unguarded(database: Database) -> AsyncIterator[AsyncSession]:
    """Yield a session of somebody who owns the tables and lets nothing stop them."""
    async with database.transaction() as session:
        for table in ("audit_entry", "audit_chain"):
            await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield session
        for table in ("audit_entry", "audit_chain"):
            for trigger in (f"{table}_grows", f"{table}_row_grows"):
                await session.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))
