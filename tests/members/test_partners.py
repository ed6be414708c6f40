"""Partners: who keeps them, who sees them, and one name at a time."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.models import AuditEntry, Event, Territory
from tests.client import ApiClient
from tests.factories import create_key, create_territory, sign_in_as
from tests.members.world import create_partner

BODY: dict[str, Any] = {
    "territory": "bassin",
    "name": "Habitat des Sources",
    "kind": "housing",
    "contact_name": "Dominique Exemple",
    "contact_email": "accueil@habitat.example.org",
}


@pytest.fixture
async def territory(session: AsyncSession) -> Territory:
    """Return a territory without partners."""
    found = await create_territory(session, slug="bassin")
    await session.commit()
    return found


async def test_a_manager_keeps_partners(
    client: ApiClient, session: AsyncSession, territory: Territory
) -> None:
    client.with_key(await sign_in_as(session, role="territory_manager", place=territory))
    await session.commit()
    created = await client.post("/v1/partners", json=BODY)
    assert created.status_code == 201, created.text
    partner = created.json()
    assert created.headers["location"] == f"/v1/partners/{partner['id']}"
    assert BODY.items() <= partner.items()
    again = await client.post("/v1/partners", json=BODY)
    assert (again.status_code, again.json()["partner_id"]) == (409, partner["id"])

    path = f"/v1/partners/{partner['id']}"
    changed = await client.patch(
        path, json={"kind": "economy", "contact_name": None}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200
    assert (changed.json()["kind"], changed.json()["contact_name"]) == ("economy", None)
    assert changed.headers["etag"] == '"2"'
    assert (await client.patch(path, json={}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.patch(path, json={})).status_code == 428
    empty = await client.patch(path, json={"name": None, "kind": None}, headers={"If-Match": '"2"'})
    assert [error["pointer"] for error in empty.json()["errors"]] == ["/name", "/kind"]
    kinds = await session.scalars(select(Event.kind).where(Event.kind.like("partner.%")))
    assert sorted(kinds) == ["partner.created", "partner.updated"]


async def test_another_partner_s_name_is_refused_whoever_asks(
    client: ApiClient, session: AsyncSession, territory: Territory
) -> None:
    await create_partner(session, territory, name="École des Sources", kind="education")
    partner = await create_partner(session, territory)
    client.with_key(await sign_in_as(session, role="partner_member", place=partner))
    await session.commit()
    path = f"/v1/partners/{partner.id}"
    answer = await client.patch(path, json={"name": "École des Sources"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 409
    assert "partner_id" not in answer.json()
    # Nothing of it was kept.
    assert (await client.get(path)).json()["version"] == 1


async def test_lists_are_filtered_and_paged(
    client: ApiClient, session: AsyncSession, database: Database, territory: Territory
) -> None:
    inside = await create_territory(session, slug="dedans", parent=territory, kind="commune")
    elsewhere = await create_territory(session, slug="ailleurs")
    for number in range(3):
        await create_partner(session, territory, name=f"Bailleur {number}")
    await create_partner(session, inside, name="École", kind="education")
    await create_partner(session, elsewhere)
    await session.commit()
    client.with_key(await create_key(database, territory, scopes=["partners:read"]))
    first = (await client.get("/v1/partners", params={"limit": 3})).json()
    rest = (await client.get("/v1/partners", params={"limit": 3, "after": first["next"]})).json()
    names = [item["name"] for item in first["items"] + rest["items"]]
    assert (names, rest["next"]) == (["Bailleur 0", "Bailleur 1", "Bailleur 2", "École"], None)
    schools = (await client.get("/v1/partners", params={"kind": "education"})).json()["items"]
    assert [item["name"] for item in schools] == ["École"]
    inner = (await client.get("/v1/partners", params={"territory": "dedans"})).json()["items"]
    assert [item["name"] for item in inner] == ["École"]
    assert (await client.get("/v1/partners", params={"territory": "ailleurs"})).status_code == 404


async def test_a_partner_s_member_reads_and_updates_their_own_alone(
    client: ApiClient, session: AsyncSession, territory: Territory
) -> None:
    own = await create_partner(session, territory)
    other = await create_partner(session, territory, name="Autre bailleur")
    client.with_key(await sign_in_as(session, role="partner_member", place=own))
    await session.commit()
    assert [item["id"] for item in (await client.get("/v1/partners")).json()["items"]] == [str(own.id)]
    changed = await client.patch(
        f"/v1/partners/{own.id}", json={"description": "Ouvert le lundi."}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200, changed.text
    for answer in (
        await client.get(f"/v1/partners/{other.id}"),
        await client.patch(f"/v1/partners/{other.id}", json={}, headers={"If-Match": '"1"'}),
    ):
        assert answer.status_code == 404
    assert (await client.post("/v1/partners", json=BODY)).status_code == 403


async def test_reading_a_contact_is_kept_in_the_trail(
    client: ApiClient, session: AsyncSession, territory: Territory
) -> None:
    partner = await create_partner(session, territory)
    client.with_key(await sign_in_as(session, role="concierge_agent", place=territory))
    await session.commit()
    await client.get("/v1/partners")
    await client.get(f"/v1/partners/{partner.id}")
    entries = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "partner.read"))).all()
    assert [(entry.object_id, entry.territory_id) for entry in entries] == [(partner.id, territory.id)] * 2
