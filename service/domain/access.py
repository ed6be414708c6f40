"""Who may do what: the actor, the scopes, and the one table of permissions."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from service.core.clock import now
from service.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from service.core.security import hash_secret, looks_like_secret_key, new_secret_key
from service.models import ApiClient, ApiKey, Territory

# What each scope of an API client allows. A permission is ``resource.verb``; every route names one.
SCOPES: dict[str, frozenset[str]] = {
    "territories:write": frozenset({"territory.read", "territory.create", "territory.update"}),
    "employers:read": frozenset({"employer.read"}),
    "employers:write": frozenset({"employer.read", "employer.create", "employer.update"}),
    "postings:read": frozenset({"posting.read"}),
    "postings:write": frozenset({"posting.read", "posting.create", "posting.update", "posting.publish"}),
    "candidates:read": frozenset({"candidate.read"}),
    "candidates:write": frozenset(
        {"candidate.read", "candidate.create", "candidate.update", "candidate.delete"}
    ),
    "matches:read": frozenset({"match.read"}),
    "imports:read": frozenset({"feed.read", "import.read"}),
    "imports:write": frozenset({"feed.read", "feed.create", "feed.update", "import.read", "import.create"}),
}
PERMISSIONS: frozenset[str] = frozenset().union(*SCOPES.values())


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a name for the record, the territories granted, and what is allowed there.

    A grant on a territory holds for every territory inside it.
    """

    name: str
    client_id: uuid.UUID | None = None
    territory_ids: tuple[uuid.UUID, ...] = ()
    permissions: frozenset[str] = field(default_factory=frozenset)
    everywhere: bool = False

    def may(self, permission: str) -> bool:
        """Tell whether the actor holds ``permission`` somewhere."""
        return self.everywhere or permission in self.permissions


ANONYMOUS = Actor(name="anonymous")


def system(name: str) -> Actor:
    """Return the actor of a command or background task: allowed everything, named in every record."""
    return Actor(name=f"system:{name}", everywhere=True)


def within(actor: Actor, column: InstrumentedAttribute[uuid.UUID]) -> ColumnElement[bool]:
    """Return the condition that the row's territory is one of the actor's or inside one."""
    if actor.everywhere:
        return column.is_not(None)
    granted = select(Territory.id).where(Territory.lineage.overlap(list(actor.territory_ids)))
    return column.in_(granted)


def require(actor: Actor, permission: str) -> None:
    """Raise :class:`Unauthenticated` or :class:`Forbidden` unless the actor holds ``permission``."""
    if actor.may(permission):
        return
    if actor is ANONYMOUS:
        message = "Send the secret key of an API client: `Authorization: Bearer ancrage_sk_…`."
        raise Unauthenticated(message)
    needed = sorted(scope for scope, allowed in SCOPES.items() if permission in allowed)
    raise Forbidden(f"This key lacks a scope that allows `{permission}`: {' or '.join(needed)}.")


async def require_territory(session: AsyncSession, actor: Actor, slug: str) -> Territory:
    """Return the territory ``slug`` if the actor is granted it; otherwise it does not exist for them."""
    territory = await session.scalar(
        select(Territory).where(Territory.slug == slug, within(actor, Territory.id))
    )
    if territory is None:
        raise NotFound(f"There is no territory `{slug}` among those this key is granted.")
    return territory


async def authenticate(session: AsyncSession, key: str) -> Actor:
    """Return the actor whose secret key is ``key``, or raise :class:`Unauthenticated`.

    Every wrong key gets the same answer, whether malformed, unknown, expired or revoked.
    """
    refused = Unauthenticated("This key is not valid: malformed, unknown, expired or revoked.")
    if not looks_like_secret_key(key):
        raise refused
    row = (
        await session.execute(
            select(ApiKey, ApiClient)
            .join(ApiClient, ApiClient.id == ApiKey.client_id)
            .where(ApiKey.digest == hash_secret(key))
        )
    ).one_or_none()
    if row is None:
        raise refused
    api_key, client = row
    moment = now()
    if api_key.revoked_at or client.revoked_at or (api_key.expires_at and api_key.expires_at <= moment):
        raise refused
    # Once an hour is enough to know that a key is in use, and spares a write on every request.
    if api_key.last_used_at is None or moment - api_key.last_used_at > timedelta(hours=1):
        await session.execute(update(ApiKey).where(ApiKey.id == api_key.id).values(last_used_at=moment))
    return Actor(
        name=f"client:{client.id}",
        client_id=client.id,
        territory_ids=tuple(client.territory_ids),
        permissions=frozenset[str]().union(*(SCOPES.get(scope, frozenset()) for scope in client.scopes)),
    )


async def create_client(
    session: AsyncSession,
    *,
    name: str,
    territory_slugs: Sequence[str],
    scopes: Sequence[str],
    expires_at: datetime | None = None,
) -> tuple[ApiClient, str]:
    """Make an API client with one secret key; return both. The key is shown once and stored hashed.

    Raises :class:`Invalid` for an unknown scope, :class:`NotFound` for an unknown territory.
    """
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise Invalid(f"Unknown scope {', '.join(unknown)}. Known: {', '.join(sorted(SCOPES))}.")
    territories = (
        await session.execute(select(Territory.slug, Territory.id).where(Territory.slug.in_(territory_slugs)))
    ).all()
    if missing := sorted(set(territory_slugs) - {slug for slug, _ in territories}):
        raise NotFound(f"There is no territory {', '.join(missing)}.")
    client = ApiClient(
        name=name, territory_ids=[territory_id for _, territory_id in territories], scopes=sorted(set(scopes))
    )
    session.add(client)
    await session.flush()
    secret = new_secret_key()
    session.add(
        ApiKey(client_id=client.id, digest=hash_secret(secret), hint=secret[-4:], expires_at=expires_at)
    )
    await session.flush()
    return client, secret


async def list_clients(session: AsyncSession) -> list[tuple[ApiClient, list[str]]]:
    """Return every client with the slugs of its territories, oldest first."""
    slugs = {row.id: row.slug for row in await session.execute(select(Territory.id, Territory.slug))}
    clients = await session.scalars(select(ApiClient).order_by(ApiClient.created_at, ApiClient.id))
    return [
        (client, [slugs.get(territory_id, "?") for territory_id in client.territory_ids])
        for client in clients
    ]


async def revoke_client(session: AsyncSession, client_id: uuid.UUID) -> None:
    """Revoke a client and all its keys, at once. Raises :class:`NotFound`."""
    client = await session.get(ApiClient, client_id)
    if client is None:
        raise NotFound(f"There is no API client {client_id}.")
    client.revoked_at = client.revoked_at or now()
