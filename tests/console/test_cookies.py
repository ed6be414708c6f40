"""What the cookies are called and allowed, and that nobody can plant one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.security import Kind, kind_of, new_key
from tests.console.conftest import Open
from tests.console.support import ADDRESS, HERE, Browser, code_of, cookies_set

HTTPS = "https://bonjour.exemple.fr"


async def test_under_https_cookies_are_this_hosts_alone(
    make: Callable[..., Any], open_browser: Open, session: AsyncSession
) -> None:
    app = await make(public_url=HTTPS)
    browser = open_browser(app, here=HTTPS)
    first = await browser.get("/sign-in")
    (visitor,) = cookies_set(first.answer).items()
    page = await browser.submit(first, "/sign-in", email=ADDRESS)
    form = page.forms["/sign-in/code"][0] | {"code": await code_of(app, session)}
    answer = await browser.client.post("/sign-in/code", data=form, headers={"Origin": HTTPS})
    found = cookies_set(answer)
    assert set(found) == {"__Host-ancrage", "__Host-ancrage-visitor"}
    assert found["__Host-ancrage-visitor"]["max-age"] == "0"
    for name, cookie in (visitor, ("__Host-ancrage", found["__Host-ancrage"])):
        assert name.startswith("__Host-")
        assert cookie["secure"] is cookie["httponly"] is True
        assert (cookie["path"], cookie["samesite"].lower()) == ("/", "lax")
        assert "domain" not in cookie
    assert found["__Host-ancrage"]["max-age"] == "604800"
    assert kind_of(found["__Host-ancrage"]["value"]) is Kind.CONSOLE
    # The name without the prefix, which another host of the domain could plant, is not looked at.
    stranger = open_browser(app, here=HTTPS)
    stranger.client.cookies.set("ancrage_session", browser.cookie or "", domain="bonjour.exemple.fr")
    assert (await stranger.get("/account")).path.startswith("/sign-in")


async def test_on_a_laptop_cookies_work_without_https(browser: Browser, session: AsyncSession) -> None:
    first = await browser.get("/sign-in")
    assert set(cookies_set(first.answer)) == {"ancrage_visitor"}
    assert "secure" not in cookies_set(first.answer)["ancrage_visitor"]
    again = await browser.get("/sign-in")
    assert cookies_set(again.answer) == {}
    await browser.sign_in(session)
    assert kind_of(browser.cookie or "") is Kind.CONSOLE
    assert cookies_set((await browser.get("/account")).answer) == {}


@pytest.mark.parametrize(
    "planted",
    ["x", "é", new_key(Kind.CONSOLE), "a" * 5000, "", '"quoted"'],
    ids=["a letter", "an accent", "a token of nobody", "long", "empty", "quoted"],
)
async def test_a_planted_cookie_is_not_kept_at_sign_in(
    open_browser: Open, session: AsyncSession, planted: str
) -> None:
    browser = open_browser()
    client = browser.client
    cookie = f"ancrage_session={planted}; ancrage_visitor=planted".encode()
    page = await client.get("/sign-in", headers=[(b"Cookie", cookie)])
    assert page.status_code == 200
    assert "ancrage_session" not in cookies_set(page)
    client.cookies.clear()
    client.cookies.set("ancrage_visitor", "planted", domain="127.0.0.1")
    await browser.sign_in(session)
    assert browser.cookie not in {planted, "planted", None}
    assert client.cookies.get("ancrage_visitor") is None


async def test_every_sign_in_has_a_cookie_of_its_own(browser: Browser, session: AsyncSession) -> None:
    await browser.sign_in(session)
    first = browser.cookie
    await browser.sign_in(session, path="/sign-in?again=true")
    assert browser.cookie != first


async def test_a_cookie_without_a_session_is_a_visitors(browser: Browser) -> None:
    browser.client.cookies.set("ancrage_session", new_key(Kind.CONSOLE), domain="127.0.0.1", path="/")
    assert (await browser.get("/account")).path == "/sign-in?next=%2Faccount"
    page = await browser.start()
    assert page.status == 200


async def test_after_twelve_idle_hours_one_signs_in_again(somebody: Browser) -> None:
    assert (await somebody.get("/console")).path == "/console"
    with frozen(now() + timedelta(hours=12, minutes=1)):
        page = await somebody.get("/console")
        assert page.path == "/sign-in?next=%2Fconsole"
        sent = await somebody.post("/account", {"given_name": "X"})
        assert sent.path == "/sign-in?next=%2Fconsole"


async def test_pages_are_kept_by_nobody_and_load_nothing_from_elsewhere(somebody: Browser) -> None:
    for path in (
        "/console",
        "/account",
        "/account/sessions",
        "/account/privacy",
        "/console/mails",
        "/nulle-part",
    ):
        headers = (await somebody.get(path)).answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


async def test_style_and_icon_are_found_again_by_their_tag(browser: Browser) -> None:
    for name, media_type in (("console.css", "text/css"), ("console.svg", "image/svg+xml")):
        first = await browser.client.get(f"/{name}")
        assert first.headers["content-type"].startswith(media_type)
        again = await browser.client.get(f"/{name}", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert HERE not in first.text
