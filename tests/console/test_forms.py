"""Forms that another site sends, or that somebody kept from before: refused, all of them."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.console import ROUTERS
from service.models import Consent, Event, Person, PersonSession, SignIn
from tests.console.conftest import Open
from tests.console.support import ADDRESS, HERE, Browser, Page, code_of

SOMEBODYS = {"/sign-out", "/account", "/invitations"}
TOKENS = {"{token}": "ancrage_lk_" + "a" * 43, "{session_id}": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}


def _posts() -> Iterator[str]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            assert not route.include_in_schema
            methods = route.methods or set()
            assert methods <= {"GET", "POST"}
            if "POST" in methods:
                yield re.sub(r"\{\w+\}", lambda found: TOKENS[found[0]], route.path)


POSTS = sorted(_posts())


async def _written(session: AsyncSession) -> list[int]:
    tables = (Person, PersonSession, SignIn, Consent, Event)
    return [await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_every_form_is_tried() -> None:
    assert len(POSTS) == 13


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_another_site_is_refused(
    somebody: Browser, open_browser: Open, session: AsyncSession, path: str
) -> None:
    nobody = open_browser()
    word = (await somebody.get("/account")).forms["/language"][0]["word"]
    other = (await nobody.get("/sign-in")).forms["/sign-in"][0]["word"]
    before = await _written(session)
    good = {"word": word, "email": ADDRESS, "confirm": ADDRESS, "language": "en", "purpose": "matching"}
    forged: list[tuple[dict[str, str], dict[str, str]]] = [
        (good, {"Origin": "https://pirate.example"}),
        (good, {"Origin": "null"}),
        (good, {"Origin": f"{HERE}.pirate.example"}),
        (good, {"Origin": HERE.replace("http:", "https:")}),
        (good, {"Sec-Fetch-Site": "cross-site"}),
        (good, {"Sec-Fetch-Site": "same-site"}),
        (good | {"word": ""}, {}),
        (good | {"word": other}, {}),
        (good | {"word": word[:-1]}, {}),
        (good | {"word": word + "é"}, {}),
        (good | {"word": "x" * 60_000}, {}),
        ({}, {}),
    ]
    for form, headers in forged:
        _is_refused(await somebody.post(path, form, headers))
        if not any(path.startswith(start) for start in SOMEBODYS):
            _is_refused(await nobody.post(path, form | {"word": word if form else ""}, headers))
    # Without the cookie a word is worth nothing, right or not.
    stranger = open_browser()
    answer = await stranger.post(path, good)
    if any(path.startswith(start) for start in SOMEBODYS):
        assert answer.path.startswith("/sign-in?next=")
    else:
        _is_refused(answer)
    assert await _written(session) == before


def _is_refused(page: Page) -> None:
    assert page.status == 400, page.text
    assert "Ce formulaire n'est plus valable" in page.text
    assert page.answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b'{"word": "x"}', "application/json"),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"no boundary", "multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="word"; filename="a"\r\n\r\nx\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"&".join(b"a=b" for _ in range(5000)), "application/x-www-form-urlencoded"),
        (b"", "text/plain"),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(browser: Browser, content: bytes, media_type: str) -> None:
    await browser.get("/sign-in")
    answer = await browser.client.post("/sign-in", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_form_is_at_most_64_kilobytes(somebody: Browser) -> None:
    page = await somebody.get("/account")
    answer = await somebody.submit(page, "/account", given_name="x" * 70_000)
    assert (answer.status, answer.title) == (413, "C'est trop long · Ancrage")


async def test_a_browser_that_says_nothing_of_origins_still_needs_the_word(browser: Browser) -> None:
    page = await browser.get("/sign-in")
    form = page.forms["/sign-in"][0] | {"email": ADDRESS}
    assert (await browser.client.post("/sign-in", data=form)).status_code == 200
    del form["word"]
    assert (await browser.client.post("/sign-in", data=form)).status_code == 400


async def test_the_word_of_before_signing_in_is_worth_nothing_after(
    browser: Browser, session: AsyncSession
) -> None:
    before = await browser.get("/sign-in")
    await browser.sign_in(session)
    _is_refused(await browser.submit(before, "/language", language="en"))


async def test_somebody_elses_visit_is_not_carried_over(open_browser: Open, session: AsyncSession) -> None:
    # Login CSRF: a page of theirs, with their own cookie and word, sent by the browser of somebody else.
    thief, victim = open_browser(), open_browser()
    page = await thief.start("voleuse@example.org")
    code = await code_of(thief.app, session)
    await victim.get("/sign-in")
    _is_refused(await victim.submit(page, "/sign-in/code", code=code))
    assert victim.cookie is None
