"""Managers and operators make, read, change and revoke the programs that call for their territories."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.reach import Reach
from service.domain.access import SCOPES
from service.models import ApiClient as Row, ApiKey, AuditEntry, Event
from tests.client import ApiClient
from tests.clients.world import ORIGIN, World, make, page, patch, rotate, sign_in, try_key, wanted
from tests.factories import create_key, create_person, create_role, sign_in_as

NOBODY = "01a20140-0000-7000-8000-000000000000"


async def test_a_manager_gives_a_website_its_key(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    person = await sign_in(client, session, "territory_manager", world.ours)
    answer = await client.post("/v1/api-clients", json=wanted(scopes=["postings:write", "employers:read"]))
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/api-clients/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    key = made.pop("key")
    assert made.pop("created_at")
    assert made == {
        "id": made["id"],
        "name": "Site du bassin",
        "kind": "secret",
        "territories": ["ours"],
        "scopes": ["employers:read", "postings:write"],
        "origins": [],
        "created_by": f"person:{person.id}",
        "revoked_at": None,
        "version": 1,
    }
    assert key["value"].startswith("ancrage_sk_")
    assert key["hint"] == key["value"][-4:]
    assert await try_key(client, key["value"]) == 200
    read = await client.get(f"/v1/api-clients/{made['id']}")
    assert (read.status_code, read.headers["etag"]) == (200, '"1"')
    assert {name: read.json()[name] for name in made} == made
    changed = await patch(client, made, name="Site", scopes=["employers:read"])
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["name"], changed.json()["scopes"]) == ("Site", ["employers:read"])
    assert await try_key(client, key["value"], "/v1/postings") == 403
    stale = await patch(client, made, name="Trop tard")
    assert stale.status_code == 412
    gone = await client.delete(f"/v1/api-clients/{made['id']}")
    assert gone.status_code == 204
    assert await try_key(client, key["value"]) == 401
    assert (await client.get(f"/v1/api-clients/{made['id']}")).json()["revoked_at"] is not None


async def test_what_is_done_to_clients_is_recorded_in_their_territory(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    person = await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    await patch(client, made, name="Site")
    second = await rotate(client, made["id"], overlap_hours=0)
    for _ in range(2):
        await client.delete(f"/v1/api-clients/{made['id']}/keys/{second['id']}")
        await client.delete(f"/v1/api-clients/{made['id']}")
    rows = (await session.scalars(select(Event).order_by(Event.id))).all()
    assert [(row.kind, str(row.subject_id)) for row in rows] == [
        ("client.created", made["id"]),
        ("key.created", made["key"]["id"]),
        ("client.updated", made["id"]),
        ("key.revoked", made["key"]["id"]),
        ("key.created", second["id"]),
        ("key.revoked", second["id"]),
        ("client.revoked", made["id"]),
    ]
    assert {(row.actor, row.territory_id) for row in rows} == {(f"person:{person.id}", world.ours.id)}
    noted = await session.scalars(select(AuditEntry.action).where(AuditEntry.chain_id == world.ours.id))
    assert sorted(noted) == sorted(row.kind for row in rows)


async def test_a_manager_sees_the_clients_of_their_territories_alone(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "operator")
    names = {
        "seen": ["ours"],
        "seen inside": ["inside"],
        "seen twice": ["ours", "inside"],
        "above": ["region"],
        "beside": ["beside"],
        "half": ["ours", "beside"],
        "foreign": ["foreign"],
    }
    made = {name: await make(client, wanted(name=name, territories=slugs)) for name, slugs in names.items()}
    everything = (await client.get("/v1/api-clients")).json()["items"]
    assert [item["name"] for item in everything] == list(names)
    assert everything[5]["territories"] == ["ours", "beside"]
    await sign_in(client, session, "territory_manager", world.ours)
    first = (await client.get("/v1/api-clients", params={"limit": 2})).json()
    rest = (await client.get("/v1/api-clients", params={"limit": 2, "after": first["next"]})).json()
    shown = [item["name"] for item in first["items"] + rest["items"]]
    assert (shown, rest["next"]) == (["seen", "seen inside", "seen twice"], None)
    there = (await client.get("/v1/api-clients", params={"territory": "inside"})).json()["items"]
    assert [item["name"] for item in there] == shown, "what acts above it acts there too"
    here = (await client.get("/v1/api-clients", params={"territory": "ours"})).json()["items"]
    assert [item["name"] for item in here] == ["seen", "seen twice"]
    assert (await client.get("/v1/api-clients", params={"territory": "beside"})).status_code == 404
    nobody = await client.get(f"/v1/api-clients/{NOBODY}")
    for name, one in made.items():
        answer = await client.get(f"/v1/api-clients/{one['id']}")
        assert answer.status_code == (200 if name.startswith("seen") else 404), name
        if answer.status_code == 404:
            assert answer.json()["detail"] == nobody.json()["detail"].replace(NOBODY, one["id"])


async def test_another_role_elsewhere_shows_no_clients_there(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    """Who is a manager here and an agent above reaches both, and looks after clients here alone."""
    await sign_in(client, session, "operator")
    above = await make(client, wanted(territories=["region"]))
    beside = await make(client, wanted(territories=["beside"]))
    person = await create_person(session)
    await create_role(session, person, "concierge_agent", world.region)
    await create_role(session, person, "territory_manager", world.ours)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    mine = await make(client)
    items = (await client.get("/v1/api-clients")).json()["items"]
    assert [item["id"] for item in items] == [mine["id"]]
    for other in (above, beside):
        one = f"/v1/api-clients/{other['id']}"
        answers = [
            await client.get(one),
            await client.get(f"{one}/keys"),
            await client.post(f"{one}/keys", json={}),
            await patch(client, other, name="À moi"),
            await client.delete(one),
        ]
        assert [answer.status_code for answer in answers] == [404] * 5
    assert (await client.get("/v1/api-clients", params={"territory": "beside"})).status_code == 403


@pytest.mark.parametrize("role", ["concierge_agent", "community_animator", "ambassador", None])
async def test_other_roles_know_nothing_of_clients(
    client: ApiClient, session: AsyncSession, world: World, role: str | None
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    await sign_in(client, session, role, world.ours if role else None)
    one = f"/v1/api-clients/{made['id']}"
    for method, path in (
        ("GET", "/v1/api-clients"),
        ("POST", "/v1/api-clients"),
        ("GET", one),
        ("PATCH", one),
        ("DELETE", one),
        ("GET", f"{one}/keys"),
        ("POST", f"{one}/keys"),
        ("DELETE", f"{one}/keys/{made['key']['id']}"),
    ):
        assert (await client.request(method, path)).status_code == 403, (method, path)


async def test_a_key_makes_no_keys(
    client: ApiClient, session: AsyncSession, database: Database, world: World
) -> None:
    client.with_key(await create_key(database, world.ours, scopes=sorted(SCOPES)))
    assert (await client.get("/v1/api-clients")).status_code == 403
    assert (await client.post("/v1/api-clients", json=wanted())).status_code == 403
    (own,) = await session.scalars(select(Row.id))
    assert (await client.get(f"/v1/api-clients/{own}")).status_code == 403
    assert (await client.post(f"/v1/api-clients/{own}/keys", json={})).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (wanted(scopes=[]), ["/scopes"]),
        (wanted(scopes=["employers:read", "everything", "all:write"]), ["/scopes/1", "/scopes/2"]),
        (wanted(origins=[ORIGIN]), ["/origins"]),
        (wanted(scopes=[], origins=[ORIGIN]), ["/scopes", "/origins"]),
        (page(origins=[]), ["/origins"]),
        (page(scopes=["employers:read"]), ["/scopes"]),
        (page(origins=[ORIGIN, "http://www.bassin.example"]), ["/origins/1"]),
        (wanted(territories=[]), ["/territories"]),
        (wanted(kind="admin"), ["/kind"]),
        (wanted(name=" "), ["/name"]),
        (wanted(key_expires_at="2020-01-01T00:00:00Z"), ["/key_expires_at"]),
        (wanted(key_expires_at="2099-01-01T00:00:00"), ["/key_expires_at"]),
        (wanted(client_id=NOBODY), ["/client_id"]),
    ],
)
async def test_values_that_cannot_be_are_named(
    client: ApiClient, session: AsyncSession, world: World, body: dict[str, Any], pointers: list[str]
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    answer = await client.post("/v1/api-clients", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": None}, 422),
        ({"scopes": None}, 422),
        ({"scopes": []}, 422),
        ({"scopes": ["nothing:read"]}, 422),
        ({"origins": [ORIGIN]}, 422),
        ({"territories": []}, 422),
        ({"kind": "publishable"}, 422),
        ({"revoked_at": None}, 422),
        ({"created_by": "person:me"}, 422),
        ({}, 200),
    ],
)
async def test_a_change_keeps_a_client_whole(
    client: ApiClient, session: AsyncSession, world: World, body: dict[str, Any], status: int
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    assert (await patch(client, made, **body)).status_code == status


async def test_a_page_may_change_its_origins(client: ApiClient, session: AsyncSession, world: World) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client, page())
    moved = await patch(client, made, origins=["https://new.bassin.example", "https://new.bassin.example"])
    assert moved.json()["origins"] == ["https://new.bassin.example"]
    assert (await patch(client, moved.json(), origins=[])).status_code == 422
    assert (await patch(client, moved.json(), scopes=["employers:read"])).status_code == 422


async def test_what_is_revoked_stays_so(client: ApiClient, session: AsyncSession, world: World) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    one = f"/v1/api-clients/{made['id']}"
    for _ in range(2):
        assert (await client.delete(one)).status_code == 204
    now = (await client.get(one)).json()
    assert (await patch(client, now, name="Encore")).status_code == 409
    assert (await client.post(f"{one}/keys", json={})).status_code == 409
    assert (await client.delete(f"{one}/keys/{made['key']['id']}")).status_code == 204
    assert [item["id"] for item in (await client.get("/v1/api-clients")).json()["items"]] == [made["id"]]


async def test_who_reaches_a_territory_cannot_write_its_clients_past_the_application(
    client: ApiClient, session: AsyncSession, database: Database, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    reach = Reach(territories=frozenset({world.ours.id}), client=UUID(made["id"]))
    for statement in (
        "UPDATE api_client SET scopes = '{mail:write}'",
        "DELETE FROM api_key",
        "UPDATE api_key SET expires_at = NULL",
        "INSERT INTO api_key SELECT gen_random_uuid(), client_id, '', '' FROM api_key",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.transaction(reach) as someone:
                await someone.execute(text(statement))
    async with database.transaction(reach) as someone:
        assert len((await someone.scalars(select(ApiKey.id))).all()) == 1
    async with database.transaction(Reach(territories=frozenset({world.beside.id}))) as someone:
        assert (await someone.scalars(select(ApiKey.id))).all() == []
        assert (await someone.scalars(select(Row.id))).all() == []
