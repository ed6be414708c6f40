"""Every page in both languages, wide and light, narrow and dark: axe finds nothing, Tab goes round it."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest

from service.core.clock import now
from service.core.security import hash_secret
from service.domain.derived import guardian_link, invitation_link
from service.models import Person
from tests.console.seeing import NARROW, Screen
from tests.factories import create_employer, create_person, create_role, create_territory
from tests.mail.makers import create_consent, create_invitation

# One worker runs the browser.
pytestmark = pytest.mark.xdist_group("chromium")
Look = Callable[..., Any]
Arrive = Callable[[Screen], Awaitable[None]]


async def _person(screen: Screen, **overrides: Any) -> Person:
    """Be somebody with two roles."""
    async with screen.site.database.transaction() as session:
        person = await create_person(session, **({"language": screen.language} | overrides))
        territory = await create_territory(session, name="Pays des Sources")
        employer = await create_employer(session, territory)
        await create_role(session, person, "concierge_agent", territory)
        await create_role(session, person, "employer_member", employer, expires_at=now() + timedelta(days=9))
    await screen.be(person)
    return person


async def _send(screen: Screen) -> None:
    """Send the form that is filled in."""
    async with screen.page.expect_navigation():
        await screen.page.keyboard.press("Enter")


async def _ask(screen: Screen) -> str:
    """Ask for a code; return the address it is sent to."""
    email = f"camille.{uuid4().hex[:8]}@example.org"
    await screen.go("/sign-in")
    await screen.page.fill("#email", email)
    await _send(screen)
    return email


async def sign_in(screen: Screen) -> None:
    await screen.go("/sign-in")


async def sign_in_with_an_error(screen: Screen) -> None:
    await screen.go("/sign-in?sign_in_error=cancelled")
    await screen.page.fill("#email", "camille")
    await _send(screen)


async def code(screen: Screen) -> None:
    await _ask(screen)


async def code_with_an_error(screen: Screen) -> None:
    await _ask(screen)
    await screen.page.fill("#code", "1234 5678")
    await _send(screen)


async def link(screen: Screen) -> None:
    await mail(screen)
    await screen.page.locator("pre a").first.click()
    await screen.page.wait_for_url("**/sign-in/link/*")


async def link_gone(screen: Screen) -> None:
    await screen.go("/sign-in/link/x")


async def signed_out(screen: Screen) -> None:
    await _person(screen)
    await screen.go("/console")
    await screen.page.focus("form[action='/sign-out'] button")
    await _send(screen)


async def home(screen: Screen) -> None:
    await _person(screen)
    await screen.go("/console")


async def home_without_roles(screen: Screen) -> None:
    async with screen.site.database.transaction() as session:
        person = await create_person(session, given_name=None, language=screen.language)
    await screen.be(person)
    await screen.go("/console")


async def account(screen: Screen) -> None:
    await _person(screen)
    await screen.go("/account?saved=true")


async def account_with_errors(screen: Screen) -> None:
    await _person(screen, birth_date=date(now().year - 12, 1, 1))
    await screen.go("/account")
    await screen.page.fill("#given_name", "\u0007")
    await screen.page.fill("#guardian_email", "personne")
    await _send(screen)


async def devices(screen: Screen) -> None:
    person = await _person(screen)
    await screen.be(person)
    await screen.go("/account/sessions")


async def privacy(screen: Screen) -> None:
    person = await _person(screen)
    async with screen.site.database.transaction() as session:
        await create_consent(session, person, purpose="matching")
        await create_consent(session, person, purpose="community_mail", needs_guardian=False)
    await screen.go("/account/privacy")


async def privacy_with_an_error(screen: Screen) -> None:
    await _person(screen)
    await screen.go("/account/privacy")
    await screen.page.fill("#confirm", "oui")
    await _send(screen)


async def export(screen: Screen) -> None:
    await _person(screen)
    await screen.go("/account/privacy/export.html")


async def erased(screen: Screen) -> None:
    person = await _person(screen)
    await screen.go("/account/privacy")
    await screen.page.fill("#confirm", person.email or "")
    await _send(screen)


async def _invitation(screen: Screen, email: str, **overrides: Any) -> None:
    async with screen.site.database.transaction() as session:
        territory = await create_territory(session, name="Pays des Sources")
        manager = await create_person(session, given_name="Claude", family_name="Responsable")
        made = await create_invitation(
            session, territory, email=email, invited_by=f"person:{manager.id}", **overrides
        )
        token = invitation_link(screen.site.app.state.keyring, made.id)
        made.link_digest = hash_secret(token)
    await screen.go(f"/invitations/{token}")


async def invitation_before_signing_in(screen: Screen) -> None:
    await _invitation(screen, "camille@example.org")


async def invitation(screen: Screen) -> None:
    person = await _person(screen)
    await _invitation(screen, person.email or "", role_expires_at=now() + timedelta(days=200))


async def invitation_for_somebody_else(screen: Screen) -> None:
    await _person(screen)
    await _invitation(screen, "camille@example.org")


async def invitation_expired(screen: Screen) -> None:
    await _invitation(screen, "camille@example.org", expires_at=now() - timedelta(days=1))


async def guardian(screen: Screen) -> None:
    async with screen.site.database.transaction() as session:
        child = await create_person(session, given_name="Léo")
        consent = await create_consent(session, child)
        token = guardian_link(screen.site.app.state.keyring, consent.id)
        consent.guardian_digest = hash_secret(token)
    await screen.go(f"/consents/guardian/{token}")


async def guardian_confirmed(screen: Screen) -> None:
    await guardian(screen)
    await screen.page.focus("button[value=yes]")
    await _send(screen)


async def guardian_declined(screen: Screen) -> None:
    await guardian(screen)
    await screen.page.focus("button[value=no]")
    await _send(screen)


async def mails(screen: Screen) -> None:
    await _ask(screen)
    await screen.site.deliver()
    await screen.go("/console/mails")


async def mail(screen: Screen) -> None:
    email = await _ask(screen)
    await screen.site.deliver()
    await screen.go("/console/mails")
    await screen.page.get_by_role("listitem").filter(has_text=email).get_by_role("link").click()
    await screen.page.frame_locator("iframe").get_by_role("heading").first.wait_for()


async def not_found(screen: Screen) -> None:
    await screen.go("/nulle-part")


async def not_found_when_signed_in(screen: Screen) -> None:
    await _person(screen)
    await screen.go("/console/nulle-part")


async def form_refused(screen: Screen) -> None:
    await screen.go("/sign-in")
    await screen.context.clear_cookies()
    await screen.page.fill("#email", "camille@example.org")
    await _send(screen)


PAGES: Final[tuple[Arrive, ...]] = (
    sign_in,
    sign_in_with_an_error,
    code,
    code_with_an_error,
    link,
    link_gone,
    signed_out,
    home,
    home_without_roles,
    account,
    account_with_errors,
    devices,
    privacy,
    privacy_with_an_error,
    export,
    erased,
    invitation_before_signing_in,
    invitation,
    invitation_for_somebody_else,
    invitation_expired,
    guardian,
    guardian_confirmed,
    guardian_declined,
    mails,
    mail,
    not_found,
    not_found_when_signed_in,
    form_refused,
)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("arrive", PAGES, ids=lambda arrive: arrive.__name__)
async def test_a_page_stands_in_nobodys_way(look: Look, axe: str, arrive: Arrive, language: str) -> None:
    screen: Screen = await look(language=language, color_scheme="light")
    await arrive(screen)
    page = screen.page
    assert await page.locator("html").get_attribute("lang") == language
    assert await page.locator("h1").count() == 1
    if language == "fr":
        await screen.walk()
    assert await screen.barriers(axe) == []
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(NARROW)
    assert await screen.barriers(axe) == []


async def test_axe_would_find_a_barrier(look: Look, axe: str) -> None:
    screen: Screen = await look()
    await screen.go("/sign-in")
    await screen.page.evaluate(
        "() => { document.querySelector('label').remove(); document.documentElement.lang = ''; }"
    )
    await screen.page.evaluate(
        "() => { document.querySelector('main').appendChild(document.createElement('img')).width = 1200; }"
    )
    found = await screen.barriers(axe)
    assert {each.partition(":")[0] for each in found} >= {"html-has-lang", "image-alt", "label"}
    assert found[-1].endswith("pixels too wide")
