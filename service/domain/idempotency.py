"""Answers kept for repeated requests."""

import hashlib
import uuid
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.models import IdempotencyRecord

KEPT = timedelta(hours=24)


async def lock(session: AsyncSession, owner_id: uuid.UUID, key: str) -> bool:
    """Take the transaction's lock on an owner's key; False when another request holds it."""
    digest = hashlib.sha256(owner_id.bytes + key.encode()).digest()
    number = int.from_bytes(digest[:8], "big", signed=True)
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(number))))


async def find(session: AsyncSession, owner_id: uuid.UUID, key: str) -> IdempotencyRecord | None:
    """Return the stored answer of an owner's key, unless it is older than 24 hours."""
    record = await session.get(IdempotencyRecord, (owner_id, key))
    if record is not None and record.created_at < now() - KEPT:
        await session.delete(record)
        await session.flush()
        return None
    return record


async def store(session: AsyncSession, record: IdempotencyRecord) -> None:
    """Keep an answer, in the transaction of its effect."""
    record.created_at = now()
    session.add(record)
    await session.flush()


async def forget_old(session: AsyncSession) -> int:
    """Delete what is older than 24 hours; return how many."""
    forgotten = await session.scalars(
        delete(IdempotencyRecord)
        .where(IdempotencyRecord.created_at < now() - KEPT)
        .returning(IdempotencyRecord.key)
    )
    return len(forgotten.all())
