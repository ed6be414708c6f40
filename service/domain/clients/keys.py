"""The keys of a client: several at a time, so that a new one can take over while the old still works."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Invalid, NotFound
from service.core.ids import new_id
from service.core.reach import elevated
from service.core.security import Kind, hash_secret, new_key
from service.domain.access import Actor
from service.domain.clients import giving
from service.domain.clients.giving import FOREVER
from service.domain.clients.reading import home
from service.domain.events import record
from service.models import ApiClient, ApiKey, Territory
from service.schemas.api_clients import ApiKeyCreate, ApiKeyIssued, ApiKeyRead


def check_end(expires_at: datetime | None, pointer: str) -> None:
    """Raise :class:`Invalid` for a key that would end before it begins."""
    if expires_at is not None and expires_at <= now():
        message = "A key must expire in the future."
        raise Invalid(message, errors=[FieldError(pointer, message, "past")])


def require_live(client: ApiClient) -> None:
    """Raise :class:`Conflict` for a client that was revoked."""
    if client.revoked_at is not None:
        raise Conflict(
            f"The client {client.id} is revoked, for good. Make another with `POST /v1/api-clients`."
        )


async def issue(
    session: AsyncSession, actor: Actor, client: ApiClient, *, expires_at: datetime | None
) -> ApiKeyIssued:
    """Make a key for a client; that the actor may is decided. The answer alone holds it in plain."""
    value = new_key(Kind.SECRET_KEY if client.kind == "secret" else Kind.PUBLISHABLE_KEY)
    key = ApiKey(
        id=new_id(),
        client_id=client.id,
        digest=hash_secret(value),
        hint=value[-4:],
        created_at=now(),
        expires_at=expires_at,
    )
    # Only the platform writes rows that give rights.
    async with elevated(session):
        session.add(key)
        await session.flush()
    _record(session, "key.created", actor, client, key.id)
    return ApiKeyIssued.model_validate(ApiKeyRead.model_validate(key).model_dump() | {"value": value})


def _record(session: AsyncSession, kind: str, actor: Actor, client: ApiClient, key_id: uuid.UUID) -> None:
    record(
        session,
        kind,
        actor=actor.name,
        territory_id=home(client),
        subject_id=key_id,
        data={"client_id": str(client.id)},
    )


async def create_key(
    session: AsyncSession, actor: Actor, client: ApiClient, data: ApiKeyCreate
) -> ApiKeyIssued:
    """Make a new key for a client (obtained for a change, so locked); let those before it run out.

    Whoever asks will hold a key to all the client may do, so it must all be theirs to give. Raises
    :class:`Conflict` for a revoked client, :class:`Invalid`, :class:`Forbidden`.
    """
    require_live(client)
    check_end(data.expires_at, "/expires_at")
    territories = await session.scalars(select(Territory).where(Territory.id.in_(client.territory_ids)))
    await giving.require_giving(
        session,
        actor,
        giving.gifts(territories.all(), client.scopes),
        until=data.expires_at or FOREVER,
    )
    moment = now()
    end = moment + timedelta(hours=data.overlap_hours)
    async with elevated(session):
        before = await session.scalars(
            select(ApiKey).where(
                ApiKey.client_id == client.id,
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > moment),
            )
        )
        ended = []
        for key in before:
            key.expires_at = min(key.expires_at or end, end)
            if not data.overlap_hours:
                # Without waiting for any server's clock.
                key.revoked_at = moment
                ended.append(key.id)
    for key_id in ended:
        _record(session, "key.revoked", actor, client, key_id)
    return await issue(session, actor, client, expires_at=data.expires_at)


async def list_keys(
    session: AsyncSession, client: ApiClient, *, after: uuid.UUID | None, limit: int
) -> list[ApiKeyRead]:
    """Return up to ``limit`` keys of a client by id, newest last, after the id ``after``, ended ones too."""
    query = select(ApiKey).where(ApiKey.client_id == client.id).order_by(ApiKey.id).limit(limit)
    if after is not None:
        query = query.where(ApiKey.id > after)
    return [ApiKeyRead.model_validate(key) for key in await session.scalars(query)]


async def revoke_key(session: AsyncSession, actor: Actor, client: ApiClient, key_id: uuid.UUID) -> None:
    """Revoke one key of a client, with the tokens it was exchanged for, at once. Twice is as once.

    Raises :class:`NotFound`.
    """
    async with elevated(session):
        key = await session.scalar(
            select(ApiKey).where(ApiKey.id == key_id, ApiKey.client_id == client.id).with_for_update()
        )
        if key is None:
            raise NotFound(f"The client {client.id} has no key {key_id}.")
        if key.revoked_at is not None:
            return
        key.revoked_at = now()
    _record(session, "key.revoked", actor, client, key_id)
