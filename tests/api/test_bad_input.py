"""Whatever is sent, the answer is a 4xx problem that says what to change, and nothing is stored."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.settings import Settings
from service.models import Employer, Posting, Territory
from tests.client import ApiClient
from tests.factories import create_key, create_territory

JSON = {"Content-Type": "application/json"}
BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "ten megabytes": (b'{"name": "' + b"a" * 10_000_000 + b'"}', JSON, 413),
    "deep": (b"[" * 100_000 + b"]" * 100_000, JSON, 400),
    "deep object": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, JSON, 400),
    "truncated": (b'{"name": "Fournil', JSON, 400),
    "invalid UTF-8": (b'{"name": "\xff\xfe"}', JSON, 400),
    "nothing": (b"", JSON, 422),
    "a list": (b"[]", JSON, 422),
    "null": (b"null", JSON, 422),
    "a number beyond all": (b'{"name": 1e999}', JSON, 422),
    "a form": (b"name=Fournil", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "no type": (b'{"name": "Fournil"}', {}, 415),
    "NUL escaped": (b'{"name": "a\\u0000b", "siret": "73282932000074", "territory": "bassin"}', JSON, 422),
    "half a surrogate": (b'{"name": "\\ud800", "siret": "73282932000074", "territory": "bassin"}', JSON, 422),
    "unknown field": (
        b'{"nom": "F", "name": "F", "siret": "73282932000074", "territory": "bassin"}',
        JSON,
        422,
    ),
    "wrong types": (b'{"name": ["F"], "siret": 73282932000074, "territory": {}}', JSON, 422),
    "wrong check digits": (b'{"name": "F", "siret": "73282932000075", "territory": "bassin"}', JSON, 422),
    "too long": (
        b'{"name": "' + b"a" * 201 + b'", "siret": "73282932000074", "territory": "bassin"}',
        JSON,
        422,
    ),
    "no web address": (
        b'{"name": "F", "siret": "73282932000074", "territory": "bassin", "url": "javascript:alert(1)"}',
        JSON,
        422,
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_refused_and_stores_nothing(
    client: ApiClient, session: AsyncSession, database: Database, name: str
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    client.with_key(await create_key(database, territory))
    content, headers, status = BODIES[name]
    answer = await client.post("/v1/employers", content=content, headers=headers)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])
    assert await session.scalar(select(func.count()).select_from(Employer)) == 0


async def test_a_body_without_length_is_cut_off_at_the_limit(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    client.with_key(await create_key(database, territory))

    async def chunks() -> Any:
        for _ in range(settings.max_body_bytes // 65_536 + 2):
            yield b" " * 65_536

    answer = await client.post("/v1/employers", content=chunks(), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:ancrage:problem:too-large")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/territories?limit=0", 422),
        ("/v1/territories?limit=101", 422),
        ("/v1/territories?limit=many", 422),
        ("/v1/territories?parant=ardeche", 422),
        ("/v1/territories?after=abc", 400),
        ("/v1/territories?after=%F0%9F%92%A9", 400),
        ("/v1/territories?parent=%00", 400),
        ("/v1/territories/a%00b", 400),
        ("/v1/territories/..%2f..%2fetc", 404),
        ("/v1/territories/%ff%fe", 422),
        ("/v1/territories/bassin/postings?contract=cdi", 422),
        ("/v1/territories/bassin/postings?near=somewhere", 422),
        ("/v1/territories/bassin/postings?near=99.9,200", 422),
        ("/v1/territories/bassin/postings?near=07019", 422),
        ("/v1/territories/bassin/postings?radius_km=nan", 422),
        ("/v1/territories/bassin/postings?radius_km=-1", 422),
        ("/v1/territories/bassin/postings?salary_from=inf", 422),
        ("/v1/territories/bassin/postings?published_since=yesterday", 422),
        ("/v1/territories/bassin/postings?commune=aubenas", 422),
        ("/v1/territories/bassin/postings?facets=everything", 422),
        ("/v1/territories/bassin/postings?contrat=permanent", 422),
        ("/v1/territories/bassin/postings/not-a-uuid", 422),
        ("/v1/nowhere", 404),
    ],
)
async def test_a_bad_address_is_refused(
    client: ApiClient, session: AsyncSession, path: str, status: int
) -> None:
    await create_territory(session, slug="bassin")
    await session.commit()
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_cursor_works_only_for_its_own_list_and_filters(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    region = await create_territory(session, slug="aura")
    for _ in range(3):
        await create_territory(session, parent=region)
    await session.commit()
    client.with_key(await create_key(database, region))
    page = (await client.get("/v1/territories", params={"limit": 1})).json()
    forged = page["next"][:-2] + ("AA" if page["next"][-2:] != "AA" else "BB")
    for path, parameters in (
        ("/v1/employers", {"after": page["next"]}),
        ("/v1/postings", {"after": page["next"]}),
        ("/v1/territories/aura/postings", {"after": page["next"]}),
        ("/v1/territories", {"after": page["next"], "parent": "aura"}),
        ("/v1/territories", {"after": forged}),
        ("/v1/territories", {"after": page["next"] + "x" * 100}),
    ):
        answer = await client.get(path, params=parameters)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:ancrage:problem:bad-cursor"), path


async def test_all_pages_together_hold_every_row_once(client: ApiClient, session: AsyncSession) -> None:
    made = {(await create_territory(session)).slug for _ in range(7)}
    await session.commit()
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 3}
    while True:
        answer = await client.get("/v1/territories", params=parameters)
        seen += [item["slug"] for item in answer.json()["items"]]
        if answer.json()["next"] is None:
            assert "link" not in answer.headers
            break
        assert answer.headers["link"].endswith('rel="next"')
        parameters["after"] = answer.json()["next"]
    assert sorted(seen) == sorted(made)


async def test_wrong_methods_and_conditions_are_problems(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    wrong = await client.delete("/v1/territories/bassin")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
    client.with_key(await create_key(database, territory))
    odd = await client.patch("/v1/territories/bassin", json={"name": "X"}, headers={"If-Match": "three"})
    assert odd.status_code == 400
    long_key = await client.post("/v1/postings", json={}, headers={"Idempotency-Key": "x" * 300})
    assert long_key.status_code == 400
    assert await session.scalar(select(func.count()).select_from(Posting)) == 0
    assert await session.scalar(select(Territory.name)) != "X"
