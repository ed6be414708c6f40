"""Which clients an actor sees, and how."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import NotFound
from service.core.reach import elevated
from service.domain.access import Actor, allowed, obtain, require_territory
from service.models import ApiClient, Territory
from service.schemas.api_clients import ApiClientRead


async def _reads(session: AsyncSession, clients: Sequence[ApiClient]) -> list[ApiClientRead]:
    ids = {territory_id for client in clients for territory_id in client.territory_ids}
    rows = await session.execute(select(Territory.id, Territory.slug).where(Territory.id.in_(ids)))
    slugs = {row.id: row.slug for row in rows}
    own = [name for name in ApiClientRead.model_fields if name != "territories"]
    return [
        ApiClientRead.model_validate(
            {name: getattr(client, name) for name in own}
            | {"territories": [slugs[territory_id] for territory_id in client.territory_ids]}
        )
        for client in clients
    ]


async def read(session: AsyncSession, client: ApiClient) -> ApiClientRead:
    """Return a client as those who look after its territories see it."""
    return (await _reads(session, [client]))[0]


async def list_clients(
    session: AsyncSession, actor: Actor, *, after: uuid.UUID | None, limit: int, territory: str | None
) -> list[ApiClientRead]:
    """Return up to ``limit`` clients by id, newest last, after the id ``after``, the revoked ones too.

    With ``territory`` only those that may act there.
    """
    query = (
        select(ApiClient)
        .where(allowed(actor, "api_client.read", ApiClient))
        .order_by(ApiClient.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(ApiClient.id > after)
    if territory is not None:
        holder = await require_territory(session, actor, "api_client.read", territory)
        query = query.where(ApiClient.territory_ids.overlap(holder.lineage))
    return await _reads(session, (await session.scalars(query)).all())


async def get_client(
    session: AsyncSession, actor: Actor, client_id: uuid.UUID, to: str = "api_client.read"
) -> ApiClient:
    """Return a client at which the actor holds the permission ``to``, locked unless it is a read.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    reading = "api_client.read"
    missing = f"There is no API client {client_id} among those you may see."
    if to == reading:
        return await obtain(session, actor, ApiClient, client_id, to, reading=reading, missing=missing)
    seen = select(ApiClient.id).where(ApiClient.id == client_id, allowed(actor, reading, ApiClient))
    if await session.scalar(seen) is None:
        raise NotFound(missing)
    # Nobody writes clients by themselves, for they give rights: locking one is the platform's.
    async with elevated(session):
        return await obtain(session, actor, ApiClient, client_id, to, reading=reading, missing=missing)


def home(client: ApiClient) -> uuid.UUID | None:
    """Return the territory in whose trail stands what happens to a client: its first."""
    return next(iter(client.territory_ids), None)
