"""The platform itself: its own secret, whether database and code agree, how it is doing."""

import secrets
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.reach import elevated
from service.core.security import Keyring
from service.core.settings import Settings
from service.models import Event, PlatformSecret, Posting, ReferentialRelease, Task, Territory


async def get_secret(session: AsyncSession, name: str) -> bytes:
    """Return the platform's own secret ``name`` (32 bytes), made at the first call, one for every process."""
    await session.execute(
        insert(PlatformSecret)
        .values(name=name, value=secrets.token_bytes(32))
        .on_conflict_do_nothing(index_elements=["name"])
    )
    value: bytes = (
        await session.scalars(select(PlatformSecret.value).where(PlatformSecret.name == name))
    ).one()
    return value


async def get_keyring(session: AsyncSession, settings: Settings) -> Keyring:
    """Return the keys worked out from ``SECRET_KEY``, or from a secret made once and kept in the database."""
    if settings.secret_key is not None:
        return Keyring(settings.secret_key.get_secret_value().encode())
    async with elevated(session):
        return Keyring(await get_secret(session, "master"))


async def get_revision(session: AsyncSession) -> str | None:
    """Return the migration the database is at, or None when it was never migrated."""
    exists = await session.scalar(text("SELECT to_regclass('alembic_version')"))
    if exists is None:
        return None
    revision: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@dataclass(frozen=True, slots=True)
class Condition:
    """How the platform is doing: counts of rows, newest releases, work waiting."""

    server_version: str
    revision: str | None
    territories: int
    postings: int
    releases: dict[str, str]
    events_waiting: int
    tasks: dict[str, int]


async def examine(session: AsyncSession) -> Condition:
    """Return the platform's condition."""
    newest = await session.execute(
        select(ReferentialRelease.referential, ReferentialRelease.version)
        .ext(distinct_on(ReferentialRelease.referential))
        .order_by(ReferentialRelease.referential, ReferentialRelease.imported_at.desc())
    )
    states = await session.execute(select(Task.state, func.count()).group_by(Task.state))
    return Condition(
        server_version=str(await session.scalar(text("SHOW server_version"))),
        revision=await get_revision(session),
        territories=await session.scalar(select(func.count()).select_from(Territory)) or 0,
        postings=await session.scalar(select(func.count()).select_from(Posting)) or 0,
        releases={row[0]: row[1] for row in newest},
        events_waiting=await session.scalar(select(func.count()).where(Event.fanned_out_at.is_(None))) or 0,
        tasks={str(state): count for state, count in states},
    )
