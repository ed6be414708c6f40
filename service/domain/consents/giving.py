"""Giving and withdrawing consent, each as easy as the other."""

import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Invalid, NotFound
from service.core.ids import new_id
from service.core.security import Keyring
from service.domain.access import Actor, allowed
from service.domain.consents.counting import counts, has, is_child
from service.domain.consents.ending import end
from service.domain.consents.guardian import ask_guardian
from service.domain.events import record
from service.domain.labels import LANGUAGES
from service.domain.persons import get_me
from service.domain.privacy.purposes import CONSENTED, PURPOSES
from service.domain.territories import get_by_slug
from service.models import Consent, Person, PersonSession, Territory
from service.schemas.privacy import ConsentCreate, ConsentGiven, ConsentRead

RENEWED: Final = "renewed"
"""As ``withdrawn_channel``: another version of the text took its place."""


async def list_consents(
    session: AsyncSession, actor: Actor, *, after: uuid.UUID | None, limit: int
) -> Sequence[ConsentRead]:
    """Return up to ``limit`` of the actor's own consents, withdrawn ones too, newest first."""
    query = (
        select(Consent, Territory.slug, counts().label("counts"))
        .join(Person, Person.id == Consent.person_id)
        .outerjoin(Territory, Territory.id == Consent.territory_id)
        .where(Consent.person_id == actor.person_id, allowed(actor, "consent.read", Consent))
        .order_by(Consent.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(Consent.id < after)
    return [_read(row[0], row[1], effective=row[2]) for row in await session.execute(query)]


def _read(consent: Consent, slug: str | None, *, effective: bool) -> ConsentRead:
    shown = set(ConsentRead.model_fields) - {"territory", "counts", "waits_for_guardian"}
    return ConsentRead.model_validate(
        {name: getattr(consent, name) for name in shown}
        | {
            "territory": slug,
            "counts": effective,
            "waits_for_guardian": consent.withdrawn_at is None and not effective,
        }
    )


async def give(
    session: AsyncSession, keyring: Keyring, actor: Actor, data: ConsentCreate, *, language: str
) -> ConsentRead:
    """Keep the acting person's yes. One that stands already in this text stays as it was.

    Of a person under 15 it waits for the parent, who gets a mail. Raises :class:`Invalid` for a purpose or
    text there is none of, or a parent without address; :class:`NotFound` (territory).
    """
    person = await get_me(session, actor, "consent.give")
    territory = await get_by_slug(session, data.territory) if data.territory is not None else None
    child = is_child(person)
    if child and person.guardian_email is None:
        message = (
            "Under 15, a parent must confirm. Ask for the parent's address first: "
            "`PATCH /v1/me` with `guardian_email`."
        )
        raise Invalid(message, errors=[FieldError("/purpose", message, "guardian_needed")])
    consent = await _keep(session, actor, person, data.purpose, territory, data, language)
    if child and consent.guardian_confirmed_at is None:
        await ask_guardian(session, keyring, person, consent)
    effective = await has(session, person.id, consent.purpose, consent.territory_id)
    return _read(consent, data.territory, effective=effective)


async def need(
    session: AsyncSession,
    actor: Actor,
    purpose: str,
    territory: Territory,
    given: ConsentGiven | None,
    *,
    language: str,
) -> None:
    """Let the acting person go on only with their consent: given before, or with this very call.

    Raises :class:`Invalid`, which says how to give it.
    """
    person = await get_me(session, actor, "consent.give")
    if given is not None and not is_child(person):
        await _keep(session, actor, person, purpose, territory, given, language)
    if await has(session, person.id, purpose, territory.id):
        return
    if is_child(person):
        message = (
            "Under 15, a parent confirms first: `POST /v1/me/consents`, then wait until the consent counts."
        )
        raise Invalid(message, errors=[FieldError("/consent", message, "guardian_needed")])
    message = (
        f"This needs the person's consent to the purpose `{purpose}`. Show its text (`GET /v1/purposes`), "
        f'then send `"consent": {{"text_version": "{PURPOSES[purpose].text.version}"}}` along, or give it '
        "first by `POST /v1/me/consents`."
    )
    raise Invalid(message, errors=[FieldError("/consent", message, "consent_needed")])


async def _keep(
    session: AsyncSession,
    actor: Actor,
    person: Person,
    purpose: str,
    territory: Territory | None,
    given: ConsentGiven,
    language: str,
) -> Consent:
    _check(purpose, given)
    place = territory.id if territory is not None else None
    standing = await session.scalar(
        select(Consent).where(
            Consent.person_id == person.id,
            Consent.purpose == purpose,
            Consent.territory_id.is_not_distinct_from(place),
            Consent.withdrawn_at.is_(None),
        )
    )
    if standing is not None and standing.text_version == given.text_version:
        return standing
    channel = await _channel(session, actor)
    if standing is not None:
        standing.withdrawn_at, standing.withdrawn_channel = now(), RENEWED
        await session.flush()
    shown = given.language or (language if language in LANGUAGES else LANGUAGES[0])
    consent = Consent(
        id=new_id(),
        person_id=person.id,
        purpose=purpose,
        text_version=given.text_version,
        language=shown,
        channel=channel,
        territory_id=place,
        given_at=now(),
        needs_guardian=is_child(person),
    )
    session.add(consent)
    await session.flush()
    record(
        session,
        "consent.given",
        actor=actor.name,
        territory_id=place,
        subject_id=consent.id,
        data={
            "purpose": purpose,
            "text_version": given.text_version,
            "language": shown,
            "channel": channel,
        },
    )
    return consent


def _check(purpose: str, given: ConsentGiven) -> None:
    if purpose not in CONSENTED:
        message = f"No consent is asked for `{purpose}`. Known: {', '.join(CONSENTED)}."
        raise Invalid(message, errors=[FieldError("/purpose", message, "unknown")])
    current = PURPOSES[purpose].text.version
    if given.text_version != current:
        message = (
            f"The text of `{purpose}` is in version `{current}`, you showed `{given.text_version}`. Show the "
            "present one (`GET /v1/purposes`) and ask again."
        )
        raise Invalid(message, errors=[FieldError("/text_version", message, "outdated")])


async def _channel(session: AsyncSession, actor: Actor) -> str:
    kind = await session.scalar(select(PersonSession.kind).where(PersonSession.id == actor.session_id))
    return "console" if kind == "console" else "website"


async def withdraw(session: AsyncSession, actor: Actor, purpose: str, *, territory: str | None = None) -> int:
    """Take back the acting person's consent, from the commit on; return how many stood.

    All of the purpose, or the one for ``territory`` alone. What rested on it is stopped by event. Raises
    :class:`NotFound` for what there is no consent to, :class:`Conflict` when a consent for everywhere stands.
    """
    if purpose not in CONSENTED:
        raise NotFound(f"No consent is asked for `{purpose}`. Known: {', '.join(CONSENTED)}.")
    person = await get_me(session, actor, "consent.withdraw")
    query = select(Consent).where(
        Consent.person_id == person.id, Consent.purpose == purpose, Consent.withdrawn_at.is_(None)
    )
    standing = list(await session.scalars(query))
    if territory is not None:
        place = await get_by_slug(session, territory)
        if any(consent.territory_id is None for consent in standing):
            message = "The consent is for wherever it is. Withdraw it as a whole: leave `territory` out."
            raise Conflict(message)
        standing = [consent for consent in standing if consent.territory_id == place.id]
    channel = await _channel(session, actor) if standing else ""
    for consent in standing:
        end(session, consent, actor=actor.name, channel=channel)
    await session.flush()
    return len(standing)
