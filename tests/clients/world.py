"""A région with an EPCI, a commune in it, another EPCI beside, another région: and who looks after what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Person, Territory
from tests.client import ApiClient
from tests.factories import create_person, create_role, create_territory, sign_in_as

ORIGIN = "https://www.bassin.example"


@dataclass(frozen=True, slots=True)
class World:
    region: Territory
    ours: Territory
    inside: Territory
    beside: Territory
    foreign: Territory


async def build(session: AsyncSession) -> World:
    region = await create_territory(session, slug="region", kind="region")
    ours = await create_territory(session, slug="ours", parent=region)
    world = World(
        region,
        ours,
        await create_territory(session, slug="inside", parent=ours, kind="commune"),
        await create_territory(session, slug="beside", parent=region),
        await create_territory(session, slug="foreign", kind="region"),
    )
    await session.commit()
    return world


async def sign_in(
    client: ApiClient,
    session: AsyncSession,
    role: str | None = None,
    place: Territory | None = None,
    *,
    until: datetime | None = None,
) -> Person:
    """Let the client speak as a person with this role from now on."""
    person = await create_person(session)
    if role is not None:
        await create_role(session, person, role, place, expires_at=until)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    return person


def wanted(**more: Any) -> dict[str, Any]:
    """Return the body that makes a secret client of ``ours``, unless told otherwise."""
    return {"name": "Site du bassin", "territories": ["ours"], "scopes": ["employers:read"]} | more


def page(**more: Any) -> dict[str, Any]:
    """Return the body that makes a publishable client of ``ours``, unless told otherwise."""
    return {
        "name": "Page du bassin",
        "kind": "publishable",
        "territories": ["ours"],
        "origins": [ORIGIN],
    } | more


async def make(client: ApiClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await client.post("/v1/api-clients", json=body or wanted())
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def rotate(client: ApiClient, client_id: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/api-clients/{client_id}/keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def try_key(client: ApiClient, key: str, path: str = "/v1/employers", **headers: str) -> int:
    """Return what a call with ``key`` answers, whoever the client speaks as."""
    answer = await client.get(path, headers={"Authorization": f"Bearer {key}"} | headers)
    return answer.status_code


async def patch(client: ApiClient, made: dict[str, Any], **body: Any) -> httpx.Response:
    return await client.patch(
        f"/v1/api-clients/{made['id']}", json=body, headers={"If-Match": f'"{made["version"]}"'}
    )
