"""A parent's word on what a child consents to: asked by mail, given by the link in it."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, NotFound, TooManyRequests
from service.core.reach import elevated
from service.core.security import Keyring, hash_secret
from service.domain import mail
from service.domain.consents.counting import is_child
from service.domain.consents.ending import end
from service.domain.derived import guardian_link
from service.domain.events import record
from service.domain.privacy.purposes import PURPOSES
from service.models import Consent, Mail, Person
from service.schemas.privacy import GuardianDecisionRead

_GUARDIAN_MAILS: Final = 10
"""A day, for one person."""
_ASK_AGAIN: Final = timedelta(days=1)


async def ask_guardian(session: AsyncSession, keyring: Keyring, person: Person, consent: Consent) -> None:
    """Have the parent asked by mail, once a day at most for one consent. Raises :class:`TooManyRequests`."""
    assert person.guardian_email is not None  # noqa: S101 - whoever calls has made sure
    link = guardian_link(keyring, consent.id)
    consent.needs_guardian, consent.guardian_digest = True, hash_secret(link)
    # Mails are counted that no actor may read.
    async with elevated(session):
        recent = (
            Mail.person_id == person.id,
            Mail.template == "guardian_consent",
            Mail.created_at > now() - _ASK_AGAIN,
        )
        about = Mail.data["consent_id"].astext == str(consent.id)
        asked = await session.scalar(
            select(Mail.id).where(*recent, about, Mail.to_address == person.guardian_email).limit(1)
        )
        if asked is not None:
            return
        if (await session.scalar(select(func.count()).where(*recent)) or 0) >= _GUARDIAN_MAILS:
            message = f"The parent has had {_GUARDIAN_MAILS} mails today. Ask again tomorrow."
            raise TooManyRequests(message, retry_after=int(_ASK_AGAIN.total_seconds()))
        mail.request(
            session,
            template="guardian_consent",
            to=person.guardian_email,
            language=person.language,
            territory_id=consent.territory_id,
            person_id=person.id,
            data={"consent_id": consent.id},
            actor=f"person:{person.id}",
        )
        await session.flush()


@dataclass(frozen=True, slots=True)
class Question:
    """What a parent is asked: about whom, to which text; and what they said so far."""

    consent: Consent
    person: Person

    def read(self) -> GuardianDecisionRead:
        """Return it as the parent sees it."""
        consent = self.consent
        purpose = PURPOSES[consent.purpose]
        text = next(
            (text for text in purpose.texts if text.version == consent.text_version), purpose.text
        ).words
        return GuardianDecisionRead(
            purpose=consent.purpose,
            title=purpose.title[consent.language],
            text=text[consent.language],
            child=self.person.given_name,
            confirmed=consent.guardian_confirmed_at is not None and consent.withdrawn_at is None,
            decided_at=consent.withdrawn_at or consent.guardian_confirmed_at,
        )


async def guardian_question(session: AsyncSession, token: str) -> Question:
    """Return what the parent with ``token`` is asked. Raises :class:`NotFound`."""
    # The token alone says who may: no actor reads another person's consents.
    async with elevated(session):
        row = (
            await session.execute(
                select(Consent, Person)
                .join(Person, Person.id == Consent.person_id)
                .where(Consent.guardian_digest == hash_secret(token), Person.anonymised_at.is_(None))
                .with_for_update(of=Consent)
            )
        ).one_or_none()
    if row is None:
        raise NotFound("This link is not known, or what it was about is gone. Ask the child to start again.")
    return Question(row[0], row[1])


async def decide_as_guardian(session: AsyncSession, token: str, *, confirm: bool) -> GuardianDecisionRead:
    """Let a parent confirm a child's consent, decline it, or take back what they confirmed.

    Doing again what is done changes nothing. Raises :class:`NotFound`, and :class:`Conflict` for confirming
    what was withdrawn.
    """
    question = await guardian_question(session, token)
    consent = question.consent
    async with elevated(session):
        if confirm and consent.withdrawn_at is not None:
            raise Conflict("The consent was withdrawn or declined meanwhile. The child may ask again.")
        if confirm and consent.guardian_confirmed_at is None:
            consent.guardian_confirmed_at = now()
            record(
                session,
                "consent.confirmed",
                actor="system:guardian",
                territory_id=consent.territory_id,
                subject_id=consent.id,
                data={"purpose": consent.purpose},
            )
        elif not confirm and consent.withdrawn_at is None:
            end(session, consent, actor="system:guardian", channel="email")
        await session.flush()
    return question.read()


async def review(session: AsyncSession, keyring: Keyring, person_id: uuid.UUID) -> list[Consent]:
    """Return the standing consents that no longer count, after the person told their age; ask the parent.

    For the platform's own work: the session reaches everywhere.
    """
    person = await session.get(Person, person_id, with_for_update={"key_share": True})
    if person is None or person.anonymised_at is not None or not is_child(person):
        return []
    unconfirmed = list(
        await session.scalars(
            select(Consent).where(
                Consent.person_id == person_id,
                Consent.withdrawn_at.is_(None),
                Consent.guardian_confirmed_at.is_(None),
            )
        )
    )
    for consent in unconfirmed:
        if person.guardian_email is not None:
            await ask_guardian(session, keyring, person, consent)
        else:
            consent.needs_guardian = True
    await session.flush()
    return unconfirmed
