"""Managers read who did what in their territory and inside it; that they did is an entry too."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.ids import new_id
from service.domain import audit
from service.models import AuditEntry, Territory
from tests.audit.support import entries
from tests.client import ApiClient
from tests.factories import create_territory, sign_in_as

WHY = {b"Ancrage-Reason": "A candidate asks — 'qui a lu ?'".encode()}


async def done(database: Database, territory: Territory | None, **overrides: Any) -> None:
    async with database.transaction() as session:
        values = {"actor": "system:test", "action": "thing.done"} | overrides
        audit.note(session, territory_id=territory.id if territory else None, **values)


async def asked(client: ApiClient, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit-entries", params=parameters, headers=WHY)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_manager_reads_their_territory_and_inside(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    region = await create_territory(session, kind="region")
    ours = await create_territory(session, parent=region)
    inside = await create_territory(session, parent=ours)
    for place in (region, ours, inside, None):
        await done(database, place, action="thing.done" if place else "platform.done")
    client.with_key(await sign_in_as(session, None, "territory_manager", ours))
    assert {item["territory"] for item in await asked(client)} == {ours.slug, inside.slug}
    assert {item["territory"] for item in await asked(client, territory=inside.slug)} == {inside.slug}
    assert (await client.get(f"/v1/audit-entries?territory={region.slug}", headers=WHY)).status_code == 404
    client.with_key(await sign_in_as(session, None, "operator"))
    assert {item["territory"] for item in await asked(client)} == {region.slug, ours.slug, inside.slug, None}


async def test_who_reads_the_trail_is_in_it_with_their_reason(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    ours = await create_territory(session)
    await done(database, ours)
    client.with_key(await sign_in_as(session, None, "territory_manager", ours))
    before = await session.scalars(select(AuditEntry.sequence).where(AuditEntry.territory_id == ours.id))
    assert before.all() == [1]
    await asked(client, action="thing.done")
    (read,) = await asked(client, action="audit.read")
    assert (read["territory"], read["sequence"]) == (ours.slug, 2)
    assert read["data"] == {"count": 1, "filters": {"action": "thing.done"}}
    assert read["circumstances"]["reason"] == "A candidate asks — 'qui a lu ?'"
    assert read["circumstances"]["network"]
    assert read["actor"].startswith("person:")


async def test_without_a_reason_nothing_is_shown(client: ApiClient, session: AsyncSession) -> None:
    ours = await create_territory(session)
    client.with_key(await sign_in_as(session, None, "territory_manager", ours))
    answer = await client.get("/v1/audit-entries")
    assert answer.status_code == 400
    assert "Ancrage-Reason" in answer.json()["detail"]


@pytest.mark.parametrize("role", ["concierge_agent", "community_animator", "ambassador"])
async def test_others_may_not(client: ApiClient, session: AsyncSession, role: str) -> None:
    ours = await create_territory(session)
    client.with_key(await sign_in_as(session, None, role, ours))
    assert (await client.get("/v1/audit-entries", headers=WHY)).status_code == 403


async def test_every_filter_narrows(client: ApiClient, session: AsyncSession, database: Database) -> None:
    ours = await create_territory(session)
    thing, moment = new_id(), now()
    with frozen(moment - timedelta(days=1)):
        await done(database, ours, action="old.done")
    await done(database, ours, actor="client:someone")
    await done(database, ours, object_id=thing, object_kind="thing")
    client.with_key(await sign_in_as(session, None, "operator"))
    for parameters in (
        {"actor": "client:someone"},
        {"object_id": str(thing)},
        {"action": "old.done"},
        {"until": (moment - timedelta(hours=1)).isoformat()},
        {"since": (moment - timedelta(days=1)).isoformat(), "until": moment.isoformat()},
    ):
        assert len(await asked(client, **parameters)) == 1
    assert await asked(client, action="old.done", actor="client:someone") == []
    assert (await client.get("/v1/audit-entries?since=yesterday", headers=WHY)).status_code == 422


async def test_pages_are_whole_while_the_trail_grows(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    ours, other = await create_territory(session), await create_territory(session)
    moment = now()
    with frozen(moment - timedelta(minutes=1)):
        # All of one moment: the chain and the number tell them apart.
        for number in range(7):
            await done(database, ours if number % 2 else other, data={"number": number})
    client.with_key(await sign_in_as(session, None, "operator"))
    seen: list[int] = []
    address = f"/v1/audit-entries?limit=2&until={moment:%Y-%m-%dT%H:%M:%SZ}"
    after: str | None = ""
    while after is not None:
        answer = await client.get(f"{address}&after={after}" if after else address, headers=WHY)
        seen += [item["data"]["number"] for item in answer.json()["items"]]
        after = answer.json()["next"]
    assert sorted(seen) == list(range(7))
    read = [entry for entry in await entries(database) if entry.action == "audit.read"]
    assert [entry.data["count"] for entry in read] == [2, 2, 2, 1]
    refused = await client.get("/v1/audit-entries?limit=2&after=" + "x" * 20, headers=WHY)
    assert refused.status_code == 400
