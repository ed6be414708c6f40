"""``/oauth/token``: with Authlib's client as the peer, and every wrong way to ask."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.core.security import Kind, hash_secret, new_key
from service.models import Token
from tests.client import ApiClient
from tests.clients.world import ORIGIN, World, make, page, patch, rotate, sign_in, try_key, wanted

FORM = "application/x-www-form-urlencoded"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOBODY = "01a20140-0000-7000-8000-000000000000"
GRANT = {"grant_type": "client_credentials"}


@asynccontextmanager
async def _peer(
    client: ApiClient, made: dict[str, Any], how: str = "client_secret_basic"
) -> AsyncIterator[AsyncOAuth2Client]:
    """Yield Authlib's client, as a website would use it, on the application."""
    async with AsyncOAuth2Client(
        made["id"],
        made["key"]["value"],
        token_endpoint_auth_method=how,
        token_endpoint="http://testserver/oauth/token",
        transport=httpx.ASGITransport(app=client.app),
        base_url="http://testserver",
    ) as peer:
        yield peer


async def _ask(
    client: ApiClient, made: dict[str, Any], *, key: str | None = None, **form: str
) -> httpx.Response:
    client.headers.pop("Authorization", None)
    asked = GRANT | {"client_id": made["id"], "client_secret": key or made["key"]["value"]} | form
    return await client.post("/oauth/token", data=asked)


@pytest.mark.parametrize("how", ["client_secret_basic", "client_secret_post"])
async def test_a_standard_client_gets_its_token_and_uses_it(
    client: ApiClient, session: AsyncSession, world: World, how: str
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client, wanted(scopes=["employers:read", "postings:read"]))
    async with _peer(client, made, how) as peer:
        token = await peer.fetch_token(grant_type="client_credentials")
        assert token["access_token"].startswith("ancrage_at_")
        assert {name: token[name] for name in ("token_type", "expires_in", "scope")} == {
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "employers:read postings:read",
        }
        assert (await peer.get("/v1/employers")).status_code == 200
        assert (await peer.get("/v1/postings")).status_code == 200
        narrow = await peer.fetch_token(grant_type="client_credentials", scope="postings:read")
        assert narrow["scope"] == "postings:read"
        assert (await peer.get("/v1/employers")).status_code == 403
        assert (await peer.get("/v1/postings")).status_code == 200
        with pytest.raises(OAuthError, match="invalid_scope"):
            await peer.fetch_token(grant_type="client_credentials", scope="postings:write")
        with pytest.raises(OAuthError, match="unsupported_grant_type"):
            await peer.fetch_token(grant_type="password", username="a", password="b")
    async with _peer(client, made | {"id": NOBODY}, how) as stranger:
        with pytest.raises(OAuthError, match="invalid_client"):
            await stranger.fetch_token(grant_type="client_credentials")


