"""The rows an invitation ends in: the invitation itself, and a grant of the same seat."""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict
from service.domain.delegation import Seat
from service.models import Invitation, RoleGrant


async def lock(session: AsyncSession, invitation_id: uuid.UUID) -> Invitation:
    """Return an invitation that exists, as it is now, locked for a change."""
    found = await session.scalars(
        select(Invitation)
        .where(Invitation.id == invitation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.one()


async def refuse_held(session: AsyncSession, person_id: uuid.UUID | None, seat: Seat) -> RoleGrant | None:
    """Raise :class:`Conflict` when the person holds the seat; return a grant of it that has ended, if any."""
    held = await session.scalar(
        select(RoleGrant)
        .where(
            RoleGrant.person_id == person_id,
            RoleGrant.role == seat.role,
            RoleGrant.territory_id.is_not_distinct_from(seat.territory_id),
            RoleGrant.employer_id.is_not_distinct_from(seat.employer_id),
            RoleGrant.partner_id.is_not_distinct_from(seat.partner_id),
            RoleGrant.revoked_at.is_(None),
        )
        .execution_options(populate_existing=True)
    )
    if held is None or (held.expires_at is not None and held.expires_at <= now()):
        return held
    raise Conflict("This person holds this role there already.", extra={"member_id": str(held.id)})
