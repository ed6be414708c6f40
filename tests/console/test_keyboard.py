"""The console in a real browser, used with the keyboard alone; with scripts off; and against other sites."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Route, expect
from sqlalchemy import select

from service.adapters.mail_folder import write
from service.domain import mail
from service.models import Person, PersonSession
from tests.console.seeing import Screen, Site
from tests.factories import create_person

# One worker runs the browser.
pytestmark = pytest.mark.xdist_group("chromium")
Look = Callable[..., Any]


async def _account(site: Site, **overrides: Any) -> Person:
    async with site.database.transaction() as session:
        return await create_person(session, **overrides)


async def _code(screen: Screen, email: str) -> str:
    """Return the code in the newest mail to ``email``, read in a window of its own on the mails' page."""
    await screen.site.deliver()
    reader = await screen.context.new_page()
    await reader.goto("/console/mails")
    await reader.get_by_role("listitem").filter(has_text=email).get_by_role("link").first.click()
    text = await reader.locator("pre").inner_text()
    await reader.close()
    found = re.search(r"^ +(\d{4} \d{4})$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


async def test_signing_in_by_code_and_every_page_after_it(look: Look, site: Site) -> None:
    screen: Screen = await look()
    email = "claire.clavier@example.org"
    await screen.go("/account")
    assert screen.path == "/sign-in?next=%2Faccount"
    await screen.type("email", "claire", then_enter=True)
    # What is wrong is told first, and leads to its field.
    assert await screen.page.evaluate("() => document.activeElement.getAttribute('role')") == "alert"
    await screen.tab_to("Cette adresse n'a pas la forme d'une adresse e-mail. Exemple : camille@exemple.fr")
    await screen.page.keyboard.press("Enter")
    assert (await screen.focused())["words"] == "email"
    await screen.page.keyboard.press("ControlOrMeta+a")
    await screen.page.keyboard.type(email)
    await screen.press("Recevoir un code")
    assert await screen.page.title() == "Saisissez le code reçu · Ancrage"
    await screen.type("code", await _code(screen, email), then_enter=True)
    assert screen.path == "/account"

    await screen.type("given_name", "Claire")
    await screen.type("family_name", "Clavier")
    await screen.tab_to("language")
    await screen.page.keyboard.press("ArrowDown")
    await screen.press("Enregistrer")
    assert screen.path == "/account?saved=true"
    async with site.database.transaction() as session:
        person = (await session.scalars(select(Person).where(Person.email == email))).one()
        assert (person.given_name, person.family_name, person.language) == ("Claire", "Clavier", "en")

    # The account's language is that of the pages until another is chosen.
    await screen.press("Français")
    other: Screen = await look()
    await other.be(person)
    await screen.press("Mes appareils")
    await screen.press("Fermer")
    await other.go("/console")
    assert other.path == "/sign-in?next=%2Fconsole"

    await screen.press("Mes données")
    await screen.press("Je suis d'accord")
    assert await screen.page.get_by_text("Accord donné le").count() == 1
    await screen.press("Retirer mon accord")
    assert await screen.page.get_by_text("Accord donné le").count() == 0
    await screen.press("Lire la copie")
    assert await screen.page.get_by_text(email).count() > 0
    await screen.page.go_back()
    await screen.type("confirm", "quelqu'un d'autre", then_enter=True)
    assert (await screen.page.title()).startswith("Erreur")
    await screen.type("confirm", email)
    await screen.press("Effacer définitivement")
    assert await screen.page.title() == "Vos données sont effacées · Ancrage"
    await screen.go("/account")
    assert screen.path.startswith("/sign-in")


async def test_signing_in_by_the_link_in_the_mail_and_out_again(look: Look, site: Site) -> None:
    screen: Screen = await look(language="en")
    await screen.go("/sign-in")
    await screen.type("email", "lena.link@example.org", then_enter=True)
    await site.deliver()
    await screen.go("/console/mails")
    await screen.press("Your sign-in code")
    await screen.press(await screen.page.locator("pre a").first.inner_text())
    assert await screen.page.title() == "Confirm signing in · Ancrage"
    await screen.press("Sign me in")
    assert screen.path == "/console"
    await screen.press("Sign out")
    assert await screen.page.title() == "You are signed out · Ancrage"
    await screen.press("Sign in")
    assert screen.path == "/sign-in"


async def test_the_first_stop_leads_past_the_navigation(look: Look, site: Site) -> None:
    screen: Screen = await look()
    await screen.be(await _account(site))
    await screen.go("/account/privacy")
    await screen.page.keyboard.press("Tab")
    assert (await screen.focused())["words"] == "Aller au contenu"
    assert (await screen.focused())["inside"]
    await screen.page.keyboard.press("Enter")
    assert await screen.page.evaluate("() => document.activeElement.id") == "content"
    await screen.page.keyboard.press("Tab")
    assert (await screen.focused())["words"].startswith("Je suis d'accord")


async def test_everything_works_without_scripts(look: Look) -> None:
    screen: Screen = await look(java_script_enabled=False)
    page, email = screen.page, "sans.script@example.org"
    await screen.go("/sign-in?next=/account/privacy")
    await page.get_by_label("Adresse e-mail").fill(email)
    await page.get_by_role("button", name="Recevoir un code").click()
    await page.get_by_label("Code à 8 chiffres").fill(await _code(screen, email))
    await page.get_by_role("button", name="Me connecter").click()
    await expect(page).to_have_url(f"{screen.site.address}/account/privacy")
    await page.get_by_role("button", name="Je suis d'accord").first.click()
    await expect(page.get_by_text("Accord donné le")).to_have_count(1)
    await page.get_by_role("button", name="English").click()
    await expect(page).to_have_title("My data · Ancrage")
    async with page.expect_download() as copy:
        await page.get_by_role("link", name="Download (JSON)").click()
    assert (await copy.value).suggested_filename == "ancrage-export.json"
    await page.get_by_label("To confirm, type your address").fill(email)
    await page.get_by_role("button", name="Erase for good").click()
    await expect(page).to_have_title("Your data are erased · Ancrage")


async def test_a_code_pasted_with_its_space_counts(look: Look) -> None:
    screen: Screen = await look()
    await screen.go("/sign-in")
    await screen.type("email", "paula.presse@example.org", then_enter=True)
    code = await _code(screen, "paula.presse@example.org")
    await screen.tab_to("code")
    await screen.page.keyboard.insert_text(f" {code} ")
    async with screen.page.expect_navigation():
        await screen.page.keyboard.press("Enter")
    assert screen.path == "/console"


_THEIRS = """<!doctype html><title>Theirs</title><form method="post" action="{action}">
<input name="given_name" value="Pirate"><input name="email" value="pirate@example.org">
<input name="word" value="guessed"></form><script>document.forms[0].submit()</script>"""


@pytest.mark.parametrize("path", ["/account", "/account/privacy/erase", "/sign-out", "/sign-in", "/language"])
async def test_a_form_another_site_sends_by_itself_does_nothing(look: Look, site: Site, path: str) -> None:
    screen: Screen = await look()
    person = await _account(site)
    await screen.be(person)
    await screen.go("/console")
    body = _THEIRS.format(action=f"{site.address}{path}")
    await screen.context.route(
        "http://pirate.example/", lambda route: route.fulfill(body=body, content_type="text/html")
    )
    await screen.page.goto("http://pirate.example/")
    # The cookie does not come along with the form; it does where that refusal leads.
    await expect(screen.page).to_have_title(re.compile("^(Ce formulaire n'est plus valable|Accueil) ·"))
    await screen.go("/console")
    assert "Bonjour Camille" in await screen.page.inner_text("h1")
    async with site.database.transaction() as session:
        after = await session.get_one(Person, person.id)
        assert (after.given_name, after.anonymised_at) == ("Camille", None)
        ended = await session.scalars(
            select(PersonSession.revoked_at).where(PersonSession.person_id == person.id)
        )
        assert ended.all() == [None]


_HOSTILE = """Subject: Bonjour
From: pirate@example.org
Content-Type: text/html; charset=utf-8

<body style="color: rgb(1, 2, 3)"><p id="words">Bonjour</p><img src="http://pirate.example/seen.png">
<script>document.getElementById("words").textContent = "run"; top.location = "http://pirate.example/"</script>
<form action="http://pirate.example/"><button>Cliquez</button></form>
<a href="http://pirate.example/" target="_top">Ici</a><meta http-equiv="refresh" content="0;url=http://pirate.example/">
"""


async def test_a_hostile_mail_is_shown_and_does_nothing(look: Look, site: Site) -> None:
    screen: Screen = await look()
    asked: list[str] = []

    async def note(route: Route) -> None:
        asked.append(route.request.url)
        await route.abort()

    await screen.context.route("http://pirate.example/**", note)
    mail_id = uuid4()
    folder = mail.folder_of(site.settings)
    write(folder, mail_id, _HOSTILE.encode())
    await screen.go(f"/console/mails/{mail_id}")
    frame = screen.page.frame_locator("iframe")
    assert await frame.locator("#words").inner_text() == "Bonjour"
    color = "node => getComputedStyle(node).color"
    assert await frame.locator("body").evaluate(color) == "rgb(1, 2, 3)"
    await frame.get_by_role("button", name="Cliquez").click()
    await frame.get_by_role("link", name="Ici").click()
    assert screen.path == f"/console/mails/{mail_id}"
    assert asked == []
    # The browser says what it kept the mail from doing.
    assert screen.complaints != []
    screen.complaints.clear()
