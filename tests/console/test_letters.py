"""What links in mails lead to, and the mails themselves on a machine without a mail server."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.security import hash_secret
from service.core.settings import Settings
from service.domain import mail
from service.domain.derived import guardian_link, invitation_link
from service.models import Consent, Invitation, Person, RoleGrant
from tests.console.conftest import Open
from tests.console.support import ADDRESS, HERE, Browser
from tests.factories import create_person, create_role, create_territory
from tests.mail.makers import create_consent, create_invitation, send

# Of no mail; the same in every process that collects the tests.
NOWHERE = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"


@pytest.fixture
async def invitation(running: FastAPI, session: AsyncSession) -> tuple[Invitation, str]:
    """Return an invitation to Camille, and the path of its link."""
    territory = await create_territory(session, name="Pays des Sources")
    manager = await create_person(session, given_name="Claude", family_name="Responsable")
    await create_role(session, manager, "territory_manager", territory)
    made = await create_invitation(session, territory, email=ADDRESS, invited_by=f"person:{manager.id}")
    token = invitation_link(running.state.keyring, made.id)
    made.link_digest = hash_secret(token)
    await session.commit()
    return made, f"/invitations/{token}"


async def test_an_invitation_is_read_then_accepted_after_signing_in(
    browser: Browser, session: AsyncSession, invitation: tuple[Invitation, str]
) -> None:
    offered = await browser.get(invitation[1])
    assert "Claude Responsable vous propose ce rôle" in offered.text
    assert "Agent ou agente de conciergerie Pays des Sources" in offered.text
    assert invitation[1] not in offered.forms
    (sign_in,) = [link for link in offered.links if link.startswith("/sign-in?")]
    back = await browser.sign_in(session, path=sign_in)
    assert back.path == invitation[1]
    home = await browser.submit(back, invitation[1])
    assert home.path == "/console"
    assert "Agent ou agente de conciergerie Pays des Sources" in home.text
    held = (await session.scalars(select(RoleGrant).order_by(RoleGrant.id.desc()))).first()
    assert held is not None
    assert held.role == "concierge_agent"
    again = await browser.get(invitation[1])
    assert "Cette invitation a déjà été acceptée." in again.text
    assert (await browser.submit(back, invitation[1])).status == 409


async def test_an_invitation_is_for_its_address_alone(
    somebody: Browser, session: AsyncSession, person: Person, invitation: tuple[Invitation, str]
) -> None:
    person.email = "autre@example.org"
    await session.commit()
    page = await somebody.get(invitation[1])
    assert "Vous êtes à présent autre@example.org." in page.text
    assert invitation[1] not in page.forms
    word = page.forms["/language"][0]["word"]
    refused = await somebody.post(invitation[1], {"word": word})
    assert (refused.status, refused.title) == (403, "Ce n'est pas permis avec votre compte · Ancrage")


@pytest.mark.parametrize("ended", ["revoked", "expired"])
async def test_an_invitation_that_ended_says_so(
    somebody: Browser, session: AsyncSession, invitation: tuple[Invitation, str], ended: str
) -> None:
    page = await somebody.get(invitation[1])
    if ended == "revoked":
        invitation[0].revoked_at = now()
    else:
        invitation[0].expires_at = now() - timedelta(minutes=1)
    await session.commit()
    late = await somebody.get(invitation[1])
    assert {"revoked": "a été retirée", "expired": "a expiré"}[ended] in late.text
    assert invitation[1] not in late.forms
    answer = await somebody.submit(page, invitation[1])
    assert (answer.status, answer.title) == (410, "Ce lien ne sert plus · Ancrage")


@pytest.fixture
async def asked(running: FastAPI, session: AsyncSession) -> tuple[Consent, str]:
    """Return a consent that waits for a parent, and the path of the link they got."""
    child = await create_person(session, given_name="Léo")
    consent = await create_consent(session, child)
    token = guardian_link(running.state.keyring, consent.id)
    consent.guardian_digest = hash_secret(token)
    await session.commit()
    return consent, f"/consents/guardian/{token}"


async def test_a_parent_confirms_and_takes_it_back(
    browser: Browser, session: AsyncSession, asked: tuple[Consent, str]
) -> None:
    consent, path = asked
    page = await browser.get(path)
    assert "Léo a moins de 15 ans" in page.text
    assert "J'accepte que les souhaits de travail" in page.text
    assert await session.scalar(select(Consent.guardian_confirmed_at)) is None
    confirmed = await browser.submit(page, path, confirm="yes")
    assert (confirmed.status, confirmed.path) == (200, path)
    assert "Votre accord est enregistré depuis le" in confirmed.text
    await session.refresh(consent)
    assert consent.guardian_confirmed_at is not None
    back = await browser.submit(confirmed, path, confirm="no")
    assert "Il n'y a plus d'accord" in back.text
    assert path not in back.forms
    late = await browser.submit(page, path, confirm="yes")
    assert (late.status, late.title) == (409, "La situation a changé · Ancrage")


async def test_a_parent_declines(browser: Browser, session: AsyncSession, asked: tuple[Consent, str]) -> None:
    consent, path = asked
    page = await browser.get(path)
    for answer in ("no", ""):
        declined = await browser.submit(page, path, confirm=answer)
        assert "Il n'y a plus d'accord" in declined.text
    await session.refresh(consent)
    assert consent.withdrawn_channel == "email"


@pytest.mark.parametrize("path", ["/invitations/x", "/consents/guardian/x", f"/console/mails/{NOWHERE}"])
async def test_a_link_that_leads_nowhere_says_so(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert (page.status, page.title) == (404, "Il n'y a rien ici · Ancrage")


async def test_mails_are_shown_where_no_server_sends_them(
    browser: Browser, database: Database, settings: Settings
) -> None:
    assert "Aucun courriel pour le moment." in (await browser.get("/console/mails")).text
    await browser.start()
    await send(database, settings)
    listed = await browser.get("/console/mails")
    (path,) = [link for link in listed.links if link.startswith("/console/mails/")]
    shown = await browser.get(path)
    assert shown.title == "Votre code de connexion · Ancrage"
    assert ADDRESS in shown.text
    (link,) = [link for link in shown.links if "/sign-in/link/" in link]
    assert link.startswith(f"{HERE}/sign-in/link/ancrage_lk_")
    assert "frame-src 'self'" in shown.answer.headers["content-security-policy"]
    content = (await browser.get(f"{path}/html")).answer
    assert "sandbox;" in content.headers["content-security-policy"]
    assert "default-src 'none'" in content.headers["content-security-policy"]
    assert content.headers["x-frame-options"] == "SAMEORIGIN"
    landed = await browser.submit(await browser.get(link), link.removeprefix(HERE))
    assert landed.path == "/console"


async def test_a_mail_cannot_write_into_the_page(browser: Browser, settings: Settings) -> None:
    mail_id = uuid4()
    folder = mail.folder_of(settings)
    folder.mkdir(parents=True)
    hostile = f'Subject: <script>alert(1)</script>\n\n{HERE}/"onclick=alert(1) <b> https://pirate.example/'
    (folder / f"{mail_id}.eml").write_text(hostile)
    for path in ("/console/mails", f"/console/mails/{mail_id}"):
        page = await browser.get(path)
        assert page.status == 200
        assert "<script>" not in page.answer.text
        assert "<b>" not in page.answer.text
        assert not any("pirate" in link for link in page.links)
    assert (await browser.get(f"/console/mails/{mail_id}/html")).status == 200


MAIL_PAGES = ("/console/mails", f"/console/mails/{NOWHERE}", f"/console/mails/{NOWHERE}/html")


async def _is_hidden(browser: Browser, **headers: str) -> None:
    for path in MAIL_PAGES:
        page = await browser.get(path, **headers)
        assert page.status == 404
        assert "Aucun courriel" not in page.text


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "10.0.0.1", "nonsense"])
async def test_mails_are_for_nobody_on_another_machine(open_browser: Open, address: str) -> None:
    await _is_hidden(open_browser(address=address))


@pytest.mark.parametrize(
    "host", ["pirate.example", "bonjour.exemple.fr", "192.0.2.7", "localhost.pirate.example"]
)
async def test_mails_are_not_shown_under_another_name(open_browser: Open, host: str) -> None:
    await _is_hidden(open_browser(here=f"http://{host}"))


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"])
async def test_mails_are_not_shown_through_a_proxy(browser: Browser, name: str) -> None:
    await _is_hidden(browser, **{name: "127.0.0.1"})


@pytest.mark.parametrize("here", ["http://localhost:8000", "http://[::1]:8000", "http://127.0.0.1"])
async def test_this_machine_has_several_names(open_browser: Open, here: str) -> None:
    page = await open_browser(here=here, address="::1").get("/console/mails")
    assert page.status == 200


async def test_with_a_mail_server_no_mail_is_shown_even_here(
    make: Callable[..., Any], open_browser: Open
) -> None:
    app = await make(smtp_url=SecretStr("smtp://localhost:2525"), mail_from="ancrage@example.org")
    await _is_hidden(open_browser(app))


async def test_operators_see_mails_from_anywhere_managers_do_not(
    open_browser: Open, database: Database, session: AsyncSession, person: Person
) -> None:
    afar = open_browser(address="192.0.2.7")
    await afar.sign_in_with(database, person)
    territory = await create_territory(session)
    await create_role(session, person, "territory_manager", territory)
    await session.commit()
    await _is_hidden(afar)
    operator = await create_role(session, person, "operator")
    await session.commit()
    assert (await afar.get("/console/mails")).status == 200
    with frozen(now() + timedelta(seconds=1)):
        operator.revoked_at = now() - timedelta(seconds=1)
        await session.commit()
        await _is_hidden(afar)
