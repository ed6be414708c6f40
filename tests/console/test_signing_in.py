"""Signing in to the console and out again: by code, by link, at a provider's word; nothing else gets in."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.models import Mail, Person, PersonSession
from tests.console.conftest import Open
from tests.console.support import ADDRESS, PROVIDER, Browser, code_of, link_of, wrong


async def test_a_code_signs_in_and_leads_back_to_the_page_that_was_asked_for(
    browser: Browser, session: AsyncSession
) -> None:
    asked = await browser.get("/account/sessions")
    assert asked.path == "/sign-in?next=%2Faccount%2Fsessions"
    landed = await browser.sign_in(session, path=asked.path)
    assert (landed.status, landed.path) == (200, "/account/sessions")
    assert (await session.scalars(select(Person.email))).one() == ADDRESS
    home = await browser.get("/console")
    assert "Vous n'avez pas encore de rôle" in home.text


async def test_spaces_in_a_code_do_not_count(
    running: FastAPI, browser: Browser, session: AsyncSession
) -> None:
    asked = await browser.start()
    code = await code_of(running, session)
    landed = await browser.submit(asked, "/sign-in/code", code=f" {code[:4]} {code[4:]} ")
    assert landed.path == "/console"


async def test_a_known_and_an_unknown_address_are_answered_alike(
    open_browser: Open, session: AsyncSession, person: Person
) -> None:
    assert person.email is not None
    pages = [await open_browser().start(email) for email in (person.email, "inconnue@example.org")]
    texts = {
        page.text.replace(email, "…")
        for page, email in zip(pages, (person.email, "inconnue@example.org"), strict=True)
    }
    assert len(texts) == 1
    assert await session.scalar(select(func.count()).select_from(Mail)) == 2


async def test_a_wrong_code_says_so_and_five_end_the_sign_in(
    running: FastAPI, browser: Browser, session: AsyncSession
) -> None:
    page = await browser.start()
    code = await code_of(running, session)
    for _ in range(5):
        page = await browser.submit(page, "/sign-in/code", code=wrong(code))
        assert page.status == 422
        assert page.title.startswith("Erreur")
        assert "Ce code n'est pas le bon" in page.text
        assert ADDRESS in page.text
    page = await browser.submit(page, "/sign-in/code", code=code)
    assert page.status == 422
    assert browser.cookie is None


@pytest.mark.parametrize("code", ["", "é", "x" * 5000, "1234567", "١٢٣٤٥٦٧٨", "\x00"])
@pytest.mark.parametrize("sign_in_id", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_whatever_is_typed_is_only_wrong(browser: Browser, code: str, sign_in_id: str) -> None:
    page = await browser.get("/sign-in")
    word = page.forms["/sign-in"][0]["word"]
    answer = await browser.post("/sign-in/code", {"word": word, "sign_in_id": sign_in_id, "code": code})
    assert answer.status == 422
    assert "Ce code n'est pas le bon" in answer.text


@pytest.mark.parametrize("email", ["", "camille", "a@b", "camille@exemple .fr", "<script>@x", "é" * 300])
async def test_what_is_no_address_is_refused_where_it_was_typed(browser: Browser, email: str) -> None:
    page = await browser.start(email)
    assert page.status == 422
    assert page.title.startswith("Erreur")
    assert page.links.count("#email") == 1
    assert page.forms["/sign-in"][0]["email"] == email.strip()[:254]


async def test_a_link_signs_in_once_and_only_when_its_button_is_pressed(
    running: FastAPI, browser: Browser, open_browser: Open, session: AsyncSession
) -> None:
    await browser.start()
    path = f"/sign-in/link/{await link_of(running, session)}"
    scanner = open_browser()
    for _ in range(3):
        page = await scanner.get(path)
        assert page.status == 200
    assert scanner.cookie is None
    landed = await browser.submit(await browser.get(path), path)
    assert landed.path == "/console"
    for late in (await scanner.submit(page, path), await scanner.get(path)):
        assert late.status == 410
        assert "Ce lien ne sert plus" in late.text
    assert scanner.cookie is None


@pytest.mark.parametrize("token", ["x", "ancrage_lk_" + "a" * 43, "é", "a" * 2000, "%00"])
async def test_a_link_of_nothing_is_gone(browser: Browser, token: str) -> None:
    page = await browser.get(f"/sign-in/link/{token}")
    assert page.status in {400, 404, 410}
    assert "text/html" in page.answer.headers["content-type"]


async def test_a_code_is_too_old_after_ten_minutes(
    running: FastAPI, browser: Browser, session: AsyncSession
) -> None:
    page = await browser.start()
    code = await code_of(running, session)
    with frozen(now() + timedelta(minutes=10, seconds=1)):
        assert (await browser.submit(page, "/sign-in/code", code=code)).status == 422


async def test_too_many_mails_are_refused_in_words_that_say_for_how_long(browser: Browser) -> None:
    for _ in range(5):
        assert (await browser.start()).status == 200
    page = await browser.start()
    assert page.status == 429
    assert int(page.answer.headers["retry-after"]) > 0
    assert "Trop de demandes en peu de temps" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "https://pirate.example/",
        "//pirate.example/",
        "/\\pirate.example/",
        "\\\\pirate.example",
        "javascript:alert(1)",
        "http:pirate.example",
        " //pirate.example",
        "/\t/pirate.example",
        "/\n/pirate.example",
        "/" + "a" * 600,
        "account",
        "",
    ],
)
async def test_after_signing_in_nobody_is_sent_elsewhere(
    browser: Browser, session: AsyncSession, path: str
) -> None:
    page = await browser.start()
    code = await code_of(browser.app, session)
    form = page.forms["/sign-in/code"][0] | {"code": code, "next": path}
    answer = await browser.client.post(
        "/sign-in/code", data=form, headers={"Origin": "http://127.0.0.1:8000"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    # Signed in, the page itself sends on at once.
    again = await browser.client.get("/sign-in", params={"next": path[:500]})
    assert again.status_code == 303
    assert again.headers["location"] in {"/console", f"/{'a' * 499}"}


async def test_signing_out_ends_the_session_here_and_on_the_server(
    somebody: Browser, session: AsyncSession
) -> None:
    page = await somebody.get("/console")
    cookie = somebody.cookie
    left = await somebody.submit(page, "/sign-out")
    assert (left.status, left.title) == (200, "Vous êtes déconnecté · Ancrage")
    assert somebody.cookie is None
    ended = (await session.scalars(select(PersonSession))).one()
    assert ended.revoked_because == "signed_out"
    somebody.client.cookies.set("ancrage_session", cookie or "", domain="127.0.0.1")
    assert (await somebody.get("/console")).path == "/sign-in?next=%2Fconsole"


async def test_signing_in_again_ends_the_session_it_takes_the_place_of(
    somebody: Browser, session: AsyncSession
) -> None:
    assert (await somebody.get("/sign-in")).path == "/console"
    landed = await somebody.sign_in(session, path="/sign-in?again=true&next=/account/sessions")
    assert landed.path == "/account/sessions"
    assert landed.text.count("cet appareil") == 1
    assert "/account/sessions/others/end" not in landed.forms
    rows = (await session.scalars(select(PersonSession).order_by(PersonSession.id))).all()
    assert [row.revoked_because for row in rows] == ["signed_out", None]


async def test_the_chosen_language_is_kept_and_the_page_stays(browser: Browser) -> None:
    french = await browser.get("/sign-in?next=/account")
    assert french.answer.text.startswith('<!doctype html>\n<html lang="fr"')
    english = await browser.submit(french, "/language", language="en")
    assert english.path == "/sign-in?next=/account"
    assert english.title == "Sign in · Ancrage"
    code = await browser.start()
    assert code.title == "Enter the code you received · Ancrage"
    back = await browser.submit(code, "/language", language="fr")
    assert back.path.startswith("/sign-in/code?sign_in_id=")
    assert back.title == "Saisissez le code reçu · Ancrage"
    assert (await browser.submit(back, "/language", language="xx")).title == back.title


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de", "fr"),
        ("fr;q=0.1, en;q=0", "fr"),
        ("", "fr"),
        (";;q=x, *", "fr"),
    ],
)
async def test_the_browser_says_which_language_comes_first(
    open_browser: Open, accepted: str, language: str
) -> None:
    page = await open_browser(language=accepted).get("/sign-in")
    assert f'<html lang="{language}"' in page.answer.text


async def test_providers_are_offered_by_their_name(make: Callable[..., Any], open_browser: Open) -> None:
    app = await make(oidc_providers=SecretStr(json.dumps([PROVIDER])))
    page = await open_browser(app).get("/sign-in?next=/account/privacy")
    assert "Continuer avec Exemple Connect" in page.text
    assert "/v1/sign-in/providers/exemple/start?return_url=%2Faccount%2Fprivacy" in page.links


@pytest.mark.parametrize(
    "error", ["cancelled", "expired", "unavailable", "refused", "email_needed", "too_many", "invented"]
)
async def test_what_went_wrong_at_a_provider_is_said(browser: Browser, error: str) -> None:
    page = await browser.get(f"/sign-in?sign_in_error={error}")
    assert page.status == 200
    assert page.title.startswith("Erreur")
    assert "#email" in page.links


async def test_a_code_page_without_a_sign_in_begins_again(browser: Browser) -> None:
    for query in ("", "?sign_in_id=x", "?next=/account"):
        assert (await browser.get(f"/sign-in/code{query}")).path == "/sign-in"
