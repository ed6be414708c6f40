"""From what a request presents to who is asking."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core import reach
from service.core.clock import now
from service.core.errors import Unauthenticated
from service.core.security import Kind, hash_secret, kind_of
from service.domain.access.actor import ANONYMOUS, Actor, Grant
from service.domain.access.rules import PUBLISHABLE, ROLES, SCOPES, Place
from service.models import ApiClient, ApiKey, Person, PersonSession, RoleGrant, Token

# Once in a while is enough to know that something is in use, and spares a write on every request.
_KEY_SEEN: Final = timedelta(hours=1)
_SESSION_SEEN: Final = timedelta(minutes=5)
_PERSON_SEEN: Final = timedelta(hours=6)
CONSOLE_IDLE: Final = timedelta(hours=12)
"""Without a request for so long, a console session is over."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says of who asks.

    ``authorization`` is the header as sent, ``key`` the header ``Ancrage-Key``, ``origin`` the page's.
    """

    authorization: str | None = None
    key: str | None = None
    origin: str | None = None


_REFUSED: Final = "This key or token is not valid: malformed, unknown, expired or revoked."


def _refused() -> Unauthenticated:
    """Return the one answer to every wrong credential."""
    return Unauthenticated(_REFUSED)


async def authenticate(session: AsyncSession, presented: Presented) -> Actor:
    """Return who asks, and let the session's transaction reach as far as they do.

    A secret key or a token comes as ``Authorization: Bearer …``, a publishable key in ``Ancrage-Key``, alone
    or beside a person's token. Raises :class:`Unauthenticated` for anything wrong, always in the same words
    but for a publishable key sent from a page it is not for.
    """
    if presented.authorization is None and presented.key is None:
        return ANONYMOUS
    async with reach.elevated(session):
        actor = ANONYMOUS
        if presented.key is not None:
            actor = await _by_publishable_key(session, presented.key, presented.origin)
        if presented.authorization is not None:
            scheme, _, credential = presented.authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise _refused()
            actor = await _by_bearer(session, credential.strip(), presented.origin)
    await reach.apply(session, actor.reach())
    return actor


async def _by_bearer(session: AsyncSession, credential: str, origin: str | None) -> Actor:
    match kind_of(credential):
        case Kind.SECRET_KEY:
            return await _by_secret_key(session, credential)
        case Kind.PUBLISHABLE_KEY:
            return await _by_publishable_key(session, credential, origin)
        case Kind.ACCESS:
            return await _by_access_token(session, credential)
        case _:
            raise _refused()


async def _client_of_key(session: AsyncSession, credential: str, kind: str) -> tuple[ApiKey, ApiClient]:
    row = (
        await session.execute(
            select(ApiKey, ApiClient)
            .join(ApiClient, ApiClient.id == ApiKey.client_id)
            .where(ApiKey.digest == hash_secret(credential), ApiClient.kind == kind)
        )
    ).one_or_none()
    if row is None:
        raise _refused()
    key, client = row
    moment = now()
    if not _valid(key, client, moment):
        raise _refused()
    if key.last_used_at is None or moment - key.last_used_at > _KEY_SEEN:
        await session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=moment))
    return key, client


def _valid(key: ApiKey, client: ApiClient, moment: datetime) -> bool:
    return not (key.revoked_at or client.revoked_at or (key.expires_at and key.expires_at <= moment))


async def _by_secret_key(session: AsyncSession, credential: str) -> Actor:
    _, client = await _client_of_key(session, credential, "secret")
    return client_actor(client, client.scopes)


async def _by_publishable_key(session: AsyncSession, credential: str, origin: str | None) -> Actor:
    if kind_of(credential) is not Kind.PUBLISHABLE_KEY:
        raise _refused()
    _, client = await _client_of_key(session, credential, "publishable")
    if origin is None or origin not in client.origins:
        raise Unauthenticated(
            "A publishable key is taken from the pages it was made for: "
            f"{', '.join(client.origins)}. This request came from {origin or 'no page (no Origin header)'}."
        )
    return Actor(
        name=f"client:{client.id}",
        client_id=client.id,
        # No territory: what it starts is checked against ``client_territory_ids``, and it reads nothing back.
        grants=(Grant(PUBLISHABLE, source=client.name),),
        publishable=True,
        client_territory_ids=tuple(client.territory_ids),
    )


def client_actor(client: ApiClient, scopes: Sequence[str]) -> Actor:
    """Return the actor of a program with a secret key, for some of its scopes."""
    permissions = frozenset[str]().union(*(SCOPES.get(scope, frozenset()) for scope in scopes))
    return Actor(
        name=f"client:{client.id}",
        client_id=client.id,
        grants=(Grant(permissions, territories=frozenset(client.territory_ids), source=client.name),),
        client_territory_ids=tuple(client.territory_ids),
    )


async def _by_access_token(session: AsyncSession, credential: str) -> Actor:
    token = await session.scalar(select(Token).where(Token.digest == hash_secret(credential)))
    moment = now()
    if token is None or token.expires_at <= moment:
        raise _refused()
    if token.kind == "client":
        row = (
            await session.execute(
                select(ApiKey, ApiClient)
                .join(ApiClient, ApiClient.id == ApiKey.client_id)
                .where(ApiKey.id == token.key_id)
            )
        ).one()
        if not _valid(row[0], row[1], moment):
            raise _refused()
        return client_actor(row[1], [scope for scope in token.scopes if scope in row[1].scopes])
    if token.kind != "access":
        raise _refused()
    return await person_actor(session, token, moment)


async def authenticate_console(session: AsyncSession, cookie: str) -> Actor:
    """Return the person whose console cookie this is; the transaction then reaches as far as they do."""
    async with reach.elevated(session):
        if kind_of(cookie) is not Kind.CONSOLE:
            raise _refused()
        token = await session.scalar(select(Token).where(Token.digest == hash_secret(cookie)))
        moment = now()
        if token is None or token.kind != "console" or token.expires_at <= moment:
            raise _refused()
        actor = await person_actor(session, token, moment)
        if token.expires_at - moment < CONSOLE_IDLE - _SESSION_SEEN:
            await _keep_awake(session, token, moment)
    await reach.apply(session, actor.reach())
    return actor


async def _keep_awake(session: AsyncSession, token: Token, moment: datetime) -> None:
    """Let a console's cookie count from now on again, until its session ends at the latest."""
    end = select(PersonSession.expires_at).where(PersonSession.id == token.session_id).scalar_subquery()
    until = func.least(moment + CONSOLE_IDLE, end)
    await session.execute(
        update(Token)
        .where(Token.id == token.id, Token.expires_at < until)
        .values(expires_at=until)
        .execution_options(synchronize_session=False)
    )


