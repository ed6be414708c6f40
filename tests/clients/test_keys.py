"""Keys: turned over with an overlap, ended at once, told where a page's may come from."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core.clock import frozen
from service.core.database import Database
from service.core.settings import Settings
from service.models import ApiKey
from tests.client import ApiClient
from tests.clients.world import ORIGIN, World, build, make, page, patch, rotate, sign_in, try_key, wanted

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def _keys(client: ApiClient, client_id: str) -> list[dict[str, str | None]]:
    items: list[dict[str, str | None]] = (await client.get(f"/v1/api-clients/{client_id}/keys")).json()[
        "items"
    ]
    return items


async def test_a_new_key_takes_over_while_the_old_still_works(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    with frozen(START):
        await sign_in(client, session, "territory_manager", world.ours)
        made = await make(client)
        old = made["key"]["value"]
    with frozen(START + HOUR):
        await sign_in(client, session, "territory_manager", world.ours)
        answer = await client.post(f"/v1/api-clients/{made['id']}/keys", json={})
        new = answer.json()
        assert answer.headers["location"] == f"/v1/api-clients/{made['id']}/keys/{new['id']}"
        assert answer.headers["cache-control"] == "no-store"
        listed = await _keys(client, made["id"])
        assert [key["expires_at"] for key in listed] == ["2026-03-03T09:00:00Z", None]
        assert [key["hint"] for key in listed] == [old[-4:], new["value"][-4:]]
    almost = START + 25 * HOUR - timedelta(seconds=1)
    for moment, works in ((START + HOUR, 200), (almost, 200), (START + 25 * HOUR, 401)):
        with frozen(moment):
            assert await try_key(client, old) == works, moment
            assert await try_key(client, new["value"]) == 200


@pytest.mark.parametrize(("hours", "end"), [(1, 1), (48, 48), (720, 100)])
async def test_the_overlap_is_chosen_and_lengthens_no_key(
    client: ApiClient, session: AsyncSession, world: World, hours: int, end: int
) -> None:
    with frozen(START):
        await sign_in(client, session, "territory_manager", world.ours)
        made = await make(client, wanted(key_expires_at=(START + 100 * HOUR).isoformat()))
        await rotate(client, made["id"], overlap_hours=hours, expires_at=(START + 200 * HOUR).isoformat())
        ends = [key["expires_at"] for key in await _keys(client, made["id"])]
    assert [datetime.fromisoformat(str(text)) for text in ends] == [START + end * HOUR, START + 200 * HOUR]


async def test_no_overlap_ends_every_key_before_at_once(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    second = await rotate(client, made["id"])
    third = await rotate(client, made["id"], overlap_hours=0)
    for key in (made["key"], second):
        assert await try_key(client, key["value"]) == 401
    assert await try_key(client, third["value"]) == 200
    assert [key["revoked_at"] is None for key in await _keys(client, made["id"])] == [False, False, True]


@pytest.mark.parametrize("hours", [-1, 721, 1.5, None, "jamais"])
async def test_an_overlap_that_cannot_be_is_refused(
    client: ApiClient, session: AsyncSession, world: World, hours: float | str | None
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    answer = await client.post(f"/v1/api-clients/{made['id']}/keys", json={"overlap_hours": hours})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/overlap_hours"
    assert len(await _keys(client, made["id"])) == 1


async def test_one_key_is_ended_and_the_others_stay(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    second = await rotate(client, made["id"])
    path = f"/v1/api-clients/{made['id']}/keys"
    assert (await client.delete(f"{path}/{made['key']['id']}")).status_code == 204
    assert await try_key(client, made["key"]["value"]) == 401
    assert await try_key(client, second["value"]) == 200
    assert (await client.delete(f"{path}/{made['id']}")).status_code == 404


async def test_keys_come_in_pages(client: ApiClient, session: AsyncSession, world: World) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made, other = await make(client), await make(client)
    ids = [made["key"]["id"], *[(await rotate(client, made["id"]))["id"] for _ in range(2)]]
    path = f"/v1/api-clients/{made['id']}/keys"
    first = (await client.get(path, params={"limit": 2})).json()
    rest = (await client.get(path, params={"limit": 2, "after": first["next"]})).json()
    assert [key["id"] for key in first["items"] + rest["items"]] == ids
    elsewhere = f"/v1/api-clients/{other['id']}/keys"
    assert (await client.get(elsewhere, params={"after": first["next"]})).status_code == 400


async def test_a_key_expires_and_tells_its_last_use(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    with frozen(START):
        await sign_in(client, session, "territory_manager", world.ours)
        made = await make(client, wanted(key_expires_at=(START + 2 * HOUR).isoformat()))
        assert [key["last_used_at"] for key in await _keys(client, made["id"])] == [None]
        assert await try_key(client, made["key"]["value"]) == 200
        assert [key["last_used_at"] for key in await _keys(client, made["id"])] == ["2026-03-02T08:00:00Z"]
    with frozen(START + 2 * HOUR):
        assert await try_key(client, made["key"]["value"]) == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (ORIGIN, 403),
        (None, 401),
        ("null", 401),
        ("", 401),
        ("https://bassin.example", 401),
        ("http://www.bassin.example", 401),
        ("https://www.bassin.example:8443", 401),
        ("https://www.bassin.example/", 401),
        ("https://WWW.bassin.example", 401),
        ("https://www.bassin.example.evil.example", 401),
        ("https://evil.example", 401),
    ],
)
async def test_a_page_s_key_is_taken_from_its_own_origins(
    client: ApiClient, session: AsyncSession, world: World, origin: str | None, status: int
) -> None:
    """403: it is known, and reads nothing. 401: it is not taken."""
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client, page())
    key = made["key"]["value"]
    assert key.startswith("ancrage_pk_")
    sent = {} if origin is None else {"Origin": origin}
    assert await try_key(client, key, **sent) == status
    alone = await client.get("/v1/employers", headers={"Authorization": "", "Ancrage-Key": key} | sent)
    assert alone.status_code == 401
    del client.headers["Authorization"]
    alone = await client.get("/v1/employers", headers={"Ancrage-Key": key} | sent)
    assert alone.status_code == status


async def test_a_page_s_key_moves_with_its_origins(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client, page())
    key = made["key"]["value"]
    await patch(client, made, origins=["https://new.bassin.example"])
    assert await try_key(client, key, Origin=ORIGIN) == 401
    assert await try_key(client, key, Origin="https://new.bassin.example") == 403


async def test_a_secret_key_is_no_page_s_key(client: ApiClient, session: AsyncSession, world: World) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    del client.headers["Authorization"]
    answer = await client.get(
        "/v1/employers", headers={"Ancrage-Key": made["key"]["value"], "Origin": ORIGIN}
    )
    assert answer.status_code == 401


async def test_many_turn_a_key_over_at_once(fresh_database: Database, settings: Settings) -> None:
    app = create_app(fresh_database, settings=settings)
    async with (
        app.router.lifespan_context(app),
        ApiClient(app) as client,
        fresh_database.sessions() as session,
    ):
        world = await build(session)
        await sign_in(client, session, "territory_manager", world.ours)
        made = await make(client)
        turned = await asyncio.gather(
            *(rotate(client, made["id"], overlap_hours=0) for _ in range(12)),
        )
        works = [await try_key(client, key["value"]) for key in (made["key"], *turned)]
        assert sorted(works) == [200] + [401] * 12
        live = select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None))
        assert await session.scalar(live) == 1
        path = f"/v1/api-clients/{made['id']}"
        answers = await asyncio.gather(
            *(client.post(f"{path}/keys", json={}) for _ in range(6)),
            client.delete(path),
            *(client.post(f"{path}/keys", json={}) for _ in range(6)),
        )
        assert {answer.status_code for answer in answers} <= {201, 204, 409}
        late = [answer.json()["value"] for answer in answers if answer.status_code == 201]
        assert {await try_key(client, key) for key in late} <= {401}


async def test_what_one_server_revokes_no_other_takes(fresh_database: Database, settings: Settings) -> None:
    here, there = (create_app(fresh_database, settings=settings) for _ in range(2))
    async with (
        here.router.lifespan_context(here),
        there.router.lifespan_context(there),
        ApiClient(here) as client,
        ApiClient(there) as other,
        fresh_database.sessions() as session,
    ):
        world = await build(session)
        await sign_in(client, session, "territory_manager", world.ours)
        made, public = await make(client), await make(client, page())
        key, open_key = made["key"]["value"], public["key"]["value"]
        form = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": key}
        token = (await other.post("/oauth/token", data=form)).json()["access_token"]
        for credential, status in ((key, 200), (token, 200), (open_key, 403)):
            assert await try_key(other, credential, Origin=ORIGIN) == status
        await client.delete(f"/v1/api-clients/{made['id']}/keys/{made['key']['id']}")
        await client.delete(f"/v1/api-clients/{public['id']}")
        for credential in (key, token, open_key):
            assert await try_key(other, credential, Origin=ORIGIN) == 401
        assert (await other.post("/oauth/token", data=form)).status_code == 401