async def test_the_answer_is_as_the_standard_shapes_it(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    answer = await _ask(client, made)
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    stored = (await session.scalars(select(Token).where(Token.kind == "client"))).one()
    assert stored.digest == hash_secret(answer.json()["access_token"])
    assert str(stored.key_id) == made["key"]["id"]


def _basic(name: str, secret: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


async def test_every_wrong_way_to_ask(client: ApiClient, session: AsyncSession, world: World) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made, other = await make(client), await make(client)
    public = await make(client, page())
    revoked = await make(client)
    await client.delete(f"/v1/api-clients/{revoked['id']}")
    del client.headers["Authorization"]
    name, key = made["id"], made["key"]["value"]
    own = {"client_id": name, "client_secret": key}
    right = _basic(name, key)
    cases: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
        ("no parameter", {}, right, "invalid_request"),
        ("no grant type", own, {}, "invalid_request"),
        ("an empty grant type", own | {"grant_type": ""}, {}, "invalid_request"),
        ("another grant", own | {"grant_type": "authorization_code"}, {}, "unsupported_grant_type"),
        ("a refresh", own | {"grant_type": "refresh_token"}, {}, "unsupported_grant_type"),
        ("a grant twice", {"grant_type": ["client_credentials"] * 2}, right, "invalid_request"),
        ("a scope twice", GRANT | {"scope": ["employers:read"] * 2}, right, "invalid_request"),
        ("both ways", GRANT | own, right, "invalid_request"),
        ("the secret in both", GRANT | {"client_secret": key}, right, "invalid_request"),
        ("two ids", GRANT | {"client_id": other["id"]}, right, "invalid_request"),
        ("no credentials", GRANT, {}, "invalid_client"),
        ("no secret", GRANT | {"client_id": name}, {}, "invalid_client"),
        ("an empty secret", GRANT | own | {"client_secret": ""}, {}, "invalid_client"),
        ("no id", GRANT | {"client_secret": key}, {}, "invalid_client"),
        ("an unknown id", GRANT | own | {"client_id": NOBODY}, {}, "invalid_client"),
        ("no id at all", GRANT | own | {"client_id": "moi"}, {}, "invalid_client"),
        ("the id of another", GRANT | own | {"client_id": other["id"]}, {}, "invalid_client"),
        ("the key of another", GRANT, _basic(name, other["key"]["value"]), "invalid_client"),
        ("a forged key", GRANT, _basic(name, new_key(Kind.SECRET_KEY)), "invalid_client"),
        ("a broken key", GRANT, _basic(name, key[:-1]), "invalid_client"),
        ("NUL in a key", GRANT, _basic(name, key + "\0"), "invalid_client"),
        ("accents in a key", GRANT | own | {"client_secret": "ancrage_sk_é"}, {}, "invalid_client"),
        ("an access token", GRANT, _basic(name, new_key(Kind.ACCESS)), "invalid_client"),
        ("a page's key", GRANT, _basic(public["id"], public["key"]["value"]), "invalid_client"),
        (
            "a page's key from its page",
            GRANT,
            _basic(public["id"], public["key"]["value"]) | {"Origin": ORIGIN},
            "invalid_client",
        ),
        ("a revoked client", GRANT, _basic(revoked["id"], revoked["key"]["value"]), "invalid_client"),
        ("the key alone", GRANT, {"Authorization": f"Bearer {key}"}, "invalid_client"),
        ("another scheme", GRANT, _basic(name, key, "Digest"), "invalid_client"),
        ("no colon", GRANT, {"Authorization": "Basic Zm9v"}, "invalid_client"),
        (
            "no base64",
            GRANT,
            {"Authorization": "Basic é".encode("latin-1").decode("latin-1")},
            "invalid_client",
        ),
        ("nothing after", GRANT, {"Authorization": "Basic"}, "invalid_client"),
        ("no UTF-8", GRANT, {"Authorization": "Basic //86//8="}, "invalid_client"),
        ("an unknown scope", GRANT | own | {"scope": "everything"}, {}, "invalid_scope"),
        ("a scope too many", GRANT | own | {"scope": "employers:read postings:read"}, {}, "invalid_scope"),
        ("scopes with commas", GRANT | own | {"scope": "employers:read,postings:read"}, {}, "invalid_scope"),
        ("NUL in a scope", GRANT | own | {"scope": "employers:read\0"}, {}, "invalid_scope"),
    ]
    for what, form, headers, error in cases:
        raw = [(header.encode(), value.encode("latin-1")) for header, value in headers.items()]
        answer = await client.post("/oauth/token", data=form, headers=raw)
        told = answer.json()
        assert (answer.status_code, told["error"]) == (401 if error == "invalid_client" else 400, error), what
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
        assert ("www-authenticate" in answer.headers) is (error == "invalid_client"), what
        assert set(told["error_description"]) <= set(map(chr, range(0x20, 0x7F))) - {'"', "\\"}, what
        assert key not in answer.text
    assert await session.scalar(select(func.count()).where(Token.kind == "client")) == 0


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", b'{"grant_type": "client_credentials"}'),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("", b"grant_type=client_credentials"),
        (FORM, b""),
        (FORM, b"&&&===%%%\xff\x00"),
        (FORM, b"grant_type"),
        (FORM, b"grant_type=%ff%fe"),
        (FORM, b"grant_type=client_credentials&scope=" + b"x" * 10_001),
        (FORM, b"x&" * 101),
    ],
)
async def test_a_body_that_is_no_form_is_told_so(client: ApiClient, media_type: str, body: bytes) -> None:
    answer = await client.post("/oauth/token", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "unsupported_grant_type"}


