"""Taking the role that was offered: once, in time, by the address it was offered to."""

import uuid

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, Forbidden, Gone, NotFound
from service.core.ids import new_id
from service.core.reach import elevated
from service.domain.access import Actor, allowed
from service.domain.delegation import FOREVER, may_give_until, seat_of
from service.domain.events import record
from service.domain.invitations.reading import id_of_token, state_of
from service.domain.invitations.seats import lock, refuse_held
from service.models import Invitation, RoleGrant


async def accept_by_token(session: AsyncSession, actor: Actor, token: str) -> RoleGrant:
    """Take the role offered in the mail that carried ``token``.

    Raises :class:`NotFound` for a token of no invitation, :class:`Forbidden` for one sent to another
    address, and as :func:`accept_own` does.
    """
    invitation_id = await id_of_token(session, token)
    return await _accept(session, actor, invitation_id)


async def accept_own(session: AsyncSession, actor: Actor, invitation_id: uuid.UUID) -> RoleGrant:
    """Take the role offered to the actor's own address.

    Raises :class:`NotFound` for what was not offered to them, :class:`Gone` for what was revoked or has
    expired, :class:`Conflict` for what was taken, or when who offered it may no longer give it.
    """
    known = await session.scalar(
        select(Invitation.id).where(
            Invitation.id == invitation_id, allowed(actor, "invitation.accept", Invitation)
        )
    )
    if known is None:
        raise NotFound(f"No invitation {invitation_id} was sent to your address.")
    return await _accept(session, actor, invitation_id)


def _require_waiting(invitation: Invitation) -> None:
    """Raise :class:`Conflict` or :class:`Gone`, with why, when there is nothing left to accept."""
    match state_of(invitation):
        case "accepted":
            raise Conflict("This invitation was accepted already: each one counts once.")
        case "revoked":
            raise Gone("This invitation was taken back. Ask whoever invited you.")
        case "expired":
            raise Gone("This invitation has expired. Ask whoever invited you to send it again.")
        case "waiting":
            pass
    if invitation.role_expires_at is not None and invitation.role_expires_at <= now():
        raise Gone("The role would have ended already. Ask for a new invitation.")


async def _accept(session: AsyncSession, actor: Actor, invitation_id: uuid.UUID) -> RoleGrant:
    moment = now()
    # Nobody gives themselves a role: that it was offered, and that whoever offered it may, is checked here.
    async with elevated(session):
        invitation = await lock(session, invitation_id)
        if actor.person_id is None or actor.email != invitation.email:
            raise Forbidden(
                "This invitation was sent to another address. Sign in with the one that received the mail."
            )
        _require_waiting(invitation)
        seat = await seat_of(session, invitation)
        until = await may_give_until(session, invitation.invited_by, seat)
        if until is None or (invitation.role_expires_at or FOREVER) > until:
            raise Conflict("Whoever invited you may no longer give this role. Ask somebody else for it.")
        ended = await refuse_held(session, actor.person_id, seat)
        if ended is not None:
            # It stands in the way of the new one.
            ended.revoked_at = ended.expires_at
            await session.flush()
        grant: RoleGrant | None = await session.scalar(
            insert(RoleGrant)
            .values(
                id=new_id(),
                person_id=actor.person_id,
                role=seat.role,
                territory_id=seat.territory_id,
                employer_id=seat.employer_id,
                partner_id=seat.partner_id,
                given_by=invitation.invited_by,
                created_at=moment,
                expires_at=invitation.role_expires_at,
            )
            .on_conflict_do_nothing()
            .returning(RoleGrant)
        )
        if grant is None:
            raise Conflict("You were given this role a moment ago by other means.")
        invitation.accepted_at = moment
        invitation.accepted_by = actor.person_id
    for kind, subject_id in (("invitation.accepted", invitation.id), ("member.added", grant.id)):
        record(
            session,
            kind,
            actor=actor.name,
            territory_id=seat.territory_id,
            subject_id=subject_id,
            data={"role": seat.role},
        )
    return grant
