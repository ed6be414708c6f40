"""Partners of a territory: landlords, schools, health insurers, chambers."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import Conflict, FieldError, Invalid
from service.core.ids import new_id
from service.domain import audit
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.events import record
from service.models import Partner, Territory
from service.schemas.partners import PartnerCreate, PartnerKind, PartnerRead, PartnerUpdate


async def read(session: AsyncSession, partner: Partner) -> PartnerRead:
    """Return a partner as those who work with it see it."""
    slug = await session.scalar(select(Territory.slug).where(Territory.id == partner.territory_id))
    return _read(partner, slug or "")


def _read(partner: Partner, slug: str) -> PartnerRead:
    own = {name: getattr(partner, name) for name in PartnerRead.model_fields if name != "territory"}
    return PartnerRead.model_validate(own | {"territory": slug})


async def list_partners(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None,
    kind: PartnerKind | None,
) -> Sequence[PartnerRead]:
    """Return up to ``limit`` partners by id, newest last, after the id ``after``."""
    query = (
        select(Partner, Territory.slug)
        .join(Territory, Territory.id == Partner.territory_id)
        .where(allowed(actor, "partner.read", Partner))
        .order_by(Partner.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Partner.id > after)
    if kind is not None:
        query = query.where(Partner.kind == kind)
    if territory is not None:
        holder = await require_territory(session, actor, "partner.read", territory)
        query = query.where(Territory.lineage.contains([holder.id]))
    rows = (await session.execute(query)).all()
    shown = ((partner.id, partner.territory_id) for partner, _ in rows[: limit - 1])
    audit.read_by_territory(session, actor, "partner", shown)
    return [_read(partner, slug) for partner, slug in rows]


async def get_partner(
    session: AsyncSession, actor: Actor, partner_id: uuid.UUID, to: str = "partner.read"
) -> Partner:
    """Return a partner at which the actor holds the permission ``to``, locked unless it is a read.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    partner = await obtain(
        session,
        actor,
        Partner,
        partner_id,
        to,
        reading="partner.read",
        missing=f"There is no partner {partner_id} among those you may see.",
    )
    if to == "partner.read":
        audit.read(session, actor, "partner", [partner.id], territory_id=partner.territory_id)
    return partner


async def create_partner(session: AsyncSession, actor: Actor, data: PartnerCreate) -> Partner:
    """Make a partner. Raises :class:`Conflict` when the territory already has one of this name."""
    territory = await require_territory(session, actor, "partner.create", data.territory)
    values = data.model_dump(exclude={"territory"})
    values |= {"id": new_id(), "territory_id": territory.id, "version": 1}
    created = await session.scalar(
        insert(Partner).values(values).on_conflict_do_nothing().returning(Partner.id)
    )
    if created is None:
        known = await session.scalar(
            select(Partner.id).where(Partner.territory_id == territory.id, Partner.name == data.name)
        )
        raise _taken({"partner_id": str(known)})
    record(session, "partner.created", actor=actor.name, territory_id=territory.id, subject_id=created)
    return await get_partner(session, actor, created, "partner.create")


def _taken(extra: dict[str, str]) -> Conflict:
    message = "The territory already has a partner of this name."
    return Conflict(message, extra=extra)


async def update_partner(
    session: AsyncSession, actor: Actor, partner: Partner, data: PartnerUpdate
) -> Partner:
    """Change what ``data`` names. Raises :class:`Conflict` for another partner's name, :class:`Invalid`."""
    errors = [
        FieldError(f"/{name}", f"A partner needs a {name}.", "missing")
        for name in ("name", "kind")
        if name in data.model_fields_set and getattr(data, name) is None
    ]
    if errors:
        raise Invalid(" ".join(error.detail for error in errors), errors=errors)
    partner_id, territory_id = partner.id, partner.territory_id
    try:
        async with session.begin_nested():
            for name in data.model_fields_set:
                setattr(partner, name, getattr(data, name))
            partner.version += 1
            await session.flush()
    except IntegrityError as error:
        # The one constraint a value can meet. Whose name it is, who may not see that partner is not told.
        raise _taken({}) from error
    record(session, "partner.updated", actor=actor.name, territory_id=territory_id, subject_id=partner_id)
    return partner
