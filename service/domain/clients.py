"""API clients: the programs that call for territories, and their keys."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Invalid, NotFound
from service.core.security import Kind, hash_secret, new_key
from service.domain.access import SCOPES
from service.models import ApiClient, ApiKey, Territory


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
    secret = new_key(Kind.SECRET_KEY)
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
