"""Feeds and import reports over the API."""

import uuid

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, in_days
from service.core.database import Database
from service.models import Event, Feed, ImportReport, Territory
from service.models.enums import TerritoryKind
from tests.client import ApiClient
from tests.factories import create_key, create_territory
from tests.imports.invented import create_feed, item, items, take


@pytest_asyncio.fixture
async def manager(client: ApiClient, database: Database, territory: Territory) -> ApiClient:
    return client.with_key(await create_key(database, territory))


async def test_a_feed_is_made_read_changed_and_listed(manager: ApiClient, session: AsyncSession) -> None:
    made = await manager.post(
        "/v1/feeds",
        json={
            "territory": "ardeche",
            "name": "Ardèche",
            "live": True,
            "criteria": {"departements": ["07"], "parameters": {"typeContrat": "CDI"}},
        },
    )
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["territory"], body["source"], body["interval_minutes"]) == ("ardeche", "france-travail", 360)
    assert (body["listed"], body["stale"], body["last_import"]) == (0, False, None)
    assert body["due_at"] is not None
    assert made.headers["etag"] == '"1"'
    where = made.headers["location"]
    assert (await manager.get(where)).json() == body
    changed = await manager.patch(where, json={"floor_percent": 70}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["floor_percent"]) == (200, 70)
    assert changed.headers["etag"] == '"2"'
    same = await manager.patch(where, json={"floor_percent": 70}, headers={"If-Match": '"2"'})
    assert same.headers["etag"] == '"2"'
    stale = await manager.patch(where, json={"name": "X"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await manager.patch(where, json={"name": "X"})).status_code == 428
    listed = await manager.get("/v1/feeds", params={"territory": "ardeche"})
    assert [feed["id"] for feed in listed.json()["items"]] == [body["id"]]
    kinds = await session.scalars(select(Event.kind).where(Event.subject_id == uuid.UUID(body["id"])))
    assert sorted(kinds) == ["feed.created", "feed.updated"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"criteria": {"departements": ["99"]}}, "/criteria/departements/0"),
        ({"criteria": {"communes": ["07019", "01999"]}}, "/criteria/communes/1"),
        ({"criteria": {"region": "99"}}, "/criteria/region"),
        ({"criteria": {"parameters": {"range": "0-9"}}}, "/criteria/parameters/range/[key]"),
        ({"interval_minutes": 1441}, "/interval_minutes"),
        ({"interval_minutes": 1}, "/interval_minutes"),
        ({"floor_percent": 101}, "/floor_percent"),
        ({"source": "elsewhere"}, "/source"),
        ({"name": "\u0000"}, "/name"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(
    manager: ApiClient, session: AsyncSession, change: dict[str, object], pointer: str
) -> None:
    refused = await manager.post("/v1/feeds", json={"territory": "ardeche", "name": "Feed"} | change)
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert list(await session.scalars(select(Feed))) == []


async def test_two_feeds_of_one_name_are_refused(
    manager: ApiClient, database: Database, territory: Territory, feed: Feed
) -> None:
    taken = await manager.post("/v1/feeds", json={"territory": "ardeche", "name": feed.name})
    assert taken.status_code == 409
    other = await create_feed(database, territory, "other")
    renamed = await manager.patch(
        f"/v1/feeds/{other.id}", json={"name": feed.name}, headers={"If-Match": '"1"'}
    )
    assert renamed.status_code == 409


async def test_a_live_feed_becomes_due_when_it_is_switched_on(manager: ApiClient, feed: Feed) -> None:
    where = f"/v1/feeds/{feed.id}"
    on = await manager.patch(where, json={"live": True}, headers={"If-Match": '"1"'})
    assert on.json()["due_at"] is not None
    off = await manager.patch(where, json={"enabled": False}, headers={"If-Match": '"2"'})
    assert off.json()["due_at"] is None


async def test_an_import_is_asked_for_and_happens_later(
    manager: ApiClient, database: Database, session: AsyncSession, territory: Territory, feed: Feed
) -> None:
    refused = await manager.post(f"/v1/feeds/{feed.id}/imports")
    assert refused.status_code == 409
    assert "ancrage import postings" in refused.json()["detail"]
    off = await create_feed(database, territory, "off", live=True, enabled=False)
    assert (await manager.post(f"/v1/feeds/{off.id}/imports")).status_code == 409
    live = await create_feed(database, territory, "live", live=True)
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        asked = await manager.post(f"/v1/feeds/{live.id}/imports", headers=key)
        assert asked.status_code == 202
        assert asked.json()["feed_id"] == str(live.id)
        assert asked.headers["location"] == f"/v1/import-reports?feed={live.id}"
    (event,) = await session.scalars(select(Event).where(Event.kind == "feed.import_requested"))
    assert event.subject_id == live.id


async def test_a_live_feed_that_was_not_refreshed_for_a_day_is_stale(
    manager: ApiClient, database: Database, territory: Territory
) -> None:
    feed = await create_feed(database, territory, "live", live=True)
    where = f"/v1/feeds/{feed.id}"
    assert (await manager.get(where)).json()["stale"] is False
    await take(database, feed, items(1), origin="live")
    with frozen(in_days(0.9)):
        assert (await manager.get(where)).json()["stale"] is False
    with frozen(in_days(1.1)):
        assert (await manager.get(where)).json()["stale"] is True


async def test_reports_are_listed_the_latest_first_and_read_with_their_problems(
    manager: ApiClient, database: Database, feed: Feed
) -> None:
    await take(database, feed, [*items(1, 2, 3), {"id": "BROKEN"}], origin="file:first.json")
    await take(database, feed, [*items(1)], origin="file:second.json")
    page = (await manager.get("/v1/import-reports", params={"feed": str(feed.id), "limit": 1})).json()
    assert [(report["origin"], report["state"]) for report in page["items"]] == [
        ("file:second.json", "partial")
    ]
    page = (
        await manager.get(
            "/v1/import-reports", params={"feed": str(feed.id), "limit": 1, "after": page["next"]}
        )
    ).json()
    (first,) = page["items"]
    assert page["next"] is None
    assert (first["feed"], first["territory"], first["counts"]["imported"]) == ("feed", "ardeche", 3)
    assert "problems" not in first
    read = (await manager.get(f"/v1/import-reports/{first['id']}")).json()
    assert read["problems"] == [
        {"kind": "rejection", "source_id": "BROKEN", "pointer": "/intitule", "reason": "no title"}
    ]
    partial = await manager.get("/v1/import-reports", params={"state": "partial", "territory": "ardeche"})
    assert len(partial.json()["items"]) == 1
    shown = (await manager.get(f"/v1/feeds/{feed.id}")).json()
    assert (shown["listed"], shown["last_import"]["state"]) == (3, "partial")
    assert shown["refreshed_at"] is not None


async def test_a_report_under_way_can_be_read(manager: ApiClient, session: AsyncSession, feed: Feed) -> None:
    session.add(
        ImportReport(
            territory_id=feed.territory_id,
            feed_id=feed.id,
            source=feed.source,
            origin="live",
            state="running",
            counts={},
            problems=[],
        )
    )
    await session.commit()
    (running,) = (await manager.get("/v1/import-reports")).json()["items"]
    assert (running["state"], running["counts"]["read"], running["finished_at"]) == ("running", 0, None)


async def test_feeds_and_reports_of_others_do_not_exist(
    client: ApiClient, database: Database, session: AsyncSession, territory: Territory, feed: Feed
) -> None:
    report = await take(database, feed, [item(1)])
    stranger = await create_territory(session, slug="ailleurs")
    await session.commit()
    client.with_key(await create_key(database, stranger))
    for path in (f"/v1/feeds/{feed.id}", f"/v1/import-reports/{report.id}", "/v1/feeds?territory=ardeche"):
        assert (await client.get(path)).status_code == 404
    for path in ("/v1/feeds", "/v1/import-reports"):
        assert (await client.get(path)).json()["items"] == []
    assert (await client.post(f"/v1/feeds/{feed.id}/imports")).status_code == 404
    made = await client.post("/v1/feeds", json={"territory": territory.slug, "name": "x"})
    assert made.status_code == 404


async def test_a_wider_territorys_key_sees_the_feeds_inside(
    client: ApiClient, database: Database, session: AsyncSession
) -> None:
    region = await create_territory(session, slug="aura", kind=TerritoryKind.REGION)
    inside = await create_territory(session, slug="bassin", parent=region)
    await session.commit()
    feed = await create_feed(database, inside)
    client.with_key(await create_key(database, region, scopes=["imports:read"]))
    listed = await client.get("/v1/feeds", params={"territory": "aura"})
    assert [found["id"] for found in listed.json()["items"]] == [str(feed.id)]
    refused = await client.patch(f"/v1/feeds/{feed.id}", json={"enabled": False}, headers={"If-Match": '"1"'})
    assert refused.status_code == 403
