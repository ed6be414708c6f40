"""Sessions: where a person is signed in, the tokens that prove it, and how it ends.

Every token is opaque, stored as its SHA-256, and asked of the database each time: what is revoked is refused
from the commit on.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.circumstances import circumstances
from service.core.clock import now
from service.core.ids import new_id
from service.core.networks import network_of
from service.core.reach import elevated
from service.core.security import Kind, hash_secret, kind_of, new_key
from service.domain.access import Actor, obtain, readable
from service.domain.access.authentication import CONSOLE_IDLE
from service.domain.devices import device_of
from service.domain.events import record
from service.models import ApiClient, Person, PersonSession, ProviderVisit, SignIn, Token
from service.schemas.persons import SessionRead

ACCESS_LASTS: Final = timedelta(minutes=15)
REFRESH_LASTS: Final = timedelta(days=30)
API_SESSION_LASTS: Final = timedelta(days=90)
CONSOLE_SESSION_LASTS: Final = timedelta(days=7)

SIGN_INS_KEPT: Final = timedelta(hours=24)
TOKENS_KEPT: Final = timedelta(days=1)
"""After their expiry."""
SESSIONS_KEPT: Final = timedelta(days=30)
"""After their end."""

Because = Literal["signed_out", "by_owner", "reused_token", "erased", "expired"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and its secrets, in plain this once.

    An API session has ``access_token`` and ``refresh_token``, a console session ``cookie``.
    """

    session_id: uuid.UUID
    person: Person
    access_expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    expires_at: datetime | None = None
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)


async def open_session(
    session: AsyncSession,
    person: Person,
    *,
    kind: Literal["api", "console"],
    client_id: uuid.UUID | None = None,
    provider: str | None = None,
    acr: str | None = None,
    id_token: str | None = None,
    territory_id: uuid.UUID | None = None,
) -> Opened:
    """Sign a person in: a session with its first tokens, or the value of the console's cookie.

    ``client_id`` is the API client it is bound to. An API session ends after 90 days, used or not; one of the
    console after 7 days, or 12 hours without a request. ``territory_id`` is whose trail it is noted in.
    """
    moment = now()
    found = circumstances.get()
    opened = PersonSession(
        id=new_id(),
        person_id=person.id,
        kind=kind,
        client_id=client_id,
        provider=provider,
        acr=acr,
        id_token=id_token,
        user_agent=found.user_agent.replace("\0", "") if found.user_agent else None,
        network=network_of(found.network) if found.network else None,
        created_at=moment,
        last_used_at=moment,
        expires_at=moment + (API_SESSION_LASTS if kind == "api" else CONSOLE_SESSION_LASTS),
    )
    # Nobody may write tokens, and the person is not the actor yet.
    async with elevated(session):
        session.add(opened)
        await session.flush()
        tokens = (
            await _issue(session, opened, person, moment)
            if kind == "api"
            else await _set_cookie(session, opened, person, moment)
        )
    record(
        session,
        "session.opened",
        actor=f"person:{person.id}",
        territory_id=territory_id,
        subject_id=opened.id,
        data={"kind": kind} | ({"provider": provider} if provider else {}),
    )
    return tokens


def _token(opened: PersonSession, kind: str, moment: datetime, lasts: timedelta) -> tuple[Token, str]:
    plain = new_key({"access": Kind.ACCESS, "refresh": Kind.REFRESH, "console": Kind.CONSOLE}[kind])
    return Token(
        kind=kind,
        digest=hash_secret(plain),
        session_id=opened.id,
        scopes=[],
        created_at=moment,
        expires_at=min(moment + lasts, opened.expires_at),
    ), plain


async def _issue(session: AsyncSession, opened: PersonSession, person: Person, moment: datetime) -> Opened:
    access, access_plain = _token(opened, "access", moment, ACCESS_LASTS)
    refresh, refresh_plain = _token(opened, "refresh", moment, REFRESH_LASTS)
    session.add_all([access, refresh])
    await session.flush()
    return Opened(
        session_id=opened.id,
        person=person,
        access_expires_at=access.expires_at,
        refresh_expires_at=refresh.expires_at,
        expires_at=opened.expires_at,
        access_token=access_plain,
        refresh_token=refresh_plain,
    )


async def _set_cookie(
    session: AsyncSession, opened: PersonSession, person: Person, moment: datetime
) -> Opened:
    token, plain = _token(opened, "console", moment, CONSOLE_IDLE)
    session.add(token)
    await session.flush()
    return Opened(session_id=opened.id, person=person, expires_at=opened.expires_at, cookie=plain)


async def refresh(session: AsyncSession, *, token: str, client_id: uuid.UUID) -> Opened | None:
    """Take a refresh token for a new pair; None when it is worth nothing to this client.

    One that was used before tells that two hold it, and nobody knows which one is the person: the whole
    session ends at once. The caller must let the transaction commit then.
    """
    digest = hash_secret(token)
    # The secret presented says whose session this is; no actor may look that up.
    async with elevated(session):
        if kind_of(token) is not Kind.REFRESH:
            return None
        row = await _lock_session(session, digest)
        if row is None:
            return None
        opened, person, presented = row
        moment = now()
        if (
            opened.client_id != client_id
            or opened.revoked_at is not None
            or opened.expires_at <= moment
            or person.anonymised_at is not None
        ):
            return None
        if presented.used_at is not None:
            await revoke(session, opened.id, "reused_token")
            return None
        if presented.expires_at <= moment:
            return None
        presented.used_at = opened.last_used_at = moment
        return await _issue(session, opened, person, moment)


