"""Making, changing and revoking clients."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import FieldError, Invalid
from service.core.ids import new_id
from service.core.reach import elevated
from service.domain.access import Actor
from service.domain.clients import giving, keys
from service.domain.clients.giving import FOREVER, Gift
from service.domain.clients.reading import home, read
from service.domain.events import record
from service.models import ApiClient, ApiKey, Territory
from service.schemas.api_clients import ApiClientCreate, ApiClientCreated, ApiClientUpdate


def _check_kind(kind: str, scopes: Sequence[str], origins: Sequence[str]) -> None:
    """Raise :class:`Invalid` unless a client of this kind may have these scopes and origins."""
    wrong = {
        "secret": (
            (
                "scopes",
                not scopes,
                "A client of kind `secret` needs scopes: without one its key is no use.",
            ),
            ("origins", bool(origins), "Only a client of kind `publishable` has origins. Leave them out."),
        ),
        "publishable": (
            (
                "scopes",
                bool(scopes),
                "A publishable key has no scopes: anybody can read it. Leave them out.",
            ),
            ("origins", not origins, "A client of kind `publishable` needs the origins of its pages."),
        ),
    }
    errors = [FieldError(f"/{name}", why, "kind") for name, is_wrong, why in wrong[kind] if is_wrong]
    if errors:
        raise Invalid(" ".join(error.detail for error in errors), errors=errors)


async def create_client(session: AsyncSession, actor: Actor, data: ApiClientCreate) -> ApiClientCreated:
    """Make a client with its first key, which the answer alone holds in plain.

    Raises :class:`Invalid` (scopes, origins), :class:`NotFound` (territory), :class:`Forbidden` (more than
    the actor holds).
    """
    giving.check_scopes(data.scopes)
    _check_kind(data.kind, data.scopes, data.origins)
    keys.check_end(data.key_expires_at, "/key_expires_at")
    territories = await giving.require_territories(session, actor, "api_client.create", data.territories)
    await giving.require_giving(
        session, actor, giving.gifts(territories, data.scopes), until=data.key_expires_at or FOREVER
    )
    client = ApiClient(
        id=new_id(),
        name=data.name,
        kind=data.kind,
        territory_ids=[territory.id for territory in territories],
        scopes=sorted(set(data.scopes)),
        origins=sorted(set(data.origins)),
        created_by=actor.name,
        created_at=now(),
    )
    # That it gives no more than its maker holds is decided: only the platform writes rows that give rights.
    async with elevated(session):
        session.add(client)
        await session.flush()
    record(
        session,
        "client.created",
        actor=actor.name,
        territory_id=home(client),
        subject_id=client.id,
        data={"kind": client.kind, "scopes": client.scopes},
    )
    key = await keys.issue(session, actor, client, expires_at=data.key_expires_at)
    made = await read(session, client)
    return ApiClientCreated.model_validate(made.model_dump() | {"key": key})


async def update_client(
    session: AsyncSession, actor: Actor, client: ApiClient, data: ApiClientUpdate
) -> ApiClient:
    """Change what ``data`` names; requests with the client's keys and tokens feel it from the next one on.

    Raises :class:`Conflict` for a revoked client, :class:`Invalid`, :class:`NotFound`, :class:`Forbidden`.
    """
    keys.require_live(client)
    changed = {name: value for name, value in data.model_dump().items() if name in data.model_fields_set}
    if empty := [name for name, value in changed.items() if value is None]:
        message = f"A client cannot be without {', '.join(empty)}. Leave out what is to stay."
        raise Invalid(message, errors=[FieldError(f"/{name}", message, "missing") for name in empty])
    scopes = sorted(set(changed.get("scopes", client.scopes)))
    origins = sorted(set(changed.get("origins", client.origins)))
    giving.check_scopes(changed.get("scopes", []))
    _check_kind(client.kind, scopes, origins)
    territories = await _territories(session, actor, client, data)
    added = [gift for gift in giving.gifts(territories, scopes) if not _has(client, gift)]
    await giving.require_giving(session, actor, added, until=await _last_end(session, client))
    # As for making one: decided above, written by the platform.
    async with elevated(session):
        client.name = changed.get("name", client.name)
        client.territory_ids = [territory.id for territory in territories]
        client.scopes = scopes
        client.origins = origins
        client.version += 1
    record(
        session,
        "client.updated",
        actor=actor.name,
        territory_id=home(client),
        subject_id=client.id,
        data={"fields": sorted(changed), "scopes": client.scopes},
    )
    return client


async def _territories(
    session: AsyncSession, actor: Actor, client: ApiClient, data: ApiClientUpdate
) -> list[Territory]:
    if data.territories is not None:
        return await giving.require_territories(session, actor, "api_client.update", data.territories)
    found = await session.scalars(select(Territory).where(Territory.id.in_(client.territory_ids)))
    return sorted(found, key=lambda territory: client.territory_ids.index(territory.id))


def _has(client: ApiClient, gift: Gift) -> bool:
    return not set(client.territory_ids).isdisjoint(gift.territory.lineage) and (
        gift.scope is None or gift.scope in client.scopes
    )


async def _last_end(session: AsyncSession, client: ApiClient) -> datetime:
    """Return when the last of the client's keys ends."""
    ends = await session.scalars(
        select(ApiKey.expires_at).where(ApiKey.client_id == client.id, ApiKey.revoked_at.is_(None))
    )
    return max((end or FOREVER for end in ends), default=now())


async def revoke_client(session: AsyncSession, actor: Actor, client: ApiClient) -> None:
    """Revoke a client with all its keys and tokens, at once and for good. Twice is as once."""
    if client.revoked_at is not None:
        return
    # As for making one: decided by whoever obtained it, written by the platform.
    async with elevated(session):
        client.revoked_at = now()
        client.version += 1
    record(
        session,
        "client.revoked",
        actor=actor.name,
        territory_id=home(client),
        subject_id=client.id,
    )
