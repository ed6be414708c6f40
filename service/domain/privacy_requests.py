"""What persons ask about their data, answered by the territory's managers within a month."""

import calendar
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Invalid, NotFound, TooManyRequests
from service.core.ids import new_id
from service.core.reach import elevated
from service.core.security import Keyring
from service.domain import audit, mail
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.events import record
from service.domain.privacy.erasure import erase_address, erase_person
from service.domain.privacy.ties import known_at
from service.domain.territories import get_by_slug
from service.models import (
    Person,
    PrivacyRequest,
    RoleGrant,
    Territory,
)
from service.schemas.privacy import PrivacyRequestAnswer, PrivacyRequestCreate, PrivacyRequestRead

REMINDED_BEFORE: Final = timedelta(days=7)
"""Before the answer is due."""
_PER_ADDRESS: Final = 5
_WINDOW: Final = timedelta(days=1)
_ZONE: Final = ZoneInfo("Europe/Paris")


def due(received_at: datetime) -> datetime:
    """Return one month later: the same day of the next month, or its last (Regulation 1182/71)."""
    local = received_at.astimezone(_ZONE)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)  # noqa: PLR2004 - December
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)


async def file(
    session: AsyncSession, actor: Actor, data: PrivacyRequestCreate, *, language: str
) -> PrivacyRequest:
    """Take a request; a mail confirms it to whoever reads mail at the address.

    Raises :class:`NotFound` (territory), :class:`Invalid`, :class:`TooManyRequests`.
    """
    territory = await _territory(session, actor, data.territory)
    address = _address(actor, data)
    moment = now()
    request = PrivacyRequest(
        id=new_id(),
        person_id=actor.person_id,
        email=address,
        kind=data.kind,
        message=data.message,
        state="received",
        territory_id=territory.id,
        received_at=moment,
        due_at=due(moment),
        created_at=moment,
        updated_at=moment,
        version=1,
    )
    # Anybody may type an address: that must not keep its owner, signed in, from asking.
    asked = (
        PrivacyRequest.person_id == actor.person_id
        if actor.person_id is not None
        else PrivacyRequest.email == address
    )
    # Whoever files a request may well not read it, nor those that others filed for the same address.
    async with elevated(session):
        counted = await session.scalar(
            select(func.count()).where(asked, PrivacyRequest.received_at > moment - _WINDOW)
        )
        if (counted or 0) >= _PER_ADDRESS:
            message = (
                f"{_PER_ADDRESS} requests were made for this address within a day. They are being answered; "
                "ask again tomorrow."
            )
            raise TooManyRequests(message, retry_after=int(_WINDOW.total_seconds()))
        session.add(request)
        await session.flush()
    record(
        session,
        "privacy_request.received",
        actor=actor.name,
        territory_id=territory.id,
        subject_id=request.id,
        data={"kind": data.kind},
    )
    _write(session, actor, request, "privacy_request_received", actor.language or language)
    return request


def _write(
    session: AsyncSession, actor: Actor, request: PrivacyRequest, template: str, language: str
) -> None:
    """Have the mail ``template`` about a request sent to whoever made it."""
    if request.email is not None:
        mail.request(
            session,
            template=template,
            to=request.email,
            language=language,
            territory_id=request.territory_id,
            person_id=request.person_id,
            data={"privacy_request_id": request.id},
            actor=actor.name,
        )


async def _territory(session: AsyncSession, actor: Actor, slug: str) -> Territory:
    """Return the territory asked: any for a person, its own for a program."""
    if actor.person_id is not None:
        return await get_by_slug(session, slug)
    if not actor.publishable:
        return await require_territory(session, actor, "privacy_request.create", slug)
    territory = await session.scalar(select(Territory).where(Territory.slug == slug))
    if territory is None or set(actor.client_territory_ids).isdisjoint(territory.lineage):
        raise NotFound(f"There is no territory `{slug}` among those your key is for.")
    return territory