async def test_what_standard_clients_may_also_send(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client, wanted(scopes=["employers:read", "postings:read"]))
    del client.headers["Authorization"]
    name, key = made["id"], made["key"]["value"]
    for form, headers in (
        (GRANT | {"client_id": name}, _basic(name, key)),
        (GRANT | {"client_id": name, "client_secret": ""}, _basic(name, key, "basic")),
        (GRANT | {"audience": "x", "resource": "y"}, _basic(name.replace("-", "%2D"), key)),
        (GRANT | {"scope": ""}, _basic(name, key)),
        (GRANT | {"scope": " postings:read  employers:read "}, _basic(name, key)),
        (GRANT | {"client_id": name, "client_secret": key}, {"Content-Type": f"{FORM}; charset=UTF-8"}),
    ):
        answer = await client.post("/oauth/token", data=form, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["scope"] == "employers:read postings:read"
    strange = await client.post("/oauth/token?client_id=x", data=GRANT, headers=_basic(name, key))
    assert strange.status_code == 422, "credentials do not belong in an address"
    assert (await client.get("/oauth/token")).status_code == 405


async def test_a_token_ends_after_an_hour_or_with_its_key(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    with frozen(START):
        await sign_in(client, session, "territory_manager", world.ours)
        made = await make(client)
        short = await make(client, wanted(key_expires_at=(START + timedelta(minutes=10)).isoformat()))
        token = (await _ask(client, made)).json()
        brief = (await _ask(client, short)).json()
        assert (token["expires_in"], brief["expires_in"]) == (3600, 600)
    for minutes, works, still in ((9, 200, 200), (10, 200, 401), (59, 200, 401), (60, 401, 401)):
        with frozen(START + timedelta(minutes=minutes)):
            assert await try_key(client, token["access_token"]) == works, minutes
            assert await try_key(client, brief["access_token"]) == still, minutes
    with frozen(START + timedelta(minutes=10)):
        assert (await _ask(client, short)).status_code == 401


async def test_a_token_dies_with_its_key_its_client_and_its_scopes(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    manager = client.headers["Authorization"]

    def as_manager() -> None:
        client.headers["Authorization"] = manager

    made = await make(client, wanted(scopes=["employers:read", "postings:read"]))
    old = (await _ask(client, made)).json()["access_token"]
    as_manager()
    second = await rotate(client, made["id"], overlap_hours=0)
    assert await try_key(client, old) == 401
    assert (await _ask(client, made)).status_code == 401
    new = (await _ask(client, made, key=second["value"])).json()["access_token"]
    assert await try_key(client, new) == 200
    as_manager()
    await patch(client, made, scopes=["postings:read"])
    assert await try_key(client, new) == 403
    assert await try_key(client, new, "/v1/postings") == 200
    as_manager()
    await client.delete(f"/v1/api-clients/{made['id']}")
    assert await try_key(client, new, "/v1/postings") == 401


async def test_a_token_reaches_as_far_as_its_client(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client, wanted(scopes=["territories:write"]))
    token = (await _ask(client, made)).json()["access_token"]
    sent = {"Authorization": f"Bearer {token}", "If-Match": '"1"'}
    for slug, status in (("ours", 200), ("inside", 200), ("region", 404), ("foreign", 404)):
        answer = await client.patch(f"/v1/territories/{slug}", json={"name": "Nouveau"}, headers=sent)
        assert answer.status_code == status, slug
    assert (await client.get("/v1/api-clients", headers=sent)).status_code == 403
    again = await client.post("/oauth/token", data=GRANT | {"client_id": made["id"], "client_secret": token})
    assert again.status_code == 401, "a token is exchanged for nothing"
