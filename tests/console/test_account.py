"""One's own account: names, devices, consents, copies, and the end of it all."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.domain.privacy.purposes import CONSENTED
from service.models import Consent, Mail, Person, PersonSession
from tests.console.conftest import Open
from tests.console.support import Browser
from tests.factories import create_employer, create_person, create_role, create_territory

PAGES = ("/console", "/account", "/account/sessions", "/account/privacy", "/account/privacy/export.json")


@pytest.mark.parametrize("path", PAGES)
async def test_pages_of_somebody_send_nobody_to_sign_in(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert page.path.startswith("/sign-in?next=%2F")
    assert page.forms["/sign-in"][0]["next"] == path


async def test_home_says_in_words_what_one_may_do(
    somebody: Browser, session: AsyncSession, person: Person
) -> None:
    territory = await create_territory(session, name="Pays des Sources")
    employer = await create_employer(session, territory, name="Fournil <b>des</b> Sources")
    await create_role(session, person, "concierge_agent", territory)
    await create_role(session, person, "employer_member", employer, expires_at=now() + timedelta(days=3))
    await session.commit()
    home = await somebody.get("/console")
    assert "Bonjour Camille" in home.text
    assert "Agent ou agente de conciergerie Pays des Sources" in home.text
    assert "Vous suivez les profils des candidats" in home.text
    assert "Fournil <b>des</b> Sources" in home.text
    account = await somebody.get("/account")
    assert "depuis le" in account.text
    assert "jusqu'au" in account.text
    english = await somebody.submit(home, "/language", language="en")
    assert "Concierge agent Pays des Sources" in english.text


async def test_names_and_language_are_changed(
    somebody: Browser, session: AsyncSession, person: Person
) -> None:
    page = await somebody.get("/account")
    saved = await somebody.submit(
        page, "/account", given_name="  Zoé ", family_name="<script>", language="uk"
    )
    assert (saved.status, saved.path) == (200, "/account?saved=true")
    assert "C'est enregistré." in saved.text
    assert saved.forms["/account"][0]["given_name"] == "Zoé"
    await session.refresh(person)
    assert (person.given_name, person.family_name, person.language) == ("Zoé", "<script>", "uk")
    emptied = await somebody.submit(saved, "/account", given_name="", language="uk")
    assert emptied.path == "/account?saved=true"
    await session.refresh(person)
    assert person.given_name is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("given_name", "x" * 101), ("family_name", "a\x00b"), ("language", "nonsense!"), ("language", "")],
)
async def test_what_cannot_be_a_name_is_refused_beside_its_field(
    somebody: Browser, session: AsyncSession, person: Person, name: str, value: str
) -> None:
    page = await somebody.get("/account")
    wrong = await somebody.submit(page, "/account", **({"language": "fr"} | {name: value}))
    assert wrong.status == 422, wrong.text
    assert f"#{name}" in wrong.links
    await session.refresh(person)
    assert person.version == 1


async def test_under_fifteen_a_parents_address_is_asked_for(
    somebody: Browser, session: AsyncSession, person: Person
) -> None:
    assert "guardian_email" not in (await somebody.get("/account")).forms["/account"][0]
    person.birth_date = date(now().year - 12, 1, 1)
    await session.commit()
    page = await somebody.get("/account/privacy")
    refused = await somebody.submit(page, "/account/privacy/consents")
    assert refused.status == 422
    assert "/account#guardian_email" in refused.links
    account = await somebody.get("/account")
    for wrong in ("personne", person.email or ""):
        answer = await somebody.submit(account, "/account", guardian_email=wrong, language="fr")
        assert answer.status == 422
        assert "#guardian_email" in answer.links
    await somebody.submit(account, "/account", guardian_email="parent@example.org", language="fr")
    waiting = await somebody.submit(await somebody.get("/account/privacy"), "/account/privacy/consents")
    assert "un parent doit encore confirmer" in waiting.text
    assert (await session.scalars(select(Mail.to_address))).all() == ["parent@example.org"]


async def test_devices_are_ended_one_by_one_or_all_others(
    somebody: Browser, open_browser: Open, database: Database, person: Person
) -> None:
    others = [open_browser() for _ in range(3)]
    for other in others:
        await other.sign_in_with(database, person)
    page = await somebody.get("/account/sessions")
    ends = [
        action for action in page.forms if action.startswith("/account/sessions/") and "others" not in action
    ]
    assert len(ends) == 3
    page = await somebody.submit(page, ends[0])
    assert page.path == "/account/sessions"
    assert sum([(await other.get("/account")).path == "/account" for other in others]) == 2
    page = await somebody.submit(page, "/account/sessions/others/end")
    assert page.path == "/account/sessions"
    assert not any([(await other.get("/account")).path == "/account" for other in others])
    assert "/account/sessions/others/end" not in page.forms


async def test_sessions_of_others_are_not_there(
    somebody: Browser, open_browser: Open, database: Database, session: AsyncSession
) -> None:
    other = await create_person(session)
    await session.commit()
    await open_browser().sign_in_with(database, other)
    foreign = (
        await session.scalars(select(PersonSession.id).where(PersonSession.person_id == other.id))
    ).one()
    page = await somebody.get("/account")
    word = page.forms["/account"][0]["word"]
    for session_id in (foreign, "nonsense"):
        answer = await somebody.post(f"/account/sessions/{session_id}/end", {"word": word})
        assert answer.status in {404, 422}
        assert answer.answer.headers["content-type"].startswith("text/html")
    assert (await session.get_one(PersonSession, foreign)).revoked_at is None


async def test_consents_are_given_and_taken_back(somebody: Browser, session: AsyncSession) -> None:
    page = await somebody.get("/account/privacy")
    assert [form["purpose"] for form in page.forms["/account/privacy/consents"]] == list(CONSENTED)
    assert "/account/privacy/consents/withdraw" not in page.forms
    given = await somebody.submit(page, "/account/privacy/consents")
    assert "Accord donné le" in given.text
    consent = (await session.scalars(select(Consent))).one()
    assert (consent.channel, consent.language, consent.withdrawn_at) == ("console", "fr", None)
    again = await somebody.submit(page, "/account/privacy/consents")
    assert again.status == 200
    withdrawn = await somebody.submit(given, "/account/privacy/consents/withdraw")
    assert "Accord donné le" not in withdrawn.text
    await session.refresh(consent)
    assert consent.withdrawn_channel == "console"


async def test_a_consent_is_to_the_text_that_was_shown(somebody: Browser, session: AsyncSession) -> None:
    page = await somebody.get("/account/privacy")
    outdated = await somebody.submit(page, "/account/privacy/consents", text_version="0")
    assert outdated.status == 422
    assert "#purpose-matching" in outdated.links
    for wrong in ({"purpose": "nonsense"}, {"purpose": "account"}, {"purpose": ""}, {"text_version": ""}):
        answer = await somebody.submit(page, "/account/privacy/consents", **wrong)
        assert answer.status in {400, 422}
    foreign = await somebody.post(
        "/account/privacy/consents/withdraw",
        {"word": page.forms["/language"][0]["word"], "purpose": "nonsense"},
    )
    assert foreign.status == 404
    assert (await session.scalars(select(Consent))).all() == []


async def test_everything_kept_can_be_read_and_taken_along(somebody: Browser, person: Person) -> None:
    page = await somebody.get("/account/privacy/export.html")
    assert person.email is not None
    assert person.email in page.text
    assert "style-src 'sha256-" in page.answer.headers["content-security-policy"]
    taken = (await somebody.get("/account/privacy/export.json")).answer
    assert taken.headers["content-disposition"] == 'attachment; filename="ancrage-export.json"'
    assert person.email in taken.text
    assert {section["name"] for section in taken.json()["sections"]} >= {"person"}
    assert page.answer.headers["cache-control"] == taken.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("typed", ["", "autre@example.org", "oui"])
async def test_nothing_is_erased_without_the_address(
    somebody: Browser, session: AsyncSession, person: Person, typed: str
) -> None:
    page = await somebody.get("/account/privacy")
    answer = await somebody.submit(page, "/account/privacy/erase", confirm=typed)
    assert answer.status == 422
    assert "#confirm" in answer.links
    await session.refresh(person)
    assert person.anonymised_at is None


async def test_nothing_is_erased_long_after_signing_in(
    somebody: Browser, session: AsyncSession, person: Person
) -> None:
    page = await somebody.get("/account/privacy")
    with frozen(now() + timedelta(minutes=16)):
        answer = await somebody.submit(page, "/account/privacy/erase", confirm=person.email or "")
        assert answer.status == 422
        assert "/sign-in?again=true&next=/account/privacy" in answer.links
        back = await somebody.sign_in(session, path="/sign-in?again=true&next=/account/privacy")
        assert back.path == "/account/privacy"
        erased = await somebody.submit(back, "/account/privacy/erase", confirm="Camille.Exemple@Example.ORG ")
    assert erased.title == "Vos données sont effacées · Ancrage"
    assert somebody.cookie is None
    await session.refresh(person)
    assert (person.email, person.anonymised_at is None) == (None, False)
    assert (await somebody.get("/account")).path.startswith("/sign-in")
