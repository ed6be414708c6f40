"""What pages of other origins may do: read what is public, and call with a key from where keys are for."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.clock import frozen, in_days, now
from service.core.database import Database, create_engine
from service.core.reach import NOWHERE
from service.domain.origins import KnownOrigins
from service.models import ApiClient as Program
from tests.client import ApiClient
from tests.edge.conftest import From, Make, Publish
from tests.factories import create_key, create_territory

PAGE, STRANGER = "https://www.exemple.fr", "https://evil.example.com"
SENT = (
    "authorization, ancrage-key, content-type, if-match, if-none-match, idempotency-key, accept-language, "
    "ancrage-reason, x-request-id"
)


def ask(origin: str, method: str, headers: str = "") -> dict[str, str]:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return asked | ({"Access-Control-Request-Headers": headers} if headers else {})


def allowed(answer: object) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-allow")}  # type: ignore[attr-defined] # an answer


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_of_a_keys_origin_may_call_with_it(
    client: ApiClient, session: AsyncSession, publish_key: Publish, method: str
) -> None:
    await publish_key(await create_territory(session), PAGE, "http://localhost:5173")
    for origin in (PAGE, "http://localhost:5173"):
        answer = await client.options("/v1/sign-in/codes", headers=ask(origin, method, SENT))
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == origin
        assert method in answer.headers["access-control-allow-methods"].split(", ")
        named = answer.headers["access-control-allow-headers"].lower()
        assert named == SENT
        assert answer.headers["access-control-max-age"] == "600"
        assert "origin" in answer.headers["vary"].lower()
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "null",
        "http://www.exemple.fr",
        "https://exemple.fr",
        "https://www.exemple.fr:8443",
        "https://www.exemple.fr.example.com",
        "HTTPS://WWW.EXEMPLE.FR",
        "https://www.exemple.fr/",
        "*",
        "",
    ],
)
async def test_any_other_page_is_told_nothing(
    client: ApiClient, session: AsyncSession, database: Database, publish_key: Publish, origin: str
) -> None:
    territory = await create_territory(session)
    await publish_key(territory, PAGE)
    for asked in (ask(origin, "GET", "authorization"), ask(origin, "POST"), ask(origin, "GET", "x-mine")):
        answer = await client.options("/v1/employers", headers=asked)
        assert (answer.status_code, allowed(answer)) == (204, set()), asked
        assert "origin" in answer.headers["vary"].lower()
    client.with_key(await create_key(database, territory))
    for answer in (
        await client.get("/v1/employers", headers={"Origin": origin}),
        await client.post("/v1/employers", headers={"Origin": origin}, json={}),
    ):
        assert allowed(answer) == set()
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_answers_to_a_key_are_for_the_page_that_sent_it(
    client: ApiClient, session: AsyncSession, publish_key: Publish
) -> None:
    key = await publish_key(await create_territory(session, slug="bassin"), PAGE)
    headers = {"Origin": PAGE, "Ancrage-Key": key}
    began = await client.post("/v1/sign-in/codes", json={"email": "a@example.org"}, headers=headers)
    wrong = await client.post("/v1/sign-in/codes", json={}, headers=headers)
    refused = await client.get("/v1/me", headers={"Origin": PAGE, "Authorization": "Bearer x"})
    assert [answer.status_code for answer in (began, wrong, refused)] == [202, 422, 401]
    for answer in (began, wrong, refused):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["cache-control"] == "no-store"
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert exposed == {
            "ETag",
            "Link",
            "Location",
            "Retry-After",
            "RateLimit",
            "RateLimit-Policy",
            "X-Request-ID",
            "Idempotency-Replayed",
            "Ancrage-Search",
        }


async def test_what_is_public_has_one_answer_for_pages_of_every_origin(
    client: ApiClient, session: AsyncSession, publish_key: Publish
) -> None:
    await publish_key(await create_territory(session, slug="bassin"), PAGE)
    for origin in (PAGE, STRANGER, "null"):
        answer = await client.get("/v1/territories/bassin", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        # A cache on the way keeps one copy.
        assert "origin" not in answer.headers.get("vary", "").lower()
        asked = ask(origin, "GET", "If-None-Match,accept-language , X-Request-ID")
        preflight = await client.options("/v1/territories/bassin", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"


async def test_the_consoles_pages_and_measures_are_for_no_other_page(
    client: ApiClient, session: AsyncSession, publish_key: Publish
) -> None:
    await publish_key(await create_territory(session), PAGE)
    for path in ("/metrics", "/docs", "/healthz"):
        answer = await client.get(path, headers={"Origin": PAGE})
        assert allowed(answer) == set()
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    preflight = await client.options("/oauth/token", headers=ask(PAGE, "POST", "authorization"))
    assert (preflight.status_code, allowed(preflight)) == (405, set())


async def test_origins_are_those_of_keys_that_may_be_used(
    session: AsyncSession, database: Database, publish_key: Publish
) -> None:
    territory = await create_territory(session)
    moment = now()
    await publish_key(territory, "https://a.example.org", "https://b.example.org")
    await publish_key(territory, "https://b.example.org", expires_at=in_days(1))
    await publish_key(territory, "https://revoked-key.example.org", revoked_at=moment)
    await publish_key(territory, "https://revoked-client.example.org", client_revoked_at=moment)
    await publish_key(territory, "https://expired.example.org", expires_at=moment)
    await create_key(database, territory)

    async def known() -> list[str]:
        origins = KnownOrigins(database)
        hosts = ("a", "b", "revoked-key", "revoked-client", "expired")
        return [host for host in hosts if await origins.include(f"https://{host}.example.org")]

    assert await known() == ["a", "b"]
    with frozen(moment + timedelta(days=2)):
        assert await known() == ["a", "b"]


async def test_origins_are_read_once_a_second_at_most_and_only_when_asked(
    session: AsyncSession, database: Database, publish_key: Publish, statements: list[str]
) -> None:
    territory = await create_territory(session)
    await publish_key(territory, PAGE)
    seconds = [100.0]
    # Whatever the caller's own transactions reach: a request's reaches nobody's keys.
    origins = KnownOrigins(database.reaching(NOWHERE), clock=lambda: seconds[0])
    assert statements is not None
    statements.clear()
    assert await origins.include(PAGE)
    read = len(statements)
    assert read
    for _ in range(50):
        assert await origins.include(PAGE)
        assert not await origins.include(STRANGER)
    assert len(statements) == read
    await publish_key(territory, STRANGER)
    await session.execute(update(Program).where(Program.origins.contains([PAGE])).values(revoked_at=now()))
    await session.commit()
    seconds[0] += 0.99
    assert await origins.include(PAGE)
    seconds[0] += 0.02
    assert not await origins.include(PAGE)
    assert await origins.include(STRANGER)


async def test_a_database_that_is_away_leaves_the_origins_last_known(
    connection: AsyncConnection, session: AsyncSession, database: Database, publish_key: Publish
) -> None:
    await publish_key(await create_territory(session), PAGE)
    seconds = [0.0]
    origins = KnownOrigins(database, clock=lambda: seconds[0])
    assert await origins.include(PAGE)
    away = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    origins.database = Database(away)
    seconds[0] = 10.0
    assert await origins.include(PAGE)
    assert not await origins.include(STRANGER)
    await away.dispose()
    assert not connection.closed


async def test_a_read_of_what_is_public_asks_for_no_origins(
    make: Make, calling: From, session: AsyncSession, statements: list[str]
) -> None:
    await create_territory(session, slug="bassin")
    await session.commit()
    async with calling(await make(), "203.0.113.7") as client:
        statements.clear()
        await client.get("/v1/territories/bassin", headers={"Origin": PAGE})
        await client.options("/v1/territories/bassin", headers=ask(PAGE, "GET", "if-none-match"))
    assert not [said for said in statements if "origins" in said]
