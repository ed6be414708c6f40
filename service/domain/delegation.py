"""Giving and taking roles: nobody gives, or takes away, more than they hold themselves."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Forbidden
from service.domain.access import ROLES, Actor, refusal, wearing
from service.models import Invitation, Person, RoleGrant, Territory

FOREVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seat:
    """A role at one place. ``lineage`` is that of the place's territory; empty for the platform's own."""

    role: str
    lineage: tuple[uuid.UUID, ...] = ()
    employer_id: uuid.UUID | None = None
    partner_id: uuid.UUID | None = None

    @property
    def territory_id(self) -> uuid.UUID | None:
        """Return the id of the territory it is in."""
        return self.lineage[-1] if self.lineage else None


async def seat_of(session: AsyncSession, row: RoleGrant | Invitation) -> Seat:
    """Return the seat that a grant holds or an invitation offers."""
    lineage = await session.scalar(select(Territory.lineage).where(Territory.id == row.territory_id))
    return Seat(row.role, tuple(lineage or ()), row.employer_id, row.partner_id)


def holds(actor: Actor, permission: str, seat: Seat) -> bool:
    """Tell whether ``actor`` holds ``permission`` where the seat is."""
    return actor.may_at(
        permission, lineage=seat.lineage, employer_id=seat.employer_id, partner_id=seat.partner_id
    )


def covers(actor: Actor, seat: Seat) -> bool:
    """Tell whether ``actor`` holds everything the seat allows, wherever it allows it."""
    role = ROLES[seat.role]
    return role.permissions <= actor.permissions_at(
        lineage=seat.lineage,
        employer_id=seat.employer_id,
        partner_id=seat.partner_id,
        inside=role.inside,
    )


def may_give(actor: Actor, seat: Seat) -> bool:
    """Tell whether ``actor`` may give the seat to somebody, now."""
    return holds(actor, "invitation.create", seat) and covers(actor, seat)


def require_seat(actor: Actor, permission: str, seat: Seat) -> None:
    """Raise :class:`Forbidden` unless ``actor`` holds ``permission`` at the seat and all that it allows."""
    if not holds(actor, permission, seat):
        raise refusal(actor, permission, "here")
    if not covers(actor, seat):
        raise Forbidden(
            f"The role {seat.role} may do more there than you. Nobody gives a role, or takes one away, "
            "that allows more than their own."
        )


def live() -> ColumnElement[bool]:
    """Return the condition that a grant holds now."""
    return RoleGrant.revoked_at.is_(None) & or_(RoleGrant.expires_at.is_(None), RoleGrant.expires_at > now())


async def may_give_until(session: AsyncSession, giver: str, seat: Seat) -> datetime | None:
    """Return until when ``giver`` (an actor's name) may give the seat, or None when they may not now.

    Somebody whose own role ends must not give one that outlasts it. The session must reach the giver's
    grants.
    """
    kind, _, name = giver.partition(":")
    if kind == "system":
        return FOREVER
    person = await session.get(Person, uuid.UUID(name)) if kind == "person" else None
    if person is None or person.anonymised_at is not None:
        return None
    held = list(await session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id, live())))
    for end in sorted({_end(grant) for grant in held}, reverse=True):
        if may_give(wearing(person, [grant for grant in held if _end(grant) >= end]), seat):
            return end
    return None


def _end(grant: RoleGrant) -> datetime:
    return grant.expires_at or FOREVER