def _address(actor: Actor, data: PrivacyRequestCreate) -> str:
    if actor.person_id is not None and actor.email is not None:
        if data.email not in {None, actor.email}:
            message = "A signed-in person asks about their own data: leave `email` out."
            raise Invalid(message, errors=[FieldError("/email", message, "not_yours")])
        return actor.email
    if data.email is None:
        message = "Say where the answer goes: `email`."
        raise Invalid(message, errors=[FieldError("/email", message, "missing")])
    return data.email


def _read(request: PrivacyRequest, slug: str) -> PrivacyRequestRead:
    shown = set(PrivacyRequestRead.model_fields) - {"territory", "known"}
    return PrivacyRequestRead.model_validate(
        {name: getattr(request, name) for name in shown}
        | {"territory": slug, "known": request.person_id is not None}
    )


async def read(session: AsyncSession, request: PrivacyRequest) -> PrivacyRequestRead:
    """Return a request as its managers, and whoever made it, see it."""
    slug = await session.scalar(select(Territory.slug).where(Territory.id == request.territory_id))
    return _read(request, slug or "")


def _own(actor: Actor, request: PrivacyRequest) -> bool:
    return request.person_id is not None and request.person_id == actor.person_id


async def list_requests(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None = None,
    state: str | None = None,
) -> Sequence[PrivacyRequestRead]:
    """Return up to ``limit`` requests the actor may read, newest first, before the id ``after``.

    A full list's last item only tells that a page follows: it is not shown, and not audited.
    """
    query = (
        select(PrivacyRequest, Territory.slug)
        .join(Territory, Territory.id == PrivacyRequest.territory_id)
        .where(allowed(actor, "privacy_request.read", PrivacyRequest))
        .order_by(PrivacyRequest.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(PrivacyRequest.id < after)
    if state is not None:
        query = query.where(PrivacyRequest.state == state)
    if territory is not None:
        holder = await get_by_slug(session, territory)
        query = query.where(Territory.lineage.contains([holder.id]))
    rows = (await session.execute(query)).all()
    seen = (request for request, _ in rows[: limit - 1] if not _own(actor, request))
    audit.read_by_territory(
        session, actor, "privacy_request", ((request.id, request.territory_id) for request in seen)
    )
    return [_read(request, slug) for request, slug in rows]


async def get_request(
    session: AsyncSession, actor: Actor, request_id: uuid.UUID, to: str = "privacy_request.read"
) -> PrivacyRequest:
    """Return a request at which the actor holds the permission ``to``, locked unless it is a read."""
    request = await obtain(
        session,
        actor,
        PrivacyRequest,
        request_id,
        to,
        reading="privacy_request.read",
        missing=f"There is no request {request_id} among those you may see.",
    )
    if to == "privacy_request.read" and not _own(actor, request):
        audit.read(session, actor, "privacy_request", [request.id], territory_id=request.territory_id)
    return request


async def answer(
    session: AsyncSession,
    keyring: Keyring,
    actor: Actor,
    request: PrivacyRequest,
    data: PrivacyRequestAnswer,
) -> PrivacyRequest:
    """End a request, and tell whoever made it. To answer an erasure is to carry it out.

    Raises :class:`Conflict` when it has ended, or when the person is known where the actor has no say;
    :class:`Invalid` for a refusal without words, or an erasure for somebody nobody made sure of.
    """
    if request.state != "received":
        raise Conflict(f"The request is {request.state} already.", extra={"state": request.state})
    if data.outcome == "refused" and data.answer is None:
        message = "Say why it is refused: the person may complain, and must be told."
        raise Invalid(message, errors=[FieldError("/answer", message, "missing")])
    erases = request.kind == "erasure" and data.outcome == "answered"
    person = await _person_of(session, request)
    if erases:
        await _check_erasure(session, actor, request, person, data)
    request.state, request.answer, request.handled_by = data.outcome, data.answer, actor.name
    request.answered_at = now()
    request.version += 1
    await session.flush()
    record(
        session,
        "privacy_request.answered",
        actor=actor.name,
        territory_id=request.territory_id,
        subject_id=request.id,
        data={"kind": request.kind, "outcome": data.outcome},
    )
    language = person.language if person is not None else "fr"
    if not erases:
        _write(session, actor, request, "privacy_request_answered", language)
        return request
    if person is not None:
        await erase_person(
            session, keyring, actor, person.id, because="asked", territory_id=request.territory_id
        )
    elif request.email is not None:
        await erase_address(
            session,
            keyring,
            actor,
            request.email,
            because="asked",
            subject_id=request.id,
            territory_id=request.territory_id,
            language=language,
        )
    await session.refresh(request)
    return request


async def _person_of(session: AsyncSession, request: PrivacyRequest) -> Person | None:
    # A manager does not read persons; who answers must know whether there is one.
    async with elevated(session):
        return await session.scalar(
            select(Person).where(
                Person.anonymised_at.is_(None),
                or_(Person.id == request.person_id, Person.email == request.email),
            )
        )


async def _check_erasure(
    session: AsyncSession,
    actor: Actor,
    request: PrivacyRequest,
    person: Person | None,
    data: PrivacyRequestAnswer,
) -> None:
    """Refuse to erase on the word of somebody who was not signed in, beyond what the actor looks after."""
    if person is not None and person.id == request.person_id:
        return
    if request.email is None:
        raise Conflict("The address was erased meanwhile: there is nobody left to erase.")
    if not data.identity_checked:
        message = (
            "Whoever asked was not signed in. Make sure that the address is theirs, then send "
            '`"identity_checked": true`.'
        )
        raise Invalid(message, errors=[FieldError("/identity_checked", message, "identity_unknown")])
    if actor.may_everywhere("privacy_request.answer"):
        return
    async with elevated(session):
        lineages = await known_at(session, person, request.email)
    beyond = any(not actor.may_at("privacy_request.answer", lineage=lineage) for lineage in lineages)
    # Somebody with an account and no tie to the territory is not its to erase.
    if beyond or (person is not None and not lineages):
        raise Conflict(
            "The person is known beyond your territory, so it takes more than your word to erase them: they "
            "sign in and do it themselves (`POST /v1/me/erasure`), or an operator answers."
        )


async def remind_managers(session: AsyncSession, *, limit: int) -> int:
    """Remind the managers of requests due within seven days, once each; return how many requests.

    Of the territory itself, else of the nearest that holds it, else the operators. For the platform's own
    work.
    """
    moment = now()
    found = await session.scalars(
        select(PrivacyRequest)
        .where(
            PrivacyRequest.state == "received",
            PrivacyRequest.reminded_at.is_(None),
            PrivacyRequest.due_at <= moment + REMINDED_BEFORE,
        )
        .order_by(PrivacyRequest.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    count = 0
    for request in found.all():
        for person in await _managers(session, request.territory_id):
            if person.email is not None:
                mail.request(
                    session,
                    template="privacy_request_due",
                    to=person.email,
                    language=person.language,
                    territory_id=request.territory_id,
                    person_id=person.id,
                    data={"privacy_request_id": request.id},
                )
        request.reminded_at = moment
        count += 1
    await session.flush()
    return count


async def _managers(session: AsyncSession, territory_id: uuid.UUID) -> Sequence[Person]:
    territory = await session.get_one(Territory, territory_id)
    moment = now()
    holds = (
        RoleGrant.revoked_at.is_(None),
        or_(RoleGrant.expires_at.is_(None), RoleGrant.expires_at > moment),
    )
    persons = select(Person).join(RoleGrant, RoleGrant.person_id == Person.id).distinct()
    for place in reversed(territory.lineage):
        nearest = await session.scalars(
            persons.where(*holds, RoleGrant.role == "territory_manager", RoleGrant.territory_id == place)
        )
        if managers := nearest.all():
            return managers
    return (await session.scalars(persons.where(*holds, RoleGrant.role == "operator"))).all()
