"""Reading the trail, which is itself noted in it."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.access import Actor, allowed, require_territory
from service.domain.audit.writing import note
from service.models import AuditEntry, Territory
from service.schemas.audit import AuditEntryRead

_PERMISSION = "audit.read"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: all that is given must hold. ``since`` is included, ``until`` is not."""

    territory: str | None = None
    actor: str | None = None
    object_id: uuid.UUID | None = None
    action: str | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None

    def facts(self) -> dict[str, str]:
        """Return what is asked, as text."""
        return {name: _said(value) for name, value in asdict(self).items() if value is not None}


def _said(value: object) -> str:
    """Return a filter as a caller would write it."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return str(value)


class Position(NamedTuple):
    """Where an entry stands in a list."""

    at: datetime.datetime
    chain_id: uuid.UUID
    sequence: int

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Position":
        """Return the position that a cursor kept."""
        at, chain_id, sequence = values
        return cls(datetime.datetime.fromisoformat(at), uuid.UUID(chain_id), sequence)


class Found(NamedTuple):
    """An entry and its position."""

    position: Position
    entry: AuditEntryRead


async def list_entries(
    session: AsyncSession, actor: Actor, wanted: Wanted, *, after: Position | None, limit: int
) -> Sequence[Found]:
    """Return up to ``limit`` entries, newest first, that come after the position ``after``.

    A full list's last item only tells that a page follows: it is not shown, and not audited.

    Raises :class:`NotFound` for a territory the actor may not know of, :class:`Forbidden`.
    """
    place = tuple_(AuditEntry.at, AuditEntry.chain_id, AuditEntry.sequence)
    query = (
        select(AuditEntry, Territory.slug)
        .outerjoin(Territory, Territory.id == AuditEntry.territory_id)
        .where(allowed(actor, _PERMISSION, AuditEntry))
        .order_by(AuditEntry.at.desc(), AuditEntry.chain_id.desc(), AuditEntry.sequence.desc())
        .limit(limit)
    )
    chosen = None
    if wanted.territory is not None:
        chosen = await require_territory(session, actor, _PERMISSION, wanted.territory)
        query = query.where(Territory.lineage.contains([chosen.id]))
    if wanted.actor is not None:
        query = query.where(AuditEntry.actor == wanted.actor)
    if wanted.object_id is not None:
        query = query.where(AuditEntry.object_id == wanted.object_id)
    if wanted.action is not None:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    if after is not None:
        query = query.where(place < after)
    found = [
        Found(Position(entry.at, entry.chain_id, entry.sequence), _read(entry, slug))
        for entry, slug in await session.execute(query)
    ]
    for territory_id in _places(actor, chosen):
        note(
            session,
            actor=actor.name,
            action=_PERMISSION,
            object_kind="audit",
            territory_id=territory_id,
            data={"filters": wanted.facts(), "count": len(found[: limit - 1])},
        )
    return found


def _places(actor: Actor, chosen: Territory | None) -> Iterable[uuid.UUID | None]:
    """Return the territories whose trail was read: the one asked for, else those whose keeper asks."""
    if chosen is not None:
        return [chosen.id]
    if actor.may_everywhere(_PERMISSION):
        return [None]
    held = (grant.territories | grant.exact_territories for grant in actor.holding(_PERMISSION))
    return sorted(frozenset[uuid.UUID]().union(*held))


def _read(entry: AuditEntry, slug: str | None) -> AuditEntryRead:
    columns = AuditEntryRead.model_fields.keys() - {"territory", "digest"}
    values = {name: getattr(entry, name) for name in columns}
    return AuditEntryRead.model_validate(values | {"territory": slug, "digest": entry.digest.hex()})
