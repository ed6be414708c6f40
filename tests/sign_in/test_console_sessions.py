"""Sessions of the console: one cookie, 12 hours without a request, 7 days at most."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.errors import Problem, Unauthenticated
from service.core.reach import NOWHERE, current
from service.core.security import Keyring, Kind, kind_of
from service.domain import sessions, sign_in
from service.domain.access import authenticate_console
from service.domain.derived import sign_in_code, sign_in_link
from service.models import Person, PersonSession, SignIn
from tests.client import ApiClient
from tests.factories import create_person
from tests.sign_in.support import ADDRESS, ORIGIN, Website, bearer, code_of, link_of, start

MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEYS = Keyring(b"a key for tests")


async def cookie_of(database: Database, person: Person) -> str:
    async with database.transaction() as session:
        opened = await sessions.open_session(session, person, kind="console")
    assert opened.access_token is opened.refresh_token is None
    assert opened.cookie is not None
    return opened.cookie


async def stands(database: Database, cookie: str) -> bool:
    try:
        async with database.transaction(NOWHERE) as session:
            actor = await authenticate_console(session, cookie)
            assert current(session) == actor.reach()
    except Unauthenticated:
        return False
    return True


async def test_a_cookie_lasts_while_it_is_used_and_seven_days_at_most(
    database: Database, session: AsyncSession
) -> None:
    with frozen(MOMENT):
        person = await create_person(session)
        await session.commit()
        cookie = await cookie_of(database, person)
        assert kind_of(cookie) is Kind.CONSOLE
    for hours in range(11, 168, 11):
        with frozen(MOMENT + timedelta(hours=hours)):
            assert await stands(database, cookie), hours
    with frozen(MOMENT + timedelta(days=7) - timedelta(seconds=1)):
        assert await stands(database, cookie)
    with frozen(MOMENT + timedelta(days=7)):
        assert not await stands(database, cookie)


async def test_a_cookie_ends_after_twelve_idle_hours(database: Database, session: AsyncSession) -> None:
    with frozen(MOMENT):
        person = await create_person(session)
        await session.commit()
        cookie = await cookie_of(database, person)
    with frozen(MOMENT + timedelta(hours=12)):
        assert not await stands(database, cookie)


async def test_a_cookie_is_no_token_and_a_token_no_cookie(
    client: ApiClient, database: Database, session: AsyncSession
) -> None:
    person = await create_person(session)
    await session.commit()
    cookie = await cookie_of(database, person)
    assert (await client.get("/v1/me", headers=bearer(cookie))).status_code == 401
    async with database.transaction() as inner:
        opened = await sessions.open_session(inner, person, kind="api")
    assert opened.access_token is not None
    assert opened.refresh_token is not None
    for token in (opened.access_token, opened.refresh_token, "", "é", "x" * 10_000):
        assert not await stands(database, token)


async def test_revoking_ends_a_cookie_at_once(database: Database, session: AsyncSession) -> None:
    person = await create_person(session)
    await session.commit()
    cookie = await cookie_of(database, person)
    async with database.transaction() as inner:
        assert await sessions.revoke_all(inner, person.id, "erased", actor="system:test") == 1
        assert await sessions.revoke_all(inner, person.id, "erased", actor="system:test") == 0
    assert not await stands(database, cookie)
    ended = (await session.scalars(select(PersonSession))).one()
    assert (ended.revoked_because, ended.id_token) == ("erased", None)


async def test_the_console_signs_in_by_code_and_by_link(database: Database, session: AsyncSession) -> None:
    for way in ("code", "link"):
        async with database.transaction(NOWHERE) as inner:
            started = await sign_in.start(inner, KEYS, email=ADDRESS, language="fr")
        async with database.transaction(NOWHERE) as inner:
            if way == "code":
                code = sign_in_code(KEYS, started.sign_in_id)
                opened = await sign_in.finish_with_code(
                    inner, KEYS, sign_in_id=started.sign_in_id, code=code, client_id=None, kind="console"
                )
            else:
                link = sign_in_link(KEYS, started.sign_in_id)
                assert await sign_in.link_stands(inner, link=link)
                opened = await sign_in.finish_with_link(inner, link=link, client_id=None, kind="console")
                assert not await sign_in.link_stands(inner, link=link)
        assert opened is not None
        assert await stands(database, opened.cookie or "")
    assert len((await session.scalars(select(Person))).all()) == 1


async def test_a_link_without_a_page_of_the_website_opens_the_console(
    app: FastAPI, client: ApiClient, database: Database, website: Website
) -> None:
    without = await start(client, website.page)
    within = await start(client, website.page, return_url=f"{ORIGIN}/bienvenue")
    for started, expected in ((without, True), (within, False)):
        link = link_of(app, started["sign_in_id"])
        async with database.transaction(NOWHERE) as inner:
            assert await sign_in.link_stands(inner, link=link) is expected
            by_code = await sign_in.finish_with_code(
                inner,
                app.state.keyring,
                sign_in_id=uuid.UUID(started["sign_in_id"]),
                code=code_of(app, started["sign_in_id"]),
                client_id=None,
                kind="console",
            )
            assert by_code is None, "the code is the website's"
            opened = await sign_in.finish_with_link(inner, link=link, client_id=None, kind="console")
        assert (opened is not None) is expected


async def test_what_a_provider_vouched_for_signs_in_once_where_it_was_asked(
    app: FastAPI, client: ApiClient, database: Database, session: AsyncSession, website: Website
) -> None:
    with frozen(MOMENT):
        person = await create_person(session, email="agente@example.org")
        await session.commit()
        links = []
        for program in (website.program.id, None):
            async with database.transaction(NOWHERE) as inner:
                facts = {"provider": "proconnect", "acr": "eidas1", "id_token": "a.b.c"}
                links.append(
                    await sign_in.vouch(
                        inner,
                        app.state.keyring,
                        person=person,
                        facts=facts,
                        client_id=program,
                        territory_id=website.territory.id,
                        return_url=f"{ORIGIN}/",
                    )
                )
        proof = {"link": links[0]}
        for headers, status in ((website.stranger, 422), (website.page, 200), (website.page, 422)):
            answer = await client.post("/v1/sign-in/tokens", json=proof, headers=headers)
            assert answer.status_code == status
        async with database.transaction(NOWHERE) as inner:
            foreign = await sign_in.finish_with_link(inner, link=links[0], client_id=None, kind="console")
            opened = await sign_in.finish_with_link(inner, link=links[1], client_id=None, kind="console")
        assert foreign is None
        assert opened is not None
    rows = (await session.scalars(select(PersonSession))).all()
    assert {(row.person_id, row.provider, row.acr, row.id_token) for row in rows} == {
        (person.id, "proconnect", "eidas1", "a.b.c")
    }
    assert [row.facts for row in await session.scalars(select(SignIn))] == [{}, {}], "nothing stays here"


async def test_what_a_provider_vouched_for_ends_after_five_minutes_and_with_the_person(
    database: Database, session: AsyncSession
) -> None:
    with frozen(MOMENT):
        person = await create_person(session)
        await session.commit()
        links = []
        for _ in range(2):
            async with database.transaction(NOWHERE) as inner:
                links.append(
                    await sign_in.vouch(
                        inner,
                        KEYS,
                        person=person,
                        facts={"provider": "proconnect"},
                        client_id=None,
                        territory_id=None,
                        return_url=None,
                    )
                )
    with frozen(MOMENT + timedelta(minutes=5)):
        async with database.transaction(NOWHERE) as inner:
            late = await sign_in.finish_with_link(inner, link=links[0], client_id=None, kind="console")
    person.email, person.anonymised_at = None, now()
    await session.commit()
    with frozen(MOMENT + timedelta(minutes=1)):
        async with database.transaction(NOWHERE) as inner:
            gone = await sign_in.finish_with_link(inner, link=links[1], client_id=None, kind="console")
    assert late is gone is None


async def test_what_is_no_address_is_refused_before_anything_is_stored(
    database: Database, session: AsyncSession
) -> None:
    with pytest.raises(Problem, match="must be one e-mail address"):
        async with database.transaction(NOWHERE) as inner:
            await sign_in.start(inner, KEYS, email="pas une adresse", language="fr")
    assert await session.scalar(select(SignIn)) is None
