"""Reading invitations: those to places one looks after, those that wait for oneself, the one in a link."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import NotFound
from service.core.reach import elevated
from service.core.security import Kind, hash_secret, kind_of
from service.domain import audit, members
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.delegation import require_seat, seat_of
from service.models import Invitation, Territory
from service.schemas.members import InvitationRead, InvitationState, OfferRead


def waiting() -> ColumnElement[bool]:
    """Return the condition that nobody has answered, in time or not."""
    return Invitation.accepted_at.is_(None) & Invitation.revoked_at.is_(None)


_STATES: Final[Mapping[InvitationState, Callable[[], ColumnElement[bool]]]] = {
    "waiting": lambda: waiting() & (Invitation.expires_at > now()),
    "accepted": lambda: Invitation.accepted_at.is_not(None),
    "revoked": lambda: Invitation.revoked_at.is_not(None),
    "expired": lambda: waiting() & (Invitation.expires_at <= now()),
}


def state_of(invitation: Invitation) -> InvitationState:
    """Return what has become of an invitation."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "expired" if invitation.expires_at <= now() else "waiting"


def _inviter(invitation: Invitation) -> uuid.UUID | None:
    kind, _, name = invitation.invited_by.partition(":")
    return uuid.UUID(name) if kind == "person" else None


async def read(session: AsyncSession, invitations: Sequence[Invitation]) -> list[InvitationRead]:
    """Return invitations as those concerned see them, in their order."""
    inviters = {each.id: _inviter(each) for each in invitations}
    names = await members.names_in(session, invitations, {who for who in inviters.values() if who})

    def name_of(who: uuid.UUID | None) -> str | None:
        person = names.persons.get(who) if who else None
        return " ".join(filter(None, (person.given_name, person.family_name))) or None if person else None

    return [
        InvitationRead(
            **names.seat(each),
            id=each.id,
            email=each.email,
            language=each.language,
            state=state_of(each),
            invited_by=name_of(inviters[each.id]),
            sent_at=each.sent_at,
            created_at=each.created_at,
            expires_at=each.expires_at,
            role_expires_at=each.role_expires_at,
        )
        for each in invitations
    ]


async def list_invitations(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None = None,
    employer_id: uuid.UUID | None = None,
    partner_id: uuid.UUID | None = None,
    state: InvitationState | None = None,
) -> list[InvitationRead]:
    """Return up to ``limit`` invitations to places the actor looks after, newest first, after ``after``."""
    query = (
        select(Invitation)
        .where(allowed(actor, "invitation.read", Invitation))
        .order_by(Invitation.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(Invitation.id < after)
    if territory is not None:
        holder = await require_territory(session, actor, "invitation.read", territory)
        inside = select(Territory.id).where(Territory.lineage.contains([holder.id]))
        query = query.where(Invitation.territory_id.in_(inside))
    if employer_id is not None:
        query = query.where(Invitation.employer_id == employer_id)
    if partner_id is not None:
        query = query.where(Invitation.partner_id == partner_id)
    if state is not None:
        query = query.where(_STATES[state]())
    found = list(await session.scalars(query))
    shown = ((each.id, each.territory_id) for each in found[: limit - 1])
    audit.read_by_territory(session, actor, "invitation", shown)
    return await read(session, found)


async def list_own(session: AsyncSession, actor: Actor) -> list[InvitationRead]:
    """Return what waits for the actor's own address, newest first."""
    found = await session.scalars(
        select(Invitation)
        .where(allowed(actor, "invitation.accept", Invitation), _STATES["waiting"]())
        .order_by(Invitation.id.desc())
        .limit(100)
    )
    return await read(session, list(found))


async def get_invitation(
    session: AsyncSession, actor: Actor, invitation_id: uuid.UUID, to: str = "invitation.read"
) -> Invitation:
    """Return an invitation at which the actor holds ``to``, not locked: nobody writes one by themselves.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    invitation = await obtain(
        session,
        actor,
        Invitation,
        invitation_id,
        "invitation.read",
        reading="invitation.read",
        missing=f"There is no invitation {invitation_id} among those you may see.",
    )
    if to == "invitation.read":
        audit.read(session, actor, "invitation", [invitation.id], territory_id=invitation.territory_id)
    else:
        require_seat(actor, to, await seat_of(session, invitation))
    return invitation


async def id_of_token(session: AsyncSession, token: str) -> uuid.UUID:
    """Return the id of the invitation whose mail carried ``token``. Raises :class:`NotFound`."""
    found = None
    if kind_of(token) is Kind.LINK:
        # Who follows the link is not known yet, or is known by another address.
        async with elevated(session):
            found = await session.scalar(
                select(Invitation.id).where(Invitation.link_digest == hash_secret(token))
            )
    if found is None:
        raise NotFound(
            "No invitation has this token: send what follows the last `/` of the link in the mail."
        )
    return found


async def read_offer(session: AsyncSession, token: str) -> OfferRead:
    """Return the invitation whose mail carried ``token``, for its page. Raises :class:`NotFound`."""
    invitation_id = await id_of_token(session, token)
    # Whoever has the link has the mail.
    async with elevated(session):
        invitation = (await session.scalars(select(Invitation).where(Invitation.id == invitation_id))).one()
        (offer,) = await read(session, [invitation])
        territory = await session.scalar(select(Territory.name).where(Territory.slug == offer.territory))
    named = offer.employer or offer.partner
    return OfferRead(**dict(offer), place=named.name if named else territory or "Ancrage")
