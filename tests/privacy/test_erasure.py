"""Erasure: who may ask for it, what becomes of what others rest on, whose an address is."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core.clock import frozen, in_days
from service.core.database import Database
from service.core.settings import Settings
from service.domain import mail, persons
from service.domain.access import system
from service.domain.platform import get_keyring
from service.domain.privacy.erasure import erase_person
from service.jobs import SCHEDULE
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import Employer, Erasure, Mail, Partner, Person, Posting, PostingChange, Territory
from service.models.enums import PostingState
from tests.client import ApiClient
from tests.factories import (
    create_commune,
    create_employer,
    create_occupation,
    create_person,
    create_posting,
    create_territory,
    sign_in_as,
)
from tests.privacy.looking import in_files
from tests.work.support import until


async def test_without_a_mail_server_the_last_mail_is_a_file_without_an_address_gone_soon(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    person = await create_person(session)
    email = person.email or ""
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    assert (await client.post("/v1/me/erasure", json={"confirm": True})).status_code == 200
    await drain(Work(database, settings))
    folder = mail.folder_of(settings)
    (last,) = mail.local_mails(folder)
    assert "ont été\neffacés le" in last.text
    assert in_files(settings.data_dir, [email]) == []
    schedule = {"retention": SCHEDULE["retention"]}
    for hours in (0, 7):
        with frozen(in_days(hours / 24)):
            await drain(Work(database, settings), schedule=schedule)
    assert mail.local_mails(folder) == []


async def test_it_takes_a_recent_sign_in_and_a_word(client: ApiClient, session: AsyncSession) -> None:
    person = await create_person(session)
    token = await sign_in_as(session, person, created_at=in_days(-16 / 1440))
    await session.commit()
    client.with_key(token)
    late = await client.post("/v1/me/erasure", json={"confirm": True})
    assert (late.status_code, late.json()["type"]) == (403, "urn:ancrage:problem:recent-sign-in-needed")
    for body in ({}, {"confirm": False}, {"confirm": "yes"}):
        assert (await client.post("/v1/me/erasure", json=body)).status_code == 422
    assert (await session.get_one(Person, person.id)).email is not None
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    assert (await client.post("/v1/me/erasure", json={"confirm": True})).status_code == 200
    client.with_key(token)
    assert (await client.get("/v1/me")).status_code == 401


@pytest.fixture
async def territory(session: AsyncSession) -> Territory:
    await create_commune(session)
    await create_occupation(session)
    return await create_territory(session, slug="bassin")


async def erase(client: ApiClient, session: AsyncSession, email: str) -> None:
    person = await create_person(session, email=email)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    done = await client.post("/v1/me/erasure", json={"confirm": True})
    assert done.status_code == 200, done.text


@pytest.mark.parametrize(
    ("source", "phone", "expected"),
    [
        ("ancrage", None, PostingState.PAUSED),
        ("france-travail", None, PostingState.PUBLISHED),
    ],
)
async def test_a_posting_nobody_can_apply_to_any_more_is_paused(
    client: ApiClient,
    session: AsyncSession,
    territory: Territory,
    source: str,
    phone: str | None,
    expected: PostingState,
) -> None:
    posting = await create_posting(
        session,
        territory,
        source=source,
        source_id=None if source == "ancrage" else "1",
        description="Écrivez à Camille@Example.org.",
        apply_email="camille@example.org",
        apply_contact="Camille",
        apply_phone=phone,
    )
    await erase(client, session, "camille@example.org")
    changed = await session.get_one(Posting, posting.id)
    assert changed.state is expected
    assert (changed.apply_email, changed.apply_contact) == (None, None)
    assert changed.description == "Écrivez à …."
    noted = await session.scalars(select(PostingChange).where(PostingChange.posting_id == posting.id))
    assert "erased" in {change.action for change in noted}
    public = await client.get(f"/v1/territories/bassin/postings/{posting.id}")
    assert public.status_code == (404 if expected is PostingState.PAUSED else 200)
    assert "camille" not in public.text.lower()


@pytest.mark.parametrize(
    ("stored", "email", "theirs"),
    [
        ("Camille@Example.ORG", "camille@example.org", True),
        ("camille@hôtel.example", "camille@xn--htel-vqa.example", True),
        ("marie-camille@example.org", "camille@example.org", False),
        ("camille@example.org.example.com", "camille@example.org", False),
        ("camille+jobs@example.org", "camille@example.org", False),
        ("camilleXexample.org@example.org", "camille@example.org", False),
        ("c.a+b_c%d@example.org", "c.a+b_c%d@example.org", True),
        ("câmille@example.org", "câmille@example.org", True),
    ],
)
async def test_an_address_is_theirs_in_every_spelling_and_no_other_s(
    client: ApiClient, session: AsyncSession, territory: Territory, stored: str, email: str, theirs: bool
) -> None:
    employer = await create_employer(
        session, territory, contact_email=stored, contact_name="X", description=f"Voir {stored}; merci."
    )
    partner = Partner(territory_id=territory.id, name="P", kind="other", description=f"<{stored}>")
    session.add(partner)
    await erase(client, session, email)
    changed, other = await session.get_one(Employer, employer.id), await session.get_one(Partner, partner.id)
    assert (changed.contact_email is None) is theirs
    assert (changed.contact_name is None) is theirs
    assert changed.description == ("Voir …; merci." if theirs else f"Voir {stored}; merci.")
    assert other.description == ("<…>" if theirs else f"<{stored}>")
    assert (changed.version, other.version) == ((2, 2) if theirs else (1, 1))


async def test_two_erasures_at_once_are_one(fresh_database: Database, settings: Settings) -> None:
    app = create_app(fresh_database, settings=settings)
    async with fresh_database.transaction() as session:
        person = await create_person(session)
        tokens = [await sign_in_as(session, person) for _ in range(6)]
    async with app.router.lifespan_context(app):
        answers = await asyncio.gather(
            *(
                ApiClient(app).with_key(token).post("/v1/me/erasure", json={"confirm": True})
                for token in tokens
            )
        )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {401, 404, 409, 503}, statuses
    async with fresh_database.transaction() as session:
        assert len((await session.scalars(select(Erasure))).all()) == 1
        assert len((await session.scalars(select(Mail).where(Mail.template == "erasure_done"))).all()) == 1


async def test_who_signs_in_while_they_are_erased_begins_anew(
    fresh_database: Database, settings: Settings
) -> None:
    async with fresh_database.transaction() as session:
        keyring = await get_keyring(session, settings)
        person = await create_person(session)
    email = person.email or ""

    async def sign_in() -> Person:
        async with fresh_database.transaction() as session:
            return await persons.find_or_create(session, email, language="fr")

    async def waiting() -> bool:
        async with fresh_database.transaction() as session:
            return bool(await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    async with fresh_database.transaction() as session:
        assert await erase_person(session, keyring, system("test"), person.id, because="asked")
        meanwhile = asyncio.create_task(sign_in())
        await until(waiting)
    again = await meanwhile
    assert (again.email, again.id != person.id) == (email, True)
