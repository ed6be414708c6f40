"""My data: every personal column about a person, as JSON and as a page; secrets named, never shown."""

import html
import re
from typing import Any

import pytest
from sqlalchemy import JSON, LargeBinary, Text, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import AuditEntry, Person, Territory
from service.models.personal import category_of, personal_tables
from tests.client import ApiClient
from tests.factories import create_commune, create_occupation, create_territory, sign_in_as
from tests.privacy.planting import NOT_PLANTED, Canaries, plant

MINE, THEIRS = Canaries("qxza"), Canaries("qxzb")
SECRET = {("person_session", "id_token"), ("sign_in", "id_token")}


@pytest.fixture
async def person(client: ApiClient, session: AsyncSession) -> Person:
    await create_commune(session)
    await create_occupation(session)
    for canaries in (MINE, THEIRS):
        canaries.planted.clear()
    territory: Territory = await create_territory(session, name="Pays des Sources")
    elsewhere = await create_territory(session)
    person = await plant(session, territory, MINE)
    await plant(session, elsewhere, THEIRS)
    client.with_key(await sign_in_as(session, person))
    client.headers["User-Agent"] = MINE.new("audit_entry", "circumstances")
    await session.commit()
    # What it does is in the trail too, from where and with what.
    await client.patch("/v1/me", json={"language": "en"}, headers={"If-Match": '"1"'})
    return person


async def exported(client: ApiClient, language: str = "fr") -> dict[str, Any]:
    answer = await client.get("/v1/me/export", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


@pytest.mark.usefixtures("person")
def test_the_plant_covers_every_column_that_can_hold_words() -> None:
    columns = {
        f"{table.name}.{column.name}"
        for table in personal_tables()
        for column in table.columns
        if category_of(column) is not None and isinstance(column.type, Text | JSON | ARRAY | LargeBinary)
    }
    planted = {f"{table}.{column}" for table, column in MINE.planted}
    assert columns - planted == NOT_PLANTED & columns


@pytest.mark.usefixtures("person")
async def test_the_export_holds_every_personal_column(client: ApiClient) -> None:
    found = await exported(client)
    shown = {
        (section["name"], each["name"])
        for section in found["sections"]
        if section["rows"]
        for each in section["fields"]
    }
    tagged = {
        (table.name, column.name)
        for table in personal_tables()
        for column in table.columns
        if category_of(column) is not None
    }
    hidden = {("person_session", "id_token")}
    assert tagged - shown == hidden, "every tagged column, but a token's, in a section that has rows"
    print(f"\n{len(tagged)} tagged columns, {len(tagged & shown)} shown, {len(hidden)} named")  # noqa: T201 - the figure asked for
    named = {name for section in found["sections"] for name in section["not_shown"]}
    assert "Jeton du fournisseur d'identité" in named


@pytest.mark.usefixtures("person")
async def test_the_export_holds_what_was_planted_and_nobody_else_s(client: ApiClient) -> None:
    answer = await client.get("/v1/me/export")
    text = answer.text.lower()
    for (table, column), strings in MINE.planted.items():
        for string in strings:
            assert (string in text) is ((table, column) not in SECRET), (table, column, string)
    assert THEIRS.mark not in text
    page = await client.get("/v1/me/export", headers={"Accept": "text/html"})
    words = html.unescape(page.text).lower()
    for string in MINE.every():
        assert (string in words) is (string in text), string
    assert THEIRS.mark not in words


@pytest.mark.usefixtures("person")
async def test_the_page_runs_nothing_and_speaks_the_reader_s_language(client: ApiClient) -> None:
    for language, title in (("fr", "Mes données"), ("en", "My data")):
        page = await client.get(
            "/v1/me/export", headers={"Accept": "text/html, */*;q=0.1", "Accept-Language": language}
        )
        assert page.headers["content-type"].startswith("text/html")
        assert f'<html lang="{language}">' in page.text
        assert f"<h1>{title}</h1>" in page.text
        assert "<script" not in page.text
        assert not re.search(r"\son\w+=|src=|href=", page.text)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "'unsafe" not in policy
    for accept in ("application/json", "*/*", "text/html;q=0.5, application/json"):
        json = await client.get("/v1/me/export", headers={"Accept": accept})
        assert json.headers["content-type"] == "application/json"


async def test_what_a_person_writes_is_no_markup(client: ApiClient, session: AsyncSession) -> None:
    attack = "<img src=x onerror=alert(1)>"
    client.with_key(await sign_in_as(session))
    await session.commit()
    await client.patch("/v1/me", json={"given_name": attack}, headers={"If-Match": '"1"'})
    page = await client.get("/v1/me/export", headers={"Accept": "text/html"})
    assert attack not in page.text
    assert html.escape(attack) in page.text


async def test_the_export_is_in_the_trail(client: ApiClient, session: AsyncSession, person: Person) -> None:
    await exported(client)
    entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "person.exported"))).one()
    assert (entry.actor, entry.object_id) == (f"person:{person.id}", person.id)


async def test_another_address_that_ends_alike_is_not_theirs(
    client: ApiClient, session: AsyncSession
) -> None:
    territory = await create_territory(session)
    person = Canaries("qxzc")
    client.with_key(await sign_in_as(session, await plant(session, territory, person)))
    longer = Canaries(f"x-{person.mark}")
    await plant(session, await create_territory(session), longer)
    await session.commit()
    found = (await client.get("/v1/me/export")).text
    assert person.address in found
    assert longer.mark not in found
