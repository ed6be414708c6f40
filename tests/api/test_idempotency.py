"""The same POST many times at once, with real commits: one effect, one answer."""

import asyncio

import pytest
from sqlalchemy import func, select

from service.app import create_app
from service.core.clock import frozen, in_days
from service.core.database import Database
from service.core.settings import Settings
from service.domain import idempotency
from service.models import Event, IdempotencyRecord, Posting
from tests.client import ApiClient
from tests.factories import create_employer, create_key, create_territory, sign_in_as

BODY = {"name": "Fournil", "siret": "73282932000074", "territory": "bassin"}


@pytest.mark.parametrize("caller", ["program", "person"])
async def test_a_hundred_parallel_duplicates_have_one_effect(
    fresh_database: Database, settings: Settings, caller: str
) -> None:
    """A draft posting: nothing but the key keeps a second one from being made."""
    async with fresh_database.transaction() as session:
        territory = await create_territory(session, slug="bassin")
        employer = await create_employer(session, territory)
        token = await sign_in_as(session, role="employer_member", place=employer)
    key = await create_key(fresh_database, territory)
    body = {"employer_id": str(employer.id), "title": "Boulanger"}
    app = create_app(fresh_database, settings=settings)
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        client.with_key(key if caller == "program" else token)
        headers = {"Idempotency-Key": "one-and-the-same"}
        answers = await asyncio.gather(
            *(client.post("/v1/postings", json=body, headers=headers) for _ in range(100))
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        in_flight = [answer for answer in answers if answer.status_code == 409]
        assert all(
            answer.json()["type"] == "urn:ancrage:problem:idempotency-in-flight" for answer in in_flight
        )
        later = await client.post("/v1/postings", json=body, headers=headers)
        assert {later.json()["id"]} == made
    async with fresh_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Posting)) == 1
        events = await session.scalar(select(func.count()).where(Event.kind == "posting.created"))
        assert events == 1


async def test_a_refused_request_leaves_its_key_free(fresh_database: Database, settings: Settings) -> None:
    async with fresh_database.transaction() as session:
        territory = await create_territory(session, slug="bassin")
    key = await create_key(fresh_database, territory)
    app = create_app(fresh_database, settings=settings)
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        client.with_key(key)
        headers = {"Idempotency-Key": "again"}
        refused = await client.post("/v1/employers", json=BODY | {"siret": "1"}, headers=headers)
        assert refused.status_code == 422
        corrected = await client.post("/v1/employers", json=BODY, headers=headers)
        assert corrected.status_code == 201
    async with fresh_database.transaction() as session:
        with frozen(in_days(1.1)):
            assert await idempotency.forget_old(session) == 1
        assert await session.scalar(select(func.count()).select_from(IdempotencyRecord)) == 0


async def test_a_key_belongs_to_one_client_one_path_and_one_body(
    fresh_database: Database, settings: Settings
) -> None:
    async with fresh_database.transaction() as session:
        territory = await create_territory(session, slug="bassin")
    mine, theirs = await create_key(fresh_database, territory), await create_key(fresh_database, territory)
    app = create_app(fresh_database, settings=settings)
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        client.with_key(mine)
        key = {"Idempotency-Key": "one"}
        first = await client.post("/v1/employers", json=BODY, headers=key)
        again = await client.post("/v1/employers", json=BODY, headers=key)
        assert (again.status_code, again.content) == (201, first.content)
        for name in ("etag", "location", "content-type"):
            assert again.headers[name] == first.headers[name]
        assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (
            False,
            "true",
        )
        draft = {"employer_id": first.json()["id"], "title": "Boulanger"}
        for path, body in (("/v1/postings", draft), ("/v1/employers", BODY | {"name": "Autre"})):
            reused = await client.post(path, json=body, headers=key)
            assert reused.status_code == 422
            assert reused.json()["type"] == "urn:ancrage:problem:idempotency-key-reused"
        client.with_key(theirs)
        other = await client.post("/v1/employers", json=BODY, headers=key)
        assert (other.status_code, other.json()["employer_id"]) == (409, first.json()["id"])
        client.headers.pop("authorization")
        nobody = await client.post("/v1/employers", json=BODY, headers=key)
        assert nobody.status_code == 401
