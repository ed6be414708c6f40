"""What surrounds every answer: HEAD, other origins, what a method or header asks for, what must not leak."""

from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days
from service.core.database import Database
from service.core.settings import Settings
from tests.api.test_postings import arrange, create
from tests.client import ApiClient
from tests.factories import create_territory

PUBLIC = ("/v1/territories", "/v1/territories/bassin", "/v1/territories/bassin/postings", "/v1/occupations")


async def publish(client: ApiClient, body: dict[str, Any]) -> str:
    posting = await create(client, body)
    answer = await client.post(f"/v1/postings/{posting['id']}/publish")
    assert answer.status_code == 200, answer.text
    return f"/v1/territories/bassin/postings/{posting['id']}"


async def test_head_answers_as_get_without_the_body(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    posting = await publish(client, body)
    for path in (*PUBLIC, posting, "/healthz", "/openapi.json"):
        whole, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("etag", "content-type", "content-length"):
            assert head.headers.get(name) == whole.headers.get(name), (path, name)
        if "etag" in head.headers:
            known = await client.head(path, headers={"If-None-Match": f"W/{head.headers['etag']}"})
            assert known.status_code == 304
    assert (await client.head("/v1/territories/nowhere")).status_code == 404


async def test_a_page_of_another_origin_reads_what_is_public_and_only_reads(
    client: ApiClient, session: AsyncSession
) -> None:
    await create_territory(session, slug="bassin")
    await session.commit()
    origin = {"Origin": "https://bassin.example.org"}
    for path in (*PUBLIC, "/v1/territories/nowhere"):
        answer = await client.get(path, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "*", path
        assert {"ETag", "Link"} <= set(answer.headers["access-control-expose-headers"].split(", "))
        assert "access-control-allow-credentials" not in answer.headers
    asked = origin | {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match",
    }
    preflight = await client.options("/v1/territories/bassin/postings", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"
    assert "if-none-match" in preflight.headers["access-control-allow-headers"].lower()
    assert "authorization" not in preflight.headers["access-control-allow-headers"].lower()
    written = await client.post("/v1/postings", headers=origin, json={})
    assert "access-control-allow-origin" not in written.headers
    assert "access-control-allow-origin" not in (await client.get("/metrics", headers=origin)).headers


async def test_a_method_a_path_does_not_answer_is_told_which_it_does(client: ApiClient) -> None:
    refused = await client.put("/v1/postings", json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert refused.json()["type"] == "urn:ancrage:problem:method-not-allowed"
    assert "only GET, HEAD, OPTIONS, POST" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/ld+json", "application/ld+json"),
        ("Application/LD+JSON; q=0.9, */*;q=0.1", "application/ld+json"),
        ("application/ld+json;q=0", "application/json"),
        ("application/ld+json;q=0.5, application/json", "application/json"),
        ("application/ld+json;q=nan", "application/json"),
        ("text/html, */*", "application/json"),
    ],
)
async def test_the_kind_asked_for_most_is_answered(
    client: ApiClient, session: AsyncSession, database: Database, accept: str, media_type: str
) -> None:
    _, body = await arrange(client, session, database)
    answer = await client.get(await publish(client, body), headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ("en", "Permanent contract"),
        ("en-GB ; q=0.8, fr ; q=0.2", "Permanent contract"),
        ("fr;q=0, en;q=0.1", "Permanent contract"),
        ("uk, en;q=0.1, fr;q=0.5", "CDI"),
        ("en;q=nan", "CDI"),
        ("*", "CDI"),
    ],
)
async def test_the_language_asked_for_most_is_answered(
    client: ApiClient, session: AsyncSession, database: Database, wanted: str, kind: str
) -> None:
    _, body = await arrange(client, session, database)
    answer = await client.get(await publish(client, body), headers={"Accept-Language": wanted})
    assert answer.json()["contract"]["kind"]["label"] == kind


async def test_no_text_of_a_posting_ends_the_script_it_is_put_into(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    attack = "</script><script>alert(1)</script><!--"
    path = await publish(
        client,
        body
        | {
            "title": f"Boulanger {attack}",
            "description": f"{attack} {body['description']}",
            "skills": [{"label": attack}],
            "benefits": [attack],
        },
    )
    answer = await client.get(path, headers={"Accept": "application/ld+json"})
    assert b"<" not in answer.content
    assert answer.json()["title"] == f"Boulanger {attack}"
    assert answer.json()["description"].startswith("<p>&lt;/script&gt;")


async def test_the_feed_names_the_address_configured_not_the_one_a_caller_claims(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    await publish(client, body)
    client.app.state.settings = Settings(public_url="https://api.example.org/")
    feed = await client.get("/v1/territories/bassin/feed.atom?limit=1", headers={"Host": "evil.example.com"})
    links = [
        link.get("href")
        for link in ElementTree.fromstring(feed.content).iter("{http://www.w3.org/2005/Atom}link")
    ]
    assert links[0] == "https://api.example.org/v1/territories/bassin/feed.atom?limit=1"
    assert "evil" not in feed.text


async def test_what_a_key_reads_is_stored_by_nobody_on_the_way(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    path = await publish(client, body)
    assert (await client.get(f"/v1/employers/{body['employer_id']}")).headers["cache-control"] == "no-store"
    assert (await client.get(path)).headers["cache-control"] == "public, no-cache"


async def test_one_value_of_a_filter_is_not_dropped_for_another(
    client: ApiClient, session: AsyncSession
) -> None:
    await create_territory(session, slug="bassin")
    await session.commit()
    twice = await client.get("/v1/territories/bassin/postings?q=boulanger&q=serveur")
    assert twice.status_code == 422
    assert [error["pointer"] for error in twice.json()["errors"]] == ["?q"]
    many = await client.get("/v1/territories/bassin/postings?contract=permanent&contract=seasonal")
    assert many.status_code == 200


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-01T00:00:00"]
)
async def test_a_moment_no_calendar_holds_is_refused(
    client: ApiClient, session: AsyncSession, database: Database, moment: str
) -> None:
    _, body = await arrange(client, session, database)
    refused = await client.post("/v1/postings", json=body | {"valid_through": moment})
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/valid_through"]
    searched = await client.get("/v1/territories/bassin/postings", params={"published_since": moment})
    assert (searched.status_code, searched.json()["errors"][0]["pointer"]) == (422, "?published_since")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "Boulanger\x1b[31m"),
        ("title", "Boulanger \uffff"),
        ("apply", {"url": 'https://example.org/"><script>'}),
        ("apply", {"url": "https://example.org/a b"}),
        ("apply", {"url": "javascript://example.org/%0aalert(1)"}),
        ("naf_code", "١٠.٧١C"),
    ],
)
async def test_what_would_harm_a_page_is_refused(
    client: ApiClient, session: AsyncSession, database: Database, field: str, value: Any
) -> None:
    _, body = await arrange(client, session, database)
    refused = await client.post("/v1/postings", json=body | {field: value})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith(f"/{field}")


async def test_amounts_are_read_back_as_numbers(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    posting = await create(client, body)
    assert posting["salary"]["min"] == 1950
    assert posting["contract"]["weekly_hours"] == 35


async def test_titles_in_any_script_come_back_as_they_went(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    title = "خبّاز 🥖 \u200fПекар — " + "boulangerissime" * 8
    path = await publish(client, body | {"title": title, "valid_through": in_days(1).isoformat()})
    assert (await client.get(path)).json()["title"] == title
    listed = await client.get("/v1/territories/bassin/postings")
    assert listed.json()["items"][0]["title"] == title


async def test_an_error_of_the_database_does_not_repeat_what_it_was_given(database: Database) -> None:
    async with database.sessions() as session:
        with pytest.raises(DBAPIError) as raised:
            await session.execute(
                text("SELECT CAST(:value AS text) FROM nowhere"), {"value": "camille@example.org"}
            )
    assert "camille" not in str(raised.value)
