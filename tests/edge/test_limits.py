"""How often one may ask: who is counted with whom, what the headers say, what a refusal says."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service.api.limits.policies import EXEMPT, POLICIES, Of
from service.core.clock import frozen, now
from service.core.database import Database
from service.core.security import Kind, new_key
from service.core.settings import Settings
from tests.client import ApiClient
from tests.edge.conftest import From, Make, Publish
from tests.factories import create_key, create_person, create_territory, sign_in_as

HERE, THERE = "203.0.113.7", "198.51.100.9"
POLICY = re.compile(r'"([a-z-]+)";q=(\d+);w=(\d+)')
STANDING = re.compile(r'"([a-z-]+)";r=(\d+);t=(\d+)')


def policies(answer: httpx.Response) -> dict[str, tuple[int, int]]:
    items = answer.headers["ratelimit-policy"].split(", ")
    found = [POLICY.fullmatch(item) for item in items]
    assert all(found), items
    return {each[1]: (int(each[2]), int(each[3])) for each in found if each}


def left(answer: httpx.Response) -> dict[str, int]:
    items = answer.headers["ratelimit"].split(", ")
    found = [STANDING.fullmatch(item) for item in items]
    assert all(found), items
    return {each[1]: int(each[2]) for each in found if each}


async def test_every_answer_says_what_is_left(
    make: Make, calling: From, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key = await create_key(database, territory)
    async with calling(await make(), HERE) as client:
        read = await client.get("/v1/territories/bassin")
        assert policies(read) == {"network": (600, 60)}
        assert left(read) == {"network": 599}
        same = await client.get("/v1/territories/bassin", headers={"If-None-Match": read.headers["etag"]})
        assert (same.status_code, left(same)) == (304, {"network": 598})
        missing = await client.get("/v1/territories/nowhere")
        assert (missing.status_code, left(missing)) == (404, {"network": 597})
        unsigned = await client.post("/v1/employers", json={})
        assert (unsigned.status_code, left(unsigned)) == (401, {"network": 596, "network-writes": 119})
        # The first answer tells whose the key is; from then on its client is counted.
        client.with_key(key)
        first = await client.get("/v1/employers")
        assert (first.status_code, left(first)) == (200, {"network": 595})
        body = {"territory": "bassin", "siret": "73282932000074", "name": "Fournil"}
        written = await client.post("/v1/employers", json=body)
        assert written.status_code == 201
        assert policies(written) == {"caller": (1200, 60), "caller-writes": (600, 60)}
        assert left(written) == {"caller": 1199, "caller-writes": 599}
        refused = await client.post("/v1/employers", json={})
        assert (refused.status_code, left(refused)) == (422, {"caller": 1198, "caller-writes": 598})


async def test_what_supervisors_and_browsers_ask_first_is_not_counted(make: Make, calling: From) -> None:
    async with calling(await make(limit_network_per_minute=1), HERE) as client:
        asked = {"Origin": "https://www.example.org", "Access-Control-Request-Method": "GET"}
        for _ in range(3):
            for path in sorted(EXEMPT):
                answer = await client.get(path)
                assert answer.status_code == 200
                assert "ratelimit" not in answer.headers
            assert (await client.options("/v1/territories", headers=asked)).status_code == 204
        assert (await client.get("/v1/territories")).status_code == 200


async def test_who_asks_too_often_is_told_when_to_come_back_and_then_is_answered(
    make: Make, calling: From
) -> None:
    app = await make(limit_network_per_minute=3)
    moment = now()
    async with calling(app, HERE) as client, calling(app, THERE) as neighbour:
        with frozen(moment):
            answers = [await client.get("/v1/territories") for _ in range(3)]
            assert [left(answer)["network"] for answer in answers] == [2, 1, 0]
        with frozen(moment + timedelta(seconds=20.5)):
            refused = await client.get("/v1/territories")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "40")
            assert refused.headers["ratelimit"] == '"network";r=0;t=40'
            problem = refused.json()
            assert problem["type"] == "urn:ancrage:problem:too-many-requests"
            assert problem["violated_policies"] == ["network"]
            assert "3 in 60 seconds" in problem["detail"]
            assert problem["instance"].endswith(refused.headers["x-request-id"])
            assert (await neighbour.get("/v1/territories")).status_code == 200
        with frozen(moment + timedelta(seconds=60)):
            again = await client.get("/v1/territories")
            assert (again.status_code, left(again)) == (200, {"network": 2})


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("203.0.113.7", "203.0.113.8", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
async def test_a_network_is_counted_as_one(
    make: Make, calling: From, one: str, other: str, together: bool
) -> None:
    app = await make()
    async with calling(app, one) as first, calling(app, other) as second:
        await first.get("/v1/territories")
        assert left(await second.get("/v1/territories")) == {"network": 598 if together else 599}


async def test_a_key_nobody_has_seen_to_be_good_does_not_leave_its_network(
    make: Make, calling: From, session: AsyncSession
) -> None:
    await create_territory(session, slug="bassin")
    await session.commit()
    async with calling(await make(limit_network_per_minute=5), HERE) as client:
        statuses = []
        for _ in range(7):
            # Nothing looks at a key where none is needed.
            client.with_key(new_key(Kind.SECRET_KEY))
            statuses.append((await client.get("/v1/territories/bassin")).status_code)
    assert statuses == [200] * 5 + [429] * 2


async def test_a_person_is_counted_as_one_wherever_and_however_often_they_signed_in(
    make: Make, calling: From, session: AsyncSession
) -> None:
    app = await make()
    person, other = await create_person(session), await create_person(session)
    tokens = [await sign_in_as(session, each) for each in (person, person, other)]
    await session.commit()
    async with calling(app, HERE) as laptop, calling(app, THERE) as phone, calling(app, HERE) as neighbour:
        for client, token in zip((laptop, phone, neighbour), tokens, strict=True):
            client.with_key(token)
            assert (await client.get("/v1/me")).status_code == 200
        seen = [left(await client.get("/v1/me")) for client in (laptop, phone, neighbour)]
    assert seen == [{"caller": 1199}, {"caller": 1198}, {"caller": 1199}]


async def test_the_keys_of_one_client_are_counted_together_and_those_of_pages_by_network(
    make: Make, calling: From, session: AsyncSession, database: Database, publish_key: Publish
) -> None:
    app = await make()
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key, page = await create_key(database, territory), await publish_key(territory, "https://www.example.org")
    body = {"email": "camille@example.org"}
    headers = {"Ancrage-Key": page, "Origin": "https://www.example.org"}
    async with calling(app, HERE) as server, calling(app, THERE) as far, calling(app, THERE) as visitor:
        server.with_key(key)
        far.with_key(key)
        await server.get("/v1/employers")
        assert [left(await each.get("/v1/employers")) for each in (server, far)] == [
            {"caller": 1199},
            {"caller": 1198},
        ]
        for remaining in (599, 598):
            answer = await visitor.post("/v1/sign-in/codes", json=body, headers=headers)
            assert answer.status_code == 202, answer.text
            assert left(answer)["network"] == remaining


async def test_signing_in_has_a_limit_of_its_own_but_not_for_a_server_that_speaks_for_many(
    make: Make, calling: From, session: AsyncSession, database: Database, publish_key: Publish
) -> None:
    app = await make(limit_sign_in_per_hour=2)
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key, page = await create_key(database, territory), await publish_key(territory, "https://www.example.org")
    headers = {"Ancrage-Key": page, "Origin": "https://www.example.org"}
    moment = now()
    async with calling(app, HERE) as visitor, calling(app, THERE) as server:
        with frozen(moment):
            for number, status in enumerate((202, 202, 429)):
                body = {"email": f"visiteur-{number}@example.org"}
                answer = await visitor.post("/v1/sign-in/codes", json=body, headers=headers)
                assert answer.status_code == status, answer.text
            assert answer.headers["retry-after"] == "3600"
            assert answer.json()["violated_policies"] == ["sign-in"]
            # A page that reads it can tell its visitor.
            assert answer.headers["access-control-allow-origin"] == "https://www.example.org"
            assert (await visitor.get("/v1/territories")).status_code == 200
            server.with_key(key)
            await server.get("/v1/employers")
            for number in range(4):
                body = {"email": f"relaye-{number}@example.org", "territory": "bassin"}
                answer = await server.post("/v1/sign-in/codes", json=body)
                assert answer.status_code == 202, answer.text
                assert "sign-in" not in policies(answer)
        with frozen(moment + timedelta(hours=1)):
            body = {"email": "visiteur-3@example.org"}
            assert (await visitor.post("/v1/sign-in/codes", json=body, headers=headers)).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/sign-in/codes", "sign-in"),
        ("POST", "/sign-in", "sign-in"),
        ("POST", "/v1/sign-in/tokens", "tokens"),
        ("POST", "/sign-in/code", "tokens"),
        ("POST", "/sign-in/link/ancrage_lk_abc", "tokens"),
        ("GET", "/v1/sign-in/providers/proconnect/start", "providers"),
        ("GET", "/v1/sign-in/providers/proconnect/callback", "providers"),
        ("POST", "/oauth/token", "oauth-token"),
        ("DELETE", "/v1/me/sessions", "network-writes"),
    ],
)
def test_what_costs_more_is_counted_apart(method: str, path: str, name: str) -> None:
    assert name in {policy.name for policy in POLICIES if policy.fits(method, path)}
    assert name not in {policy.name for policy in POLICIES if policy.fits("GET", "/v1/sign-in/providers")}


async def test_zero_lifts_a_limit_and_one_switch_lifts_all(make: Make, calling: From) -> None:
    async with calling(await make(limit_network_per_minute=0), HERE) as client:
        assert "ratelimit" not in (await client.get("/v1/territories")).headers
        assert list(left(await client.post("/v1/employers", json={}))) == ["network-writes"]
    async with calling(await make(rate_limits=False, limit_network_per_minute=1), HERE) as client:
        for _ in range(3):
            answer = await client.post("/v1/employers", json={})
            assert (answer.status_code, "ratelimit" in answer.headers) == (401, False)


async def test_a_refusal_asks_the_database_nothing(
    make: Make, calling: From, session: AsyncSession, database: Database, statements: list[str]
) -> None:
    territory = await create_territory(session)
    await session.commit()
    key = await create_key(database, territory)
    async with calling(await make(limit_network_per_minute=1, limit_caller_per_minute=1), HERE) as client:
        client.with_key(key)
        assert (await client.get("/v1/employers")).status_code == 200
        assert (await client.get("/v1/employers")).status_code == 200
        # Both windows are used up: as the client, and as the network.
        statements.clear()
        client.session = None
        for headers in ({}, {"Authorization": "Bearer nonsense"}):
            assert (await client.get("/v1/employers", headers=headers)).status_code == 429
    assert statements == []


def test_every_policy_has_a_setting_a_name_of_its_own_and_fits_something(settings: Settings) -> None:
    names = [policy.name for policy in POLICIES]
    assert len(set(names)) == len(names)
    for policy in POLICIES:
        assert getattr(settings, policy.setting) > 0
        assert policy.seconds > 0
        path = next(iter(policy.paths), next(iter(policy.folders), "/v1/employers"))
        assert policy.fits(next(iter(policy.methods), "GET"), path)
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", policy.name)
    assert {policy.of for policy in POLICIES} == set(Of)


async def test_every_operation_documents_its_limits(app: FastAPI, client: ApiClient) -> None:
    del client
    operations: list[tuple[str, dict[str, Any]]] = [
        (path, operation) for path, item in app.openapi()["paths"].items() for operation in item.values()
    ]
    for path, operation in operations:
        responses = operation["responses"]
        assert ("429" in responses) == (path not in EXEMPT), path
        assert "431" in responses, path
        for status, response in responses.items():
            if path not in EXEMPT and (status.startswith("2") or status == "429"):
                assert {"RateLimit", "RateLimit-Policy"} <= set(response["headers"]), (path, status)
        if path not in EXEMPT:
            assert "Retry-After" in responses["429"]["headers"]
