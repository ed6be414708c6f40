"""Releases of a referential: one import at a time, each one recorded with what it did."""

import time
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.listening import PUBLIC, REFERENTIALS
from service.domain import events
from service.domain.access import Actor
from service.domain.referentials.loading import Effect
from service.models import Base, ReferentialRelease

# How long a process may go on answering from the release it knows, in seconds.
_FRESH_FOR: Final = 3.0

# Per database: the release in force of each referential, and when that was last looked up.
_known: WeakKeyDictionary[Engine | Connection, dict[str, tuple[uuid.UUID | None, float]]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What importing one referential did. ``unchanged``: all was already there, nothing was written."""

    referential: str
    version: str
    checksum: str
    release_id: uuid.UUID
    unchanged: bool
    effects: Mapping[str, Effect] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """Return the outcome as lines for a person."""
        lines = []
        for name, effect in self.effects.items():
            counts = effect.as_dict()
            read = counts.pop("read")
            lines.append(
                f"  {name}: {read:,} read, "
                + ", ".join(f"{counts[key]:,} {key}" for key in ("added", "changed", "revived", "unchanged"))
                + (f", {effect.removed:,} removed" if effect.removed else f", {effect.obsoleted:,} obsoleted")
            )
        state = "nothing changed" if self.unchanged else "imported"
        return [f"{self.referential} {self.version}: {state} (SHA-256 {self.checksum[:12]}…)", *lines]


async def alone(session: AsyncSession, referential: str) -> None:
    """Wait until nobody else imports ``referential``, and keep others waiting until this transaction ends."""
    key = zlib.crc32(f"referential.{referential}".encode())
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def latest_release(session: AsyncSession, referential: str) -> ReferentialRelease | None:
    """Return the last import of ``referential`` that changed something, or None before the first."""
    latest: ReferentialRelease | None = await session.scalar(
        select(ReferentialRelease)
        .where(ReferentialRelease.referential == referential)
        .order_by(ReferentialRelease.imported_at.desc(), ReferentialRelease.id.desc())
        .limit(1)
    )
    return latest


async def current_release_id(session: AsyncSession, referential: str) -> uuid.UUID | None:
    """Return the id of the release in force, asked of the database at most every three seconds.

    None before the first import.
    """
    known = _known.setdefault(session.get_bind(), {})
    release_id, looked_up_at = known.get(referential, (None, float("-inf")))
    if time.monotonic() - looked_up_at > _FRESH_FOR:
        latest = await latest_release(session, referential)
        release_id = latest.id if latest else None
        known[referential] = (release_id, time.monotonic())
    return release_id


async def conclude(
    session: AsyncSession,
    actor: Actor,
    referential: str,
    *,
    version: str,
    checksum: str,
    effects: Mapping[str, Effect],
    tables: Iterable[type[Base]],
    details: Mapping[str, Any] | None = None,
) -> ImportOutcome:
    """Record the release and its event, unless the import found everything as it is.

    The same content under the same version or from the same bytes is the same release.
    """
    latest = await latest_release(session, referential)
    known = latest is not None and (latest.version == version or latest.checksum == checksum)
    if latest is not None and known and all(effect.nothing for effect in effects.values()):
        return ImportOutcome(
            referential, latest.version, checksum, latest.id, unchanged=True, effects=effects
        )
    for table in tables:
        # The next query would otherwise be planned for the size the table had before.
        await session.execute(text(f"ANALYZE {table.__tablename__}"))
    counts = {name: effect.as_dict() for name, effect in effects.items()}
    release = ReferentialRelease(
        referential=referential, version=version, checksum=checksum, counts=counts | dict(details or {})
    )
    session.add(release)
    await session.flush()
    _known.pop(session.get_bind(), None)
    await session.execute(select(func.pg_notify(PUBLIC, REFERENTIALS)))
    events.record(
        session,
        "referential.imported",
        actor=actor.name,
        subject_id=release.id,
        data={"referential": referential, "version": version, "counts": counts},
    )
    return ImportOutcome(referential, version, checksum, release.id, unchanged=False, effects=effects)
