"""Proofs presented at once, with real commits: one effect, and no way around a limit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from sqlalchemy import func, select

from service.app import create_app
from service.core.database import Database
from service.core.settings import Settings
from service.models import Event, Mail, Person, PersonSession, SignIn, Token
from tests.client import ApiClient
from tests.factories import create_person, sign_in_as
from tests.sign_in.support import (
    ADDRESS,
    Website,
    bearer,
    code_of,
    create_website,
    link_of,
    sign_in,
    start,
    wrong,
)


@pytest_asyncio.fixture
async def website(fresh_database: Database) -> Website:
    async with fresh_database.transaction() as session:
        return await create_website(session)


@pytest_asyncio.fixture
async def client(fresh_database: Database, settings: Settings) -> AsyncIterator[ApiClient]:
    app = create_app(fresh_database, settings=settings)
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        yield client


async def at_once(
    client: ApiClient, path: str, bodies: list[dict[str, Any]], headers: dict[str, str]
) -> Counter[int]:
    answers = await asyncio.gather(*(client.post(path, json=body, headers=headers) for body in bodies))
    return Counter(answer.status_code for answer in answers)


async def count(database: Database, table: Any, *conditions: Any) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


async def test_a_code_used_fifty_times_at_once_signs_in_once(
    client: ApiClient, fresh_database: Database, website: Website
) -> None:
    started = await start(client, website.page)
    proof = {"sign_in_id": started["sign_in_id"], "code": code_of(client.app, started["sign_in_id"])}
    got = await at_once(client, "/v1/sign-in/tokens", [proof] * 50, website.page)
    assert got == {200: 1, 422: 49}
    assert await count(fresh_database, PersonSession) == 1
    assert await count(fresh_database, Token) == 2


async def test_a_link_and_its_code_used_at_once_sign_in_once(
    client: ApiClient, fresh_database: Database, website: Website
) -> None:
    started = await start(client, website.page)
    by_code = {"sign_in_id": started["sign_in_id"], "code": code_of(client.app, started["sign_in_id"])}
    by_link = {"link": link_of(client.app, started["sign_in_id"])}
    got = await at_once(client, "/v1/sign-in/tokens", [by_code, by_link] * 25, website.page)
    assert got == {200: 1, 422: 49}
    assert await count(fresh_database, PersonSession) == 1


async def test_a_refresh_token_used_a_hundred_times_at_once_ends_the_session(
    client: ApiClient, fresh_database: Database, website: Website
) -> None:
    tokens = await sign_in(client, website.page)
    proof = {"refresh_token": tokens["refresh_token"]}
    got = await at_once(client, "/v1/sign-in/tokens", [proof] * 100, website.page)
    assert got == {200: 1, 422: 99}
    async with fresh_database.transaction() as session:
        ended = (await session.scalars(select(PersonSession))).one()
    assert ended.revoked_because == "reused_token"
    assert await count(fresh_database, Token, Token.kind == "refresh") == 2, "one pair was given"
    assert await count(fresh_database, Event, Event.kind == "session.revoked") == 1


async def test_a_hundred_guesses_at_once_are_five(
    client: ApiClient, fresh_database: Database, website: Website
) -> None:
    started = await start(client, website.page)
    code = code_of(client.app, started["sign_in_id"])
    guess = {"sign_in_id": started["sign_in_id"], "code": wrong(code)}
    assert await at_once(client, "/v1/sign-in/tokens", [guess] * 100, website.page) == {422: 100}
    async with fresh_database.transaction() as session:
        assert (await session.scalars(select(SignIn.attempts))).one() == 5
    proof = {"sign_in_id": started["sign_in_id"], "code": code}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 422
    assert await count(fresh_database, Event, Event.kind == "sign_in.locked") == 1


async def test_a_hundred_requests_at_once_send_five_mails(
    client: ApiClient, fresh_database: Database, website: Website
) -> None:
    body = {"email": ADDRESS}
    got = await at_once(client, "/v1/sign-in/codes", [body] * 100, website.backend)
    assert got == {202: 5, 429: 95}
    assert await count(fresh_database, Mail) == 5


async def test_first_sign_ins_at_once_make_one_person(
    client: ApiClient, fresh_database: Database, website: Website
) -> None:
    started = [await start(client, website.page, ADDRESS) for _ in range(5)]
    proofs = [
        {"sign_in_id": each["sign_in_id"], "code": code_of(client.app, each["sign_in_id"])}
        for each in started
    ]
    assert await at_once(client, "/v1/sign-in/tokens", proofs, website.page) == {200: 5}
    assert await count(fresh_database, Person) == 1
    assert await count(fresh_database, PersonSession) == 5
    assert await count(fresh_database, Event, Event.kind == "person.created") == 1


async def test_devices_that_end_each_other_at_once_all_get_an_answer(
    client: ApiClient, fresh_database: Database
) -> None:
    async with fresh_database.transaction() as session:
        person = await create_person(session)
        tokens = [await sign_in_as(session, person) for _ in range(20)]
    answers = await asyncio.gather(
        *(client.delete("/v1/me/sessions", headers=bearer(token)) for token in tokens)
    )
    assert {answer.status_code for answer in answers} <= {204, 401}
    assert await count(fresh_database, PersonSession, PersonSession.revoked_at.is_(None)) <= 1
    ended = await count(fresh_database, Event, Event.kind == "session.revoked")
    assert ended == await count(fresh_database, PersonSession, PersonSession.revoked_at.is_not(None))
