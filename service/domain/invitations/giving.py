"""Offering a role: to whom one may, no more than one holds, not too often."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Invalid, TooManyRequests
from service.core.ids import new_id
from service.core.reach import elevated
from service.core.security import Keyring, hash_secret
from service.domain import derived, mail
from service.domain.access import ROLES, Actor, Place, obtain, require_territory
from service.domain.delegation import FOREVER, Seat, may_give_until, require_seat, seat_of
from service.domain.events import record
from service.domain.invitations.reading import get_invitation, state_of, waiting
from service.domain.invitations.seats import lock, refuse_held
from service.models import Employer, Invitation, Partner, Person, Territory
from service.schemas.members import InvitationCreate

VALID_FOR: Final = timedelta(days=14)
RESEND_AFTER: Final = timedelta(minutes=15)
MOST_SENDINGS: Final = 5
"""Mails of one invitation."""
MOST_TO_ONE: Final = 6
"""Mails that one person may have sent to one address within a day."""
MOST_A_DAY: Final = 200
"""Invitations that one person may make within a day."""
_DAY: Final = timedelta(days=1)

_PLACES: Final = {Place.TERRITORY: "territory", Place.EMPLOYER: "employer_id", Place.PARTNER: "partner_id"}


async def _seat_asked(session: AsyncSession, actor: Actor, data: InvitationCreate) -> tuple[Seat, str]:
    """Return the seat a caller names, and the language of its place. Raises what fits the place."""
    needed = _PLACES.get(ROLES[data.role].place)
    errors = [
        FieldError(f"/{name}", f"The role {data.role} is given {_where(needed)}.", "wrong_place")
        for name in _PLACES.values()
        if (getattr(data, name) is not None) != (name == needed)
    ]
    if errors:
        raise Invalid(f"The role {data.role} is given {_where(needed)}.", errors=errors)
    if needed is None:
        return Seat(data.role), "fr"
    if data.territory is not None:
        territory = await require_territory(session, actor, "invitation.create", data.territory)
        return Seat(data.role, tuple(territory.lineage)), _language(territory)
    model: type[Employer | Partner] = Employer if data.employer_id else Partner
    kind = "employer" if data.employer_id else "partner"
    place_id = data.employer_id or data.partner_id
    assert place_id is not None  # noqa: S101 - one of the three is there
    place = await obtain(
        session,
        actor,
        model,
        place_id,
        "invitation.create",
        reading=f"{kind}.read",
        missing=f"There is no {kind} {place_id} among those you may see.",
    )
    territory = (await session.scalars(select(Territory).where(Territory.id == place.territory_id))).one()
    return Seat(data.role, tuple(territory.lineage), data.employer_id, data.partner_id), _language(territory)


def _where(needed: str | None) -> str:
    return f"at one place: send `{needed}` and no other" if needed else "on the whole platform: send no place"


def _language(territory: Territory) -> str:
    return territory.languages[0] if territory.languages else "fr"


async def _require_end(session: AsyncSession, actor: Actor, seat: Seat, role_end: datetime | None) -> None:
    """Raise :class:`Invalid` unless ``actor``, who may give the seat, may do so until ``role_end``."""
    if role_end is not None and role_end <= now():
        message = "The role would have ended already."
        raise Invalid(message, errors=[FieldError("/role_expires_at", message, "past")])
    until = await may_give_until(session, actor.name, seat)
    if until is None or (role_end or FOREVER) > until:
        ends = f"on {until:%Y-%m-%dT%H:%M:%SZ}" if until and until < FOREVER else "now"
        message = f"What you may give here ends {ends}: send `role_expires_at`, no later than that."
        raise Invalid(message, errors=[FieldError("/role_expires_at", message, "outlasts_yours")])


async def create_invitation(
    session: AsyncSession, actor: Actor, keyring: Keyring, data: InvitationCreate
) -> Invitation:
    """Offer a role to an address; the mail follows by event.

    Raises :class:`NotFound` (place), :class:`Forbidden` (more than the actor holds), :class:`Invalid`,
    :class:`Conflict` for a role held or offered already, :class:`TooManyRequests`.
    """
    seat, language = await _seat_asked(session, actor, data)
    require_seat(actor, "invitation.create", seat)
    await _require_end(session, actor, seat, data.role_expires_at)
    moment = now()
    invitation_id = new_id()
    # Who has the address is the platform's to know, and roles are the platform's to offer.
    async with elevated(session):
        await _hold_back(session, actor, data.email)
        person_id = await session.scalar(select(Person.id).where(Person.email == data.email))
        await refuse_held(session, person_id, seat)
        same = (
            Invitation.email == data.email,
            Invitation.role == seat.role,
            Invitation.territory_id.is_not_distinct_from(seat.territory_id),
            Invitation.employer_id.is_not_distinct_from(seat.employer_id),
            Invitation.partner_id.is_not_distinct_from(seat.partner_id),
            waiting(),
        )
        former = await session.scalar(select(Invitation).where(*same).with_for_update())
        if former is not None and former.expires_at <= moment:
            former.revoked_at = moment
            await session.flush()
        created: Invitation | None = await session.scalar(
            insert(Invitation)
            .values(
                id=invitation_id,
                email=data.email,
                language=data.language or language,
                role=seat.role,
                territory_id=seat.territory_id,
                employer_id=seat.employer_id,
                partner_id=seat.partner_id,
                link_digest=hash_secret(derived.invitation_link(keyring, invitation_id)),
                invited_by=actor.name,
                sent_at=moment,
                sendings=1,
                role_expires_at=data.role_expires_at,
                created_at=moment,
                expires_at=moment + VALID_FOR,
            )
            .on_conflict_do_nothing()
            .returning(Invitation)
        )
        if created is None:
            known = await session.scalar(select(Invitation.id).where(*same))
            raise Conflict(
                "This address is invited to this role already. "
                "`POST /v1/invitations/{invitation_id}/resend` sends the mail again.",
                extra={"invitation_id": str(known)} if known else {},
            )
    _send(session, actor, created, person_id)
    _record(session, actor, created, "invitation.created", replaces=former)
    return created


def _send(session: AsyncSession, actor: Actor, invitation: Invitation, person_id: uuid.UUID | None) -> None:
    mail.request(
        session,
        template="invitation",
        to=invitation.email,
        language=invitation.language,
        territory_id=invitation.territory_id,
        person_id=person_id,
        data={"invitation_id": invitation.id},
        actor=actor.name,
    )


def _record(
    session: AsyncSession, actor: Actor, invitation: Invitation, kind: str, replaces: Invitation | None = None
) -> None:
    record(
        session,
        kind,
        actor=actor.name,
        territory_id=invitation.territory_id,
        subject_id=invitation.id,
        data={"role": invitation.role} | ({"replaces": str(replaces.id)} if replaces else {}),
    )


async def _hold_back(session: AsyncSession, actor: Actor, email: str) -> None:
    """Raise :class:`TooManyRequests` when the actor has sent too much in the last day."""
    # Counted one after the other, or many at once would all find room.
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"invitations {actor.name}", 0)))
    )
    since = now() - _DAY
    row = (
        await session.execute(
            select(
                func.count().filter(Invitation.created_at > since),
                func.coalesce(func.sum(Invitation.sendings).filter(Invitation.email == email), 0),
            ).where(Invitation.invited_by == actor.name, Invitation.sent_at > since)
        )
    ).one()
    if row[0] >= MOST_A_DAY:
        raise TooManyRequests(
            f"You made {MOST_A_DAY} invitations within 24 hours. Make more tomorrow.",
            retry_after=int(_DAY.total_seconds()),
        )
    if row[1] >= MOST_TO_ONE:
        raise TooManyRequests(
            f"You had {MOST_TO_ONE} mails sent to this address within 24 hours. Speak to the person instead.",
            retry_after=int(_DAY.total_seconds()),
        )


async def revoke_invitation(session: AsyncSession, actor: Actor, invitation_id: uuid.UUID) -> None:
    """Take an invitation back; doing so again changes nothing.

    Raises :class:`NotFound`, :class:`Forbidden`, :class:`Conflict` when it was accepted.
    """
    await get_invitation(session, actor, invitation_id, "invitation.revoke")
    # Nobody writes invitations by themselves.
    async with elevated(session):
        invitation = await lock(session, invitation_id)
        if invitation.accepted_at is not None:
            raise Conflict(
                "It was accepted: the person holds the role. `DELETE /v1/members/{grant_id}` takes it back."
            )
        if invitation.revoked_at is not None:
            return
        invitation.revoked_at = now()
    _record(session, actor, invitation, "invitation.revoked")


async def resend_invitation(session: AsyncSession, actor: Actor, invitation_id: uuid.UUID) -> Invitation:
    """Send the mail again and give it another 14 days; who sends it again vouches for it from then on.

    Raises :class:`NotFound`, :class:`Forbidden`, :class:`Invalid`, :class:`Conflict` when there is nothing
    left to accept, :class:`TooManyRequests`.
    """
    known = await get_invitation(session, actor, invitation_id, "invitation.create")
    seat = await seat_of(session, known)
    await _require_end(session, actor, seat, known.role_expires_at)
    moment = now()
    # Nobody writes invitations by themselves.
    async with elevated(session):
        await _hold_back(session, actor, known.email)
        invitation = await lock(session, invitation_id)
        if invitation.accepted_at is not None or invitation.revoked_at is not None:
            raise Conflict(f"It is {state_of(invitation)}: there is nothing left to accept.")
        if invitation.sendings >= MOST_SENDINGS:
            raise Conflict(
                f"The mail went out {MOST_SENDINGS} times. Ask the person by other means, or revoke it."
            )
        wait = invitation.sent_at + RESEND_AFTER - moment
        if wait > timedelta():
            raise TooManyRequests(
                "The mail has only just been sent. Give it time to arrive.",
                retry_after=int(wait.total_seconds()) + 1,
            )
        person_id = await session.scalar(select(Person.id).where(Person.email == invitation.email))
        await refuse_held(session, person_id, seat)
        invitation.invited_by = actor.name
        invitation.sent_at = moment
        invitation.sendings += 1
        invitation.expires_at = moment + VALID_FOR
    _send(session, actor, invitation, person_id)
    _record(session, actor, invitation, "invitation.resent")
    return invitation
