"""Who guesses keys is not listened to for a while; nobody else notices."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.ids import new_id
from service.core.security import Kind, hash_secret, new_key
from service.models import ApiKey
from tests.client import ApiClient
from tests.edge.conftest import From, Make, Publish
from tests.factories import create_key, create_territory, sign_in_as

HERE, THERE = "203.0.113.7", "198.51.100.9"
PATH = "/v1/employers"
LOCKED = "urn:ancrage:problem:locked-out"


async def guess(client: ApiClient, times: int) -> list[int]:
    """Return the statuses of as many wrong keys."""
    wrong = ({"Authorization": f"Bearer {new_key(Kind.SECRET_KEY)}"} for _ in range(times))
    return [(await client.get(PATH, headers=headers)).status_code for headers in wrong]


async def test_after_twenty_wrong_keys_no_key_from_there_is_looked_at_for_a_while(
    make: Make, calling: From, session: AsyncSession, database: Database, statements: list[str]
) -> None:
    app = await make()
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    right = {"Authorization": f"Bearer {await create_key(database, territory)}"}
    moment = now()
    async with calling(app, HERE) as client, calling(app, THERE) as neighbour:
        with frozen(moment):
            assert await guess(client, 20) == [401] * 20
            client.session = None
            statements.clear()
            refused = await client.get(PATH, headers=right)
            assert (refused.status_code, refused.json()["type"]) == (429, LOCKED)
            assert refused.headers["retry-after"] == "900"
            for headers in ({"Ancrage-Key": new_key(Kind.PUBLISHABLE_KEY)}, {"Authorization": "Basic eDp5"}):
                assert (await client.get(PATH, headers=headers)).json()["type"] == LOCKED
            # A locked door costs nobody anything.
            assert statements == []
            assert (await client.get("/v1/territories/bassin")).status_code == 200
            assert (await client.get(PATH)).status_code == 401
            assert (await neighbour.get(PATH, headers=right)).status_code == 200
        with frozen(moment + timedelta(seconds=899)):
            late = await client.get(PATH, headers=right)
            assert (late.status_code, late.headers["retry-after"]) == (429, "1")
        with frozen(moment + timedelta(seconds=900)):
            # Asking meanwhile has not made it longer.
            assert (await client.get(PATH, headers=right)).status_code == 200


async def test_few_wrong_keys_in_a_long_time_lock_nobody_out(make: Make, calling: From) -> None:
    moment = now()
    async with calling(await make(), HERE) as client:
        with frozen(moment):
            assert await guess(client, 19) == [401] * 19
        with frozen(moment + timedelta(seconds=600)):
            assert await guess(client, 19) == [401] * 19
            assert await guess(client, 2) == [401, 429]


async def test_who_sends_no_key_or_may_not_do_something_guesses_nothing(
    make: Make, calling: From, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key = await create_key(database, territory, scopes=["employers:read"])
    async with calling(await make(lockout_failures=2), HERE) as client:
        for _ in range(4):
            assert (await client.get(PATH)).status_code == 401
        client.with_key(key)
        for _ in range(4):
            refused = await client.post(
                PATH, json={"territory": "bassin", "siret": "73282932000074", "name": "F"}
            )
            assert refused.status_code == 403
        assert (await client.get(PATH)).status_code == 200


async def test_a_token_that_was_good_and_has_expired_is_no_guess(
    make: Make, calling: From, session: AsyncSession
) -> None:
    """A website that calls for many persons meets their expired tokens all day long."""
    app = await make(lockout_failures=3)
    tokens = [await sign_in_as(session) for _ in range(5)]
    await session.commit()
    moment = now()
    async with calling(app, HERE) as client:
        with frozen(moment):
            for token in tokens:
                assert (await client.with_key(token).get("/v1/me")).status_code == 200
        with frozen(moment + timedelta(minutes=20)):
            # At first it counts as its person's, as before; then nobody is known by it.
            for token, counted in [(token, '"caller"') for token in tokens] + [(tokens[0], '"network"')]:
                answer = await client.with_key(token).get("/v1/me")
                assert (answer.status_code, answer.headers["ratelimit"].partition(";")[0]) == (401, counted)
            assert await guess(client, 4) == [401, 401, 401, 429]


async def test_a_revoked_key_tried_again_and_again_is_no_guess_for_an_hour(
    make: Make, calling: From, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key = await create_key(database, territory)
    moment = now()
    async with calling(await make(lockout_failures=2), HERE) as client:
        client.with_key(key)
        with frozen(moment):
            assert (await client.get(PATH)).status_code == 200
            await session.execute(update(ApiKey).values(revoked_at=moment))
            await session.commit()
            assert [(await client.get(PATH)).status_code for _ in range(4)] == [401] * 4
        with frozen(moment + timedelta(hours=2)):
            assert [(await client.get(PATH)).status_code for _ in range(3)] == [401, 401, 429]


@pytest.mark.parametrize("as_form", [True, False])
async def test_guesses_at_the_token_endpoint_count_in_the_body_too(
    make: Make, calling: From, as_form: bool
) -> None:
    form = {"grant_type": "client_credentials"}
    async with calling(await make(lockout_failures=3), HERE) as client:
        statuses = []
        for _ in range(4):
            name, secret = str(new_id()), new_key(Kind.SECRET_KEY)
            if as_form:
                answer = await client.post(
                    "/oauth/token", data=form | {"client_id": name, "client_secret": secret}
                )
            else:
                answer = await client.post("/oauth/token", data=form, auth=(name, secret))
            statuses.append(answer.status_code)
        assert statuses == [401, 401, 401, 429]


async def test_wrong_publishable_keys_and_origins_count(
    make: Make, calling: From, session: AsyncSession, publish_key: Publish
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key = await publish_key(territory, "https://www.example.org")
    body = {"email": "camille@example.org"}
    async with calling(await make(lockout_failures=2), HERE) as client:
        statuses = []
        for origin in ("https://evil.example.com", "https://evil.example.com", "https://www.example.org"):
            headers = {"Ancrage-Key": key, "Origin": origin}
            answer = await client.post("/v1/sign-in/codes", json=body, headers=headers)
            statuses.append(answer.status_code)
        assert statuses == [401, 401, 429]


async def test_zero_failures_lock_nobody_out(make: Make, calling: From) -> None:
    async with calling(await make(lockout_failures=0), HERE) as client:
        assert await guess(client, 30) == [401] * 30


async def test_nothing_kept_tells_an_address_or_a_key(
    make: Make, calling: From, session: AsyncSession, database: Database
) -> None:
    app = await make()
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key = await create_key(database, territory)
    async with calling(app, HERE) as client:
        await guess(client, 2)
        await client.with_key(key).get(PATH)
    layers: list[Any] = [
        layer.kwargs["limiter"] for layer in app.user_middleware if "limiter" in layer.kwargs
    ]
    limiter = layers[0]
    kept = repr([list(limiter.counters.memory._windows), limiter._known])
    assert "network/" in kept
    for secret in (HERE, key, key[-20:], hash_secret(key).hex(), repr(hash_secret(key))):
        assert secret not in kept
