"""Rows that mails are about, and asking for, sending and looking at mails."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days, now
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain import mail
from service.jobs.mail import send_mail
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import Consent, Invitation, Mail, Person, PrivacyRequest, SignIn, Territory


async def ask(database: Database, template: str, to: str, **options: Any) -> UUID:
    async with database.transaction() as session:
        found = mail.request(
            session, template=template, to=to, language=options.pop("language", "fr"), **options
        )
        return found.id


async def row(session: AsyncSession, mail_id: UUID) -> Mail:
    return await session.get_one(Mail, mail_id, populate_existing=True)


async def send(database: Database, settings: Settings) -> None:
    await drain(Work(database, settings), handlers={"mail.requested": [send_mail]})


async def create_sign_in(session: AsyncSession, **overrides: Any) -> SignIn:
    sign_in_id = new_id()
    values: dict[str, Any] = {
        "id": sign_in_id,
        "kind": "email",
        "email": "camille@example.fr",
        "code_digest": b"code",
        "link_digest": sign_in_id.bytes,
        "language": "fr",
        "facts": {},
        "attempts": 0,
        "created_at": now(),
        "expires_at": now() + timedelta(minutes=10),
    } | overrides
    sign_in = SignIn(**values)
    session.add(sign_in)
    await session.flush()
    return sign_in


async def create_invitation(session: AsyncSession, territory: Territory, **overrides: Any) -> Invitation:
    invitation_id = new_id()
    values: dict[str, Any] = {
        "id": invitation_id,
        "email": "camille@example.fr",
        "language": "fr",
        "role": "concierge_agent",
        "territory_id": territory.id,
        "invited_by": "client:01a20140-0000-7000-8000-000000000000",
        "link_digest": invitation_id.bytes,
        "sent_at": now(),
        "expires_at": in_days(14),
    } | overrides
    invitation = Invitation(**values)
    session.add(invitation)
    await session.flush()
    return invitation


async def create_consent(session: AsyncSession, person: Person, **overrides: Any) -> Consent:
    values: dict[str, Any] = {
        "id": new_id(),
        "person_id": person.id,
        "purpose": "matching",
        "text_version": "1",
        "language": "fr",
        "channel": "website",
        "given_at": now(),
        "needs_guardian": True,
    } | overrides
    consent = Consent(**values)
    session.add(consent)
    await session.flush()
    return consent


async def create_privacy_request(
    session: AsyncSession, territory: Territory, **overrides: Any
) -> PrivacyRequest:
    values: dict[str, Any] = {
        "id": new_id(),
        "email": "camille@example.fr",
        "kind": "rectification",
        "message": "Mon nom est faux.",
        "state": "received",
        "territory_id": territory.id,
        "received_at": now(),
        "due_at": in_days(30),
    } | overrides
    found = PrivacyRequest(**values)
    session.add(found)
    await session.flush()
    return found