async def _lock_session(session: AsyncSession, digest: bytes) -> tuple[PersonSession, Person, Token] | None:
    """Return a refresh token with its session, which stays locked: uses of one token come one by one."""
    session_id = await session.scalar(
        select(Token.session_id).where(Token.digest == digest, Token.kind == "refresh")
    )
    if session_id is None:
        return None
    await session.execute(select(PersonSession.id).where(PersonSession.id == session_id).with_for_update())
    row = (
        await session.execute(
            select(PersonSession, Person, Token)
            .join(Person, Person.id == PersonSession.person_id)
            .join(Token, Token.session_id == PersonSession.id)
            .where(Token.digest == digest)
            # What was read before the lock may be old.
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


async def revoke(
    session: AsyncSession, session_id: uuid.UUID, because: Because, *, actor: str | None = None
) -> bool:
    """End a session and all its tokens, from the commit on; return whether it was open.

    ``actor`` is who does it, its owner unless told or unless the platform found a token used twice.
    """
    return bool(await _revoke(session, because, actor, PersonSession.id == session_id))


async def revoke_all(
    session: AsyncSession,
    person_id: uuid.UUID,
    because: Because,
    but: uuid.UUID | None = None,
    *,
    actor: str | None = None,
) -> int:
    """End every session of a person except ``but``; return how many were open."""
    conditions = [PersonSession.person_id == person_id]
    if but is not None:
        conditions.append(PersonSession.id != but)
    return await _revoke(session, because, actor, *conditions)


async def _revoke(session: AsyncSession, because: Because, actor: str | None, *conditions: Any) -> int:
    # Always in the same order, so that two who end each other's sessions meet without a deadlock.
    standing = (
        await session.scalars(
            select(PersonSession.id)
            .where(PersonSession.revoked_at.is_(None), *conditions)
            .order_by(PersonSession.id)
            .with_for_update()
        )
    ).all()
    ended = (
        await session.execute(
            update(PersonSession)
            .where(PersonSession.id.in_(standing))
            .values(revoked_at=now(), revoked_because=because, id_token=None)
            .returning(PersonSession.id, PersonSession.person_id)
        )
    ).all()
    for session_id, person_id in ended:
        own = because in {"signed_out", "by_owner"}
        record(
            session,
            "session.revoked",
            actor=actor or (f"person:{person_id}" if own else "system:sessions"),
            subject_id=session_id,
            data={"because": because},
        )
    return len(ended)


def _open(moment: datetime) -> Select[Any]:
    """Return the query of sessions that still have a token which counts."""
    return select(PersonSession).where(
        PersonSession.revoked_at.is_(None),
        PersonSession.expires_at > moment,
        exists().where(
            Token.session_id == PersonSession.id, Token.used_at.is_(None), Token.expires_at > moment
        ),
    )


async def list_sessions(
    session: AsyncSession, actor: Actor, *, after: uuid.UUID | None, limit: int
) -> Sequence[SessionRead]:
    """Return up to ``limit`` of the actor's own open sessions, newest first, before the id ``after``."""
    own = readable(actor, "session.read", PersonSession).with_only_columns(PersonSession.id)
    query = (
        _open(now())
        .where(PersonSession.id.in_(own))
        .outerjoin(ApiClient, ApiClient.id == PersonSession.client_id)
        .add_columns(ApiClient.name)
        .order_by(PersonSession.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(PersonSession.id < after)
    # Nobody reads tokens, and a person no API client; what is read of them is whether and how it is named.
    async with elevated(session):
        found = (await session.execute(query)).all()
    return [
        SessionRead(
            id=row.id,
            current=row.id == actor.session_id,
            kind=row.kind,
            website=website,
            device=device_of(row.user_agent),
            network=row.network,
            provider=row.provider,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
        )
        for row, website in found
    ]


async def revoke_own(session: AsyncSession, actor: Actor, session_id: uuid.UUID) -> None:
    """End one of the actor's own sessions; one that has ended stays so. Raises :class:`NotFound`."""
    missing = f"There is no session {session_id} among yours."
    await obtain(
        session, actor, PersonSession, session_id, "session.revoke", reading="session.read", missing=missing
    )
    await revoke(session, session_id, "by_owner", actor=actor.name)


async def revoke_others(session: AsyncSession, actor: Actor) -> int:
    """End all the actor's own sessions but the one they act with; return how many were open."""
    if actor.person_id is None:
        return 0
    return await revoke_all(session, actor.person_id, "by_owner", actor.session_id, actor=actor.name)


async def delete_old(session: AsyncSession, limit: int) -> int:
    """Delete what signing in leaves behind, up to ``limit`` rows of each kind; return how many went.

    Sign-ins and visits to providers a day after they began, tokens a day after they expired, sessions 30 days
    after they ended.
    """
    moment = now()
    ended = func.least(
        func.coalesce(PersonSession.revoked_at, PersonSession.expires_at), PersonSession.expires_at
    )
    deleted = 0
    for table, old in (
        (SignIn, SignIn.created_at <= moment - SIGN_INS_KEPT),
        (ProviderVisit, ProviderVisit.created_at <= moment - SIGN_INS_KEPT),
        (Token, Token.expires_at <= moment - TOKENS_KEPT),
        (PersonSession, ended <= moment - SESSIONS_KEPT),
    ):
        batch = select(table.id).where(old).limit(limit).with_for_update(skip_locked=True).cte()
        gone = await session.execute(
            delete(table)
            .where(table.id.in_(select(batch.c.id)))
            .returning(table.id)
            .execution_options(synchronize_session=False)
        )
        deleted += len(gone.all())
    return deleted
