"""The platform itself: its own secret, and whether database and code agree."""

import secrets

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import PlatformSecret


async def get_secret(session: AsyncSession, name: str) -> bytes:
    """Return the platform's own secret ``name`` (32 bytes), made at the first call and shared by every process."""
    await session.execute(
        insert(PlatformSecret)
        .values(name=name, value=secrets.token_bytes(32))
        .on_conflict_do_nothing(index_elements=["name"])
    )
    value: bytes = (
        await session.scalars(select(PlatformSecret.value).where(PlatformSecret.name == name))
    ).one()
    return value


async def get_revision(session: AsyncSession) -> str | None:
    """Return the migration the database is at, or None when it was never migrated."""
    exists = await session.scalar(text("SELECT to_regclass('alembic_version')"))
    if exists is None:
        return None
    revision: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
