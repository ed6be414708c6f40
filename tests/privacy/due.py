"""Rows whose time comes at a given moment, one kind for each rule of retention."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.ids import new_id
from service.core.security import hash_secret
from service.domain.mail.facts import WARNED_BEFORE
from service.models import (
    AuditEntry,
    Base,
    CandidateProfile,
    Consent,
    Erasure,
    IdempotencyRecord,
    Invitation,
    Mail,
    Person,
    PersonSession,
    Posting,
    PrivacyRequest,
    SignIn,
    Territory,
)
from tests.factories import (
    create_candidate,
    create_person,
    create_posting,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
YEARS_5 = timedelta(days=1826)


@dataclass
class Row:
    """A planted row, and what tells that its time has come."""

    model: type[Base]
    key: Any
    column: str | None = None
    filled: bool = False

    async def ended(self, session: AsyncSession) -> bool:
        """Tell whether the row is gone, or its column emptied (or, with ``filled``, set)."""
        session.expire_all()
        found = await session.get(self.model, self.key)
        if found is None or self.column is None:
            return found is None
        return (getattr(found, self.column) is not None) is self.filled


Planter = Callable[[AsyncSession, Territory, datetime], Awaitable[Row]]


async def add(session: AsyncSession, row: Any, column: str | None = None) -> Row:
    session.add(row)
    await session.flush()
    return Row(type(row), row.id, column)


async def _candidate(session: AsyncSession, territory: Territory, due: datetime) -> Row:
    made = await create_candidate(session, territory, last_contact_at=due - 730 * DAY)
    return Row(CandidateProfile, made.id)


async def _unwarned(session: AsyncSession, _: Territory, due: datetime) -> Row:
    person = await create_person(session, last_seen_at=due - 700 * DAY)
    return Row(Person, person.id, "dormancy_warned_at", filled=True)


async def _warned(session: AsyncSession, _: Territory, due: datetime) -> Row:
    warned_at = due - WARNED_BEFORE
    person = await create_person(session, last_seen_at=warned_at - 700 * DAY, dormancy_warned_at=warned_at)
    return Row(Person, person.id, "anonymised_at", filled=True)


async def _sign_in(session: AsyncSession, _: Territory, due: datetime) -> Row:
    return await add(
        session,
        SignIn(
            kind="provider",
            email="a@example.org",
            link_digest=hash_secret(str(new_id())),
            language="fr",
            facts={},
            created_at=due - DAY,
            expires_at=due,
        ),
    )


async def _session(session: AsyncSession, _: Territory, due: datetime) -> Row:
    person = await create_person(session, last_seen_at=NOON + 9_000 * DAY)
    ended = due - 30 * DAY
    return await add(
        session,
        PersonSession(
            person_id=person.id,
            kind="api",
            network="203.0.113.7",
            last_used_at=ended,
            revoked_at=ended,
            expires_at=ended + DAY,
        ),
    )


async def _invitation(session: AsyncSession, territory: Territory, due: datetime) -> Row:
    return await add(
        session,
        Invitation(
            email=f"{new_id()}@example.org",
            language="fr",
            role="ambassador",
            territory_id=territory.id,
            link_digest=hash_secret(str(new_id())),
            invited_by="system:test",
            sent_at=due - 44 * DAY,
            expires_at=due - 30 * DAY,
        ),
    )


async def _mail(session: AsyncSession, _: Territory, due: datetime) -> Row:
    return await add(
        session,
        Mail(
            id=new_id(),
            to_address="a@example.org",
            template="sign_in_code",
            language="fr",
            data={},
            state="sent",
            created_at=due - 90 * DAY,
        ),
        "to_address",
    )


async def _withdrawn(session: AsyncSession, _: Territory, due: datetime) -> Row:
    person = await create_person(session, last_seen_at=NOON + 9_000 * DAY)
    return await add(
        session,
        Consent(
            person_id=person.id,
            purpose="matching",
            text_version="1",
            language="fr",
            channel="website",
            given_at=due - YEARS_5 - DAY,
            withdrawn_at=due - YEARS_5,
        ),
    )


async def _unconfirmed(session: AsyncSession, _: Territory, due: datetime) -> Row:
    child = await create_person(
        session, last_seen_at=NOON + 9_000 * DAY, birth_date=(due - 3_000 * DAY).date()
    )
    return await add(
        session,
        Consent(
            person_id=child.id,
            purpose="matching",
            text_version="1",
            language="fr",
            channel="website",
            given_at=due - 30 * DAY,
            needs_guardian=True,
        ),
    )


async def _request(session: AsyncSession, territory: Territory, due: datetime) -> Row:
    return await add(
        session,
        PrivacyRequest(
            email="a@example.org",
            kind="access",
            state="answered",
            territory_id=territory.id,
            due_at=due - YEARS_5,
            answered_at=due - YEARS_5,
        ),
    )


async def _contact(session: AsyncSession, territory: Territory, due: datetime) -> Row:
    posting = await create_posting(
        session, territory, state="filled", closed_at=due - 90 * DAY, apply_email="a@example.org"
    )
    return Row(Posting, posting.id, "apply_email")


async def _entry(session: AsyncSession, _: Territory, due: datetime) -> Row:
    chain = new_id()
    await session.execute(
        text("INSERT INTO audit_chain (id, length, digest) VALUES (:id, 1, '')"), {"id": chain}
    )
    session.add(
        AuditEntry(
            chain_id=chain,
            sequence=1,
            at=due - 365 * DAY,
            actor="person:x",
            action="test.made",
            data={},
            circumstances={"network": "203.0.113.7"},
            salt=b"x",
            digest=b"x",
        )
    )
    await session.flush()
    return Row(AuditEntry, (chain, 1), "circumstances")


async def _answer(session: AsyncSession, _: Territory, due: datetime) -> Row:
    key = (new_id(), "key")
    session.add(
        IdempotencyRecord(
            owner_id=key[0],
            key=key[1],
            fingerprint=b"",
            status=200,
            headers={},
            body=b"{}",
            created_at=due - DAY,
        )
    )
    await session.flush()
    return Row(IdempotencyRecord, key)


async def _erasure(session: AsyncSession, _: Territory, due: datetime) -> Row:
    return await add(
        session,
        Erasure(subject_kind="person", subject_id=new_id(), because="asked", erased_at=due - YEARS_5),
    )


PLANTERS: Mapping[str, Planter] = {
    "answers": _answer,
    "audit circumstances": _entry,
    "candidates": _candidate,
    "dormancy warnings": _unwarned,
    "dormant accounts": _warned,
    "erasures": _erasure,
    "invitations": _invitation,
    "mail addresses": _mail,
    "posting contacts": _contact,
    "privacy requests": _request,
    "sessions": _session,
    "sign-ins": _sign_in,
    "unconfirmed consents": _unconfirmed,
    "withdrawn consents": _withdrawn,
}
