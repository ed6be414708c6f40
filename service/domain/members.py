"""Members: the roles persons hold, as those who look after a place see them."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, NotFound
from service.core.reach import elevated
from service.domain import audit
from service.domain.access import ROLES, Actor, Place, allowed, obtain, require_territory
from service.domain.delegation import Seat, live, require_seat, seat_of
from service.domain.events import record
from service.models import Employer, Invitation, Partner, Person, RoleGrant, Territory
from service.schemas.members import MemberPerson, MemberRead, NamedPlace

_MANAGING: Final = frozenset(
    name
    for name, role in ROLES.items()
    if role.place is Place.TERRITORY and role.inside and "member.remove" in role.permissions
)
"""Roles of who can let others in; a territory must not be left without any."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids in a list of grants or invitations are called."""

    territories: dict[uuid.UUID, str]
    places: dict[uuid.UUID, str]
    persons: dict[uuid.UUID, MemberPerson]

    def seat(self, row: RoleGrant | Invitation) -> dict[str, Any]:
        """Return the role and place of ``row`` as every answer says them."""
        return {
            "role": row.role,
            "territory": self.territories.get(row.territory_id) if row.territory_id else None,
            "employer": self._place(row.employer_id),
            "partner": self._place(row.partner_id),
        }

    def _place(self, place_id: uuid.UUID | None) -> NamedPlace | None:
        return None if place_id is None else NamedPlace(id=place_id, name=self.places.get(place_id, ""))


async def names_in(
    session: AsyncSession, rows: Collection[RoleGrant | Invitation], person_ids: Collection[uuid.UUID]
) -> Names:
    """Return the names of every place of ``rows`` and of these persons."""
    territories = {row.territory_id for row in rows if row.territory_id}
    employers = {row.employer_id for row in rows if row.employer_id}
    partners = {row.partner_id for row in rows if row.partner_id}
    # A person is nobody's but their own, and who is invited does not see the place yet. That they may see
    # the row that names them is decided.
    async with elevated(session):
        slugs = await session.execute(
            select(Territory.id, Territory.slug).where(Territory.id.in_(territories))
        )
        places = await session.execute(
            select(Employer.id, Employer.name)
            .where(Employer.id.in_(employers))
            .union_all(select(Partner.id, Partner.name).where(Partner.id.in_(partners)))
        )
        persons = await session.execute(
            select(Person.id, Person.email, Person.given_name, Person.family_name).where(
                Person.id.in_(person_ids)
            )
        )
    return Names(
        {row.id: row.slug for row in slugs},
        {row.id: row.name for row in places},
        {row.id: MemberPerson.model_validate(row) for row in persons},
    )


async def read(session: AsyncSession, grants: Sequence[RoleGrant]) -> list[MemberRead]:
    """Return grants as those who look after their places see them, in their order."""
    names = await names_in(session, grants, {grant.person_id for grant in grants})
    return [
        MemberRead(
            **names.seat(grant),
            id=grant.id,
            person=names.persons[grant.person_id],
            since=grant.created_at,
            expires_at=grant.expires_at,
        )
        for grant in grants
    ]


async def list_members(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None,
    employer_id: uuid.UUID | None,
    partner_id: uuid.UUID | None,
) -> list[MemberRead]:
    """Return up to ``limit`` roles held now that the actor may see, oldest first, after the id ``after``."""
    query = (
        select(RoleGrant)
        .where(allowed(actor, "member.read", RoleGrant), live())
        .order_by(RoleGrant.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(RoleGrant.id > after)
    if territory is not None:
        holder = await require_territory(session, actor, "member.read", territory)
        inside = select(Territory.id).where(Territory.lineage.contains([holder.id]))
        query = query.where(RoleGrant.territory_id.in_(inside))
    if employer_id is not None:
        query = query.where(RoleGrant.employer_id == employer_id)
    if partner_id is not None:
        query = query.where(RoleGrant.partner_id == partner_id)
    found = list(await session.scalars(query))
    others = (grant for grant in found[: limit - 1] if grant.person_id != actor.person_id)
    audit.read_by_territory(session, actor, "member", ((grant.id, grant.territory_id) for grant in others))
    return await read(session, found)


async def _get(session: AsyncSession, actor: Actor, grant_id: uuid.UUID) -> RoleGrant:
    missing = f"There is no member {grant_id} among those you may see."
    grant = await obtain(
        session, actor, RoleGrant, grant_id, "member.read", reading="member.read", missing=missing
    )
    if grant.revoked_at is not None or (grant.expires_at is not None and grant.expires_at <= now()):
        raise NotFound(missing)
    return grant


async def get_member(session: AsyncSession, actor: Actor, grant_id: uuid.UUID) -> MemberRead:
    """Return one role held now. Raises :class:`NotFound`."""
    grant = await _get(session, actor, grant_id)
    if grant.person_id != actor.person_id:
        audit.read(session, actor, "member", [grant.id], territory_id=grant.territory_id)
    (member,) = await read(session, [grant])
    return member


async def remove_member(session: AsyncSession, actor: Actor, grant_id: uuid.UUID) -> None:
    """Take a role away, or lay down one's own: from the commit on it allows nothing.

    Raises :class:`NotFound`, :class:`Forbidden` for a role wider than the actor's own, and
    :class:`Conflict` when nobody would be left to manage the territory.
    """
    grant = await _get(session, actor, grant_id)
    seat = await seat_of(session, grant)
    if actor.person_id is None or grant.person_id != actor.person_id:
        require_seat(actor, "member.remove", seat)
    # Nobody writes roles by themselves.
    async with elevated(session):
        if seat.role in _MANAGING:
            await _keep_a_manager(session, grant, seat)
        revoked = await session.scalar(
            select(RoleGrant)
            .where(RoleGrant.id == grant.id, RoleGrant.revoked_at.is_(None))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if revoked is None:
            raise NotFound(f"There is no member {grant_id} among those you may see.")
        revoked.revoked_at = now()
    record(
        session,
        "member.removed",
        actor=actor.name,
        territory_id=grant.territory_id,
        subject_id=grant.id,
        data={"role": grant.role},
    )


async def _keep_a_manager(session: AsyncSession, leaving: RoleGrant, seat: Seat) -> None:
    """Raise :class:`Conflict` unless somebody else manages the territory, one above it, or the platform."""
    # Two who remove each other at once: the second waits here, then finds themselves the last.
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"managers {seat.lineage[0]}", 0)))
    )
    other = await session.scalar(
        select(RoleGrant.id)
        .join(Person, Person.id == RoleGrant.person_id)
        .where(
            RoleGrant.id != leaving.id,
            Person.anonymised_at.is_(None),
            live(),
            or_(
                RoleGrant.role == "operator",
                RoleGrant.role.in_(_MANAGING) & RoleGrant.territory_id.in_(seat.lineage),
            ),
        )
        .limit(1)
    )
    if other is None:
        raise Conflict(
            "This is the last person who manages this territory, and nobody manages one above it or the "
            "platform. Invite another territory_manager, and wait until they accept."
        )