async def person_actor(session: AsyncSession, token: Token, moment: datetime) -> Actor:
    """Return the person of a session's token. Raises :class:`Unauthenticated` when the session has ended."""
    row = (
        await session.execute(
            select(PersonSession, Person, ApiClient.revoked_at)
            .join(Person, Person.id == PersonSession.person_id)
            .outerjoin(ApiClient, ApiClient.id == PersonSession.client_id)
            .where(PersonSession.id == token.session_id)
        )
    ).one_or_none()
    if row is None:
        raise _refused()
    signed_in, person, client_revoked_at = row
    if (
        signed_in.revoked_at
        or signed_in.expires_at <= moment
        or person.anonymised_at
        or client_revoked_at is not None
    ):
        raise _refused()
    if moment - signed_in.last_used_at > _SESSION_SEEN:
        await session.execute(
            update(PersonSession).where(PersonSession.id == signed_in.id).values(last_used_at=moment)
        )
    if moment - person.last_seen_at > _PERSON_SEEN:
        await session.execute(
            update(Person)
            .where(Person.id == person.id)
            .values(last_seen_at=moment, dormancy_warned_at=None, updated_at=moment)
        )
    return await actor_of(session, person, session_id=signed_in.id)


async def actor_of(session: AsyncSession, person: Person, *, session_id: uuid.UUID | None = None) -> Actor:
    """Return a person as an actor, with every hat they wear now."""
    held = await session.scalars(
        select(RoleGrant).where(
            RoleGrant.person_id == person.id,
            RoleGrant.revoked_at.is_(None),
            or_(RoleGrant.expires_at.is_(None), RoleGrant.expires_at > now()),
        )
    )
    return wearing(person, list(held), session_id=session_id)


def wearing(person: Person, held: Sequence[RoleGrant], *, session_id: uuid.UUID | None = None) -> Actor:
    """Return a person as an actor with these hats and no others."""
    roles = [grant for grant in held if grant.role in ROLES]
    operator = any(ROLES[grant.role].place is Place.PLATFORM for grant in roles)
    return Actor(
        name=f"person:{person.id}",
        person_id=person.id,
        session_id=session_id,
        email=person.email,
        language=person.language,
        grants=(
            *(_grant(each) for each in roles),
            Grant(ROLES["person"].permissions, own=True, source="person"),
        ),
        everywhere=operator,
        permissions=ROLES["operator"].permissions if operator else frozenset(),
    )


def _grant(held: RoleGrant) -> Grant:
    role = ROLES[held.role]
    match role.place:
        case Place.EMPLOYER if held.employer_id:
            return Grant(role.permissions, employers=frozenset({held.employer_id}), source=held.role)
        case Place.PARTNER if held.partner_id:
            return Grant(role.permissions, partners=frozenset({held.partner_id}), source=held.role)
        case Place.TERRITORY if held.territory_id:
            ids = frozenset({held.territory_id})
            if role.inside:
                return Grant(role.permissions, territories=ids, source=held.role)
            return Grant(role.permissions, exact_territories=ids, source=held.role)
        case _:
            # An operator's permissions hold everywhere: the actor itself says so.
            return Grant(frozenset(), source=held.role)
