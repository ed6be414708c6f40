"""What browsers are told to refuse, what pages may hold, and what the log must not."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse

from service.core.database import Database
from service.core.security import Kind, new_key
from tests.client import ApiClient
from tests.edge.conftest import From, Make
from tests.factories import create_key, create_territory

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def browse(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/territories", 200),
        ("GET", "/v1/territories/nowhere", 404),
        ("POST", "/v1/employers", 401),
        ("PUT", "/v1/employers", 405),
        ("GET", "/v1/territories?x=%00", 400),
        ("GET", "/healthz", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
    ],
)
async def test_every_answer_is_for_what_it_says_it_is(
    client: ApiClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    shared = path.startswith("/v1/") or path == "/openapi.json"
    assert answer.headers["cross-origin-resource-policy"] == ("cross-origin" if shared else "same-origin")
    assert "strict-transport-security" not in answer.headers
    for name, value in answer.headers.multi_items():
        assert name == "vary" or answer.headers.get_list(name) == [value], name


@pytest.mark.parametrize(
    ("address", "kept"),
    [("https://api.example.org", True), ("http://127.0.0.1:8000", False), (None, False)],
)
async def test_https_is_kept_to_where_the_public_address_is_https(
    make: Make, calling: From, address: str | None, kept: bool
) -> None:
    async with calling(await make(public_url=address), "203.0.113.7") as client:
        answer = await client.get("/v1/territories")
    assert answer.headers.get("strict-transport-security") == ("max-age=63072000" if kept else None)


class _Page(HTMLParser):
    """Collects what the policy for pages would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        inline = tag == "style" or (tag == "script" and "src" not in named) or "style" in named
        if inline or tag == "base" or any(name.startswith("on") for name in named):
            self.stopped.append(f"{tag} {named}")
        self.loaded += [value for name in ("src", "href") if tag != "a" and (value := named.get(name))]


async def test_the_documentation_obeys_the_policy_for_pages(app: FastAPI, client: ApiClient) -> None:
    del client
    async for browser in browse(app):
        answer = await browser.get("/docs")
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        page = _Page()
        page.feed(answer.text)
        assert page.stopped == []
        assert page.loaded == ["/docs.css"]
        style = await browser.get("/docs.css")
        assert style.headers["content-type"] == "text/css; charset=utf-8"
        assert "body{" in style.text
        assert "content-security-policy" not in style.headers


async def test_every_page_is_held_to_the_policy_unless_it_has_a_stricter_one(
    app: FastAPI, client: ApiClient
) -> None:
    del client

    async def plain() -> HTMLResponse:
        return HTMLResponse("<p>…", status_code=404)

    async def strict() -> HTMLResponse:
        return HTMLResponse("<p>…", headers={"Content-Security-Policy": "sandbox", "Vary": "Cookie"})

    app.add_api_route("/plain", plain)
    app.add_api_route("/strict", strict)
    async for browser in browse(app):
        assert (await browser.get("/plain")).headers.get_list("content-security-policy") == [CSP]
        assert (await browser.get("/strict")).headers.get_list("content-security-policy") == ["sandbox"]
        assert "content-security-policy" not in (await browser.get("/v1/territories")).headers


async def test_the_log_tells_no_network_no_key_and_no_link(
    make: Make, calling: From, session: AsyncSession, database: Database
) -> None:
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    key, link = await create_key(database, territory), new_key(Kind.LINK)
    app = await make(limit_network_per_minute=20, lockout_failures=2, max_header_bytes=2048)
    transport = httpx.ASGITransport(app=app, client=("203.0.113.7", 4711), raise_app_exceptions=False)
    with structlog.testing.capture_logs() as logs:
        async with calling(app, "203.0.113.7") as client:
            await client.with_key(key).get("/v1/employers")
            for _ in range(3):
                await client.with_key(f"{key}x").get("/v1/employers")
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as browser:
            await browser.get(f"/sign-in/link/{link}", headers={"Cookie": f"ancrage_session={key}"})
            await browser.get("/v1/employers", headers={"Authorization": f"Bearer {key * 40}"})
            statuses = [(await browser.get(f"/v1/nowhere/{link}")).status_code for _ in range(25)]
    assert {404, 429} == set(statuses)
    lines = [entry for entry in logs if entry["event"] == "request"]
    assert {401, 404, 429, 431} <= {entry["status"] for entry in lines}
    told = repr(logs)
    assert "/sign-in/link/ancrage_lk_…" in told
    for secret in ("203.0.113.7", key[11:], link[11:], key[-4:], "ancrage_session"):
        assert secret not in told


@pytest.mark.parametrize(("size", "status"), [(1000, 404), (40_000, 431), (10_000_000, 431)])
async def test_headers_have_a_limit_whoever_hands_them_over(
    client: ApiClient, size: int, status: int
) -> None:
    for headers in ({"Authorization": "Bearer " + "a" * size}, {"X-Whatever": "a" * size}):
        answer = (
            await client.get("/v1/nowhere", headers=headers)
            if status == 404
            else await client.get("/v1/territories", headers=headers)
        )
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    if status == 431:
        assert re.search(r"at most 32768 bytes", answer.json()["detail"])
        long = await client.get(f"/v1/territories?x={'a' * 40_000}")
        assert (long.status_code, long.json()["type"]) == (431, "urn:ancrage:problem:headers-too-large")
