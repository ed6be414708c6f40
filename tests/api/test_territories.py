"""Territories over the API."""

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.models.enums import TerritoryKind
from tests.client import ApiClient
from tests.factories import create_commune, create_key, create_territory


async def test_a_region_creates_an_epci_that_the_public_reads(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    await create_commune(session)
    region = await create_territory(session, slug="aura", kind=TerritoryKind.REGION)
    await session.commit()
    key = await create_key(database, region)
    created = await client.with_key(key).post(
        "/v1/territories",
        json={
            "slug": "bassin",
            "name": "Bassin d'Aubenas",
            "kind": "epci",
            "parent": "aura",
            "coverage": {"epcis": ["200073245"]},
            "brand": {"name": "Aubenas", "promise": "On vous attend", "languages": ["fr"]},
        },
    )
    assert created.status_code == 201, created.text
    assert created.json()["communes"] == 1
    read = await client.get("/v1/territories/bassin")
    assert read.json()["brand"]["promise"] == "On vous attend"
    again = await client.get("/v1/territories/bassin", headers={"If-None-Match": read.headers["etag"]})
    assert again.status_code == 304
    listed = await client.get("/v1/territories", params={"limit": 1})
    assert listed.json()["items"][0]["slug"] == "aura"
    second = await client.get("/v1/territories", params={"limit": 1, "after": listed.json()["next"]})
    assert [item["slug"] for item in second.json()["items"]] == ["bassin"]
    assert second.json()["next"] is None


async def test_an_update_needs_the_version_it_changes(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    client.with_key(await create_key(database, territory))
    missing = await client.patch("/v1/territories/bassin", json={"name": "Autre"})
    assert missing.status_code == 428
    assert missing.json()["type"] == "urn:ancrage:problem:precondition-required"
    done = await client.patch("/v1/territories/bassin", json={"name": "Autre"}, headers={"If-Match": '"1"'})
    assert (done.status_code, done.headers["etag"]) == (200, '"2"')
    stale = await client.patch("/v1/territories/bassin", json={"name": "X"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
