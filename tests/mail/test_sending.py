"""From a request to a mailbox: what is sent, tried again, refused, or no longer worth sending."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.smtp import Deferred
from service.core.clock import frozen, in_days, now
from service.core.database import Database
from service.core.ids import new_id
from service.core.reach import NOWHERE, Reach
from service.core.security import Keyring, hash_secret
from service.core.settings import Settings
from service.domain import derived, mail, tasks
from service.domain.platform import get_keyring
from service.jobs.mail import send_mail
from service.jobs.work import TaskFacts, Work
from service.models import Event, Mail, Person, Task
from tests.factories import create_employer, create_person, create_territory
from tests.mail.makers import (
    ask,
    create_consent,
    create_invitation,
    create_privacy_request,
    create_sign_in,
    row,
    send,
)
from tests.mail.postbox import postbox

BRAND = {
    "brand_name": "Prenez racine",
    "colours": {"primary": "#ffe600"},
    "logo_url": "https://www.example.org/logo.svg",
    "contacts": [{"label": "Standard", "phone": "04 00 00 00 00"}, {"email": "Bonjour@Example.org"}],
}


async def keyring_of(session: AsyncSession, settings: Settings) -> Keyring:
    return await get_keyring(session, settings)


async def test_a_sign_in_mail_in_the_territory_s_name(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    territory = await create_territory(session, **BRAND)
    sign_in = await create_sign_in(session, return_url="https://www.example.org/compte?retour=1#ici")
    await session.commit()
    async with postbox() as box:
        settings = box.settings(settings, mail_bounce_address="retours+{token}@mail.example.org")
        mail_id = await ask(
            database,
            "sign_in_code",
            "Camille@Example.fr",
            territory_id=territory.id,
            data={"sign_in_id": sign_in.id},
        )
        await send(database, settings)
        (received,) = box.mails
    keyring = await keyring_of(session, settings)
    code, link = derived.sign_in_code(keyring, sign_in.id), derived.sign_in_link(keyring, sign_in.id)
    message = received.message
    assert received.recipient == "camille@example.fr"
    assert message["from"] == "Prenez racine <ancrage@example.org>"
    assert message["reply-to"] == "bonjour@example.org"
    for kind in ("plain", "html"):
        assert f"{code[:4]} {code[4:]}" in received.body(kind)
        shown = f"https://www.example.org/compte?retour=1&sign_in={link}#ici"
        assert shown.replace("&", "&amp;" if kind == "html" else "&") in received.body(kind)
    token = derived.bounce_token(keyring, mail_id)
    assert received.sender == f"retours+{token}@mail.example.org"
    stored = await row(session, mail_id)
    assert (stored.state, stored.message_id) == ("sent", message["message-id"])
    assert stored.bounce_digest == hash_secret(token)
    assert stored.sent_at is not None
    # Neither code nor link is anywhere in the database: both are worked out when the mail is written.
    kept = [str(vars(item)) for model in (Event, Task) for item in await session.scalars(select(model))]
    assert not [item for item in [*kept, str(vars(stored))] if code in item or link in item]
    assert not [item for item in kept if "camille" in item.lower()]


async def test_words_in_the_language_asked_for_and_links_to_our_own_pages(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    sign_in = await create_sign_in(session)
    await session.commit()
    async with postbox() as box:
        for language in ("en-GB", "uk"):
            await ask(
                database, "sign_in_code", sign_in.email, language=language, data={"sign_in_id": sign_in.id}
            )
        await send(database, box.settings(settings))
        texts = [found.body() for found in box.mails]
    token = derived.sign_in_link(await keyring_of(session, settings), sign_in.id)
    assert [found.message["subject"] for found in box.mails] == [
        "Your sign-in code",
        "Votre code de connexion",
    ]
    for text in texts:
        assert f"https://api.example.org/sign-in/link/{token}" in text


async def test_an_invitation_says_who_invites_to_what(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    territory = await create_territory(session, **BRAND)
    employer = await create_employer(session, territory, name="Fournil des Sources")
    giver = await create_person(session, given_name="Zoé", family_name="Durand")
    guest = await create_person(session, given_name="Noé", email="noe@example.fr")
    invitation = await create_invitation(
        session,
        territory,
        email=guest.email,
        role="employer_member",
        employer_id=employer.id,
        invited_by=f"person:{giver.id}",
    )
    await session.commit()
    async with postbox() as box:
        await ask(
            database,
            "invitation",
            "noe@example.fr",
            territory_id=territory.id,
            person_id=guest.id,
            data={"invitation_id": invitation.id},
        )
        await send(database, box.settings(settings))
        (received,) = box.mails
    text = received.body()
    token = derived.invitation_link(await keyring_of(session, settings), invitation.id)
    assert "Bonjour Noé," in text
    assert "Zoé Durand vous invite à rejoindre Fournil des Sources." in text
    assert f"\nhttps://api.example.org/invitations/{token}\n" in text


async def test_a_server_that_is_busy_gets_the_same_mail_later(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    sign_in = await create_sign_in(session)
    await session.commit()
    mail_id = await ask(database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})
    async with postbox() as box:
        settings = box.settings(settings)
        box.recipients.append("451 4.7.1 <camille@example.fr> greylisted")
        with pytest.raises(Deferred):
            await send(database, settings)
        assert box.mails == []
        waiting = await row(session, mail_id)
        assert (waiting.state, waiting.error) == ("waiting", None)
        message_id = waiting.message_id
        task = (await session.scalars(select(Task))).one()
        assert (task.state, task.attempts) == ("ready", 1)
        assert "451 4.7.1 recipient" in (task.last_error or "")
        assert "camille" not in (task.last_error or "")
        async with database.transaction() as other:
            await tasks.retry(other, ids=[task.id])
        await send(database, settings)
        assert [found.message["message-id"] for found in box.mails] == [message_id]
    assert (await row(session, mail_id)).state == "sent"


@pytest.mark.parametrize(
    ("stage", "answer", "error", "flagged"),
    [
        ("recipients", "550 5.1.1 <camille@example.fr>: no such user", "550 5.1.1 recipient", True),
        ("recipients", "550 unknown", "550 recipient", True),
        ("recipients", "550 5.2.1 disabled", "550 5.2.1 recipient", True),
        ("recipients", "552 5.2.2 over quota", "552 5.2.2 recipient", False),
        ("recipients", "554 5.7.1 relay access denied", "554 5.7.1 recipient", False),
        ("recipients", "554 no", "554 recipient", False),
        ("messages", "554 5.7.1 spam", "554 5.7.1 message", False),
        ("messages", "550 no", "550 message", False),
        ("messages", "550 5.1.1 no such user", "550 5.1.1 message", True),
    ],
)
async def test_a_refusal_for_good_is_recorded_and_not_tried_again(
    database: Database,
    session: AsyncSession,
    settings: Settings,
    stage: str,
    answer: str,
    error: str,
    flagged: bool,
) -> None:
    person = await create_person(session, email="camille@example.fr")
    other = await create_person(session)
    sign_in = await create_sign_in(session)
    await session.commit()
    mail_id = await ask(database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})
    async with postbox() as box:
        getattr(box, stage).append(answer)
        await send(database, box.settings(settings))
        await send(database, box.settings(settings))
        assert box.mails == []
    refused = await row(session, mail_id)
    assert (refused.state, refused.error) == ("refused", error)
    found = await session.get_one(Person, person.id, populate_existing=True)
    assert (found.email_bounced_at is not None) == flagged
    assert (await session.get_one(Person, other.id, populate_existing=True)).email_bounced_at is None
    event = (await session.scalars(select(Event).where(Event.kind == "mail.refused"))).one()
    assert event.data == {"template": "sign_in_code", "reply": error}


async def test_after_a_bounce_only_sign_in_mails_are_tried(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    territory = await create_territory(session)
    person = await create_person(session, email="camille@example.fr", email_bounced_at=now())
    sign_in = await create_sign_in(session)
    invitation = await create_invitation(session, territory)
    child = await create_person(
        session, email="noe@example.fr", guardian_email="parent@example.fr", email_bounced_at=now()
    )
    consent = await create_consent(session, child)
    await session.commit()
    async with postbox() as box:
        await ask(database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})
        dropped = await ask(database, "invitation", sign_in.email, data={"invitation_id": invitation.id})
        warned = await ask(database, "dormancy_warning", "camille@example.fr", person_id=person.id)
        # The parent's mail does not suffer from the child's mailbox.
        await ask(
            database,
            "guardian_consent",
            "parent@example.fr",
            person_id=child.id,
            data={"consent_id": consent.id},
        )
        await send(database, box.settings(settings))
        assert [found.recipient for found in box.mails] == ["camille@example.fr", "parent@example.fr"]
        assert box.mails[1].body().startswith("Bonjour,\n\nCamille, qui a moins de 15 ans")
    for mail_id in (dropped, warned):
        found = await row(session, mail_id)
        assert (found.state, found.error) == ("dropped", "address_bounced")


async def test_the_last_mail_takes_its_address_with_it(
    database: Database, session: AsyncSession, settings: Settings, tmp_path: Path
) -> None:
    gone = await create_person(session, email=None, given_name=None, family_name=None, anonymised_at=now())
    await session.commit()
    mail_id = await ask(database, "erasure_done", "camille@example.fr", person_id=gone.id)
    async with postbox() as box:
        await send(database, box.settings(settings))
        assert box.mails[0].message["to"] == "camille@example.fr"
    assert (await row(session, mail_id)).to_address is None
    # Without a server the file stays behind: it does not say whom it was for.
    local = settings.model_copy(update={"data_dir": tmp_path})
    mail_id = await ask(database, "erasure_done", "camille@example.fr", person_id=gone.id)
    await send(database, local)
    (found,) = mail.local_mails(mail.folder_of(local))
    assert b"camille" not in found.raw
    assert (await row(session, mail_id)).to_address is None


@pytest.mark.parametrize(
    ("kind", "state", "answer", "link"),
    [
        ("access", "answered", False, True),
        ("portability", "answered", False, True),
        ("access", "refused", True, False),
        ("rectification", "answered", True, False),
        ("objection", "refused", True, False),
    ],
)
async def test_data_do_not_travel_by_mail(
    database: Database,
    session: AsyncSession,
    settings: Settings,
    kind: str,
    state: str,
    answer: bool,
    link: bool,
) -> None:
    territory = await create_territory(session)
    found = await create_privacy_request(
        session, territory, kind=kind, state=state, answer="Voici les mots du responsable."
    )
    await session.commit()
    async with postbox() as box:
        await ask(
            database,
            "privacy_request_answered",
            "camille@example.fr",
            data={"privacy_request_id": found.id},
        )
        await send(database, box.settings(settings))
        text = box.mails[0].body()
    assert ("Voici les mots" in text) == answer
    assert ("https://api.example.org/account/privacy" in text) == link
    assert "Mon nom est faux" not in box.mails[0].content.decode()


async def test_a_warning_names_the_day(database: Database, session: AsyncSession, settings: Settings) -> None:
    person = await create_person(session, email="camille@example.fr", last_seen_at=in_days(-700))
    person.dormancy_warned_at = now()
    await session.commit()
    async with postbox() as box:
        with frozen(now()):
            await ask(database, "dormancy_warning", "camille@example.fr", person_id=person.id, language="en")
        await send(database, box.settings(settings))
        subject = str(box.mails[0].message["subject"])
    year = str((now() + timedelta(days=30)).year)
    assert subject.startswith("Your account will be erased on ")
    assert year in subject


async def test_an_address_that_python_s_mail_writer_would_decode_is_left_alone(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    """``=?utf-8?q?=0d=0a…?=`` is a lawful local part; in a header it would become a header more."""
    address = "=?utf-8?q?=0d=0abcc=3aall?=@example.org"
    sign_in = await create_sign_in(session, email=address)
    await session.commit()
    mail_id = await ask(database, "sign_in_code", address, data={"sign_in_id": sign_in.id})
    async with postbox() as box:
        await send(database, box.settings(settings))
        assert box.mails == []
    assert (await row(session, mail_id)).error == "address_unusable"


async def test_who_asks_for_a_mail_need_not_read_it(database: Database, session: AsyncSession) -> None:
    """Requests reach what is theirs; the mail they cause may be for anybody."""
    territory = await create_territory(session)
    await session.commit()
    for reach in (NOWHERE, Reach(territories=frozenset({territory.id}))):
        async with database.transaction(reach) as asking:
            mail.request(
                asking,
                template="invitation",
                to="camille@example.fr",
                language="fr",
                territory_id=territory.id,
                data={"invitation_id": new_id()},
            )
    assert len((await session.scalars(select(Mail))).all()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"template": "greetings"},
        {"data": {}},
        {"data": {"invitation_id": "one"}},
        {"data": {"sign_in_id": new_id()}},
        {"to": "nobody"},
        {"to": "a@example.org, b@example.org"},
        {"to": "a@example.org\r\nBcc: b@example.org"},
    ],
)
def test_a_wrong_request_is_a_mistake_of_ours(session: AsyncSession, wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "template": "invitation",
        "to": "camille@example.fr",
        "language": "fr",
        "data": {"invitation_id": new_id()},
    }
    with pytest.raises(ValueError, match=r".+") as error:
        mail.request(session, **(right | wrong))
    assert "example" not in str(error.value)
    assert not session.new


async def test_a_mail_deleted_or_ended_meanwhile_is_let_be(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    sign_in = await create_sign_in(session)
    await session.commit()
    async with postbox() as box:
        settings = box.settings(settings)
        work = Work(database, settings)
        await send_mail(work, TaskFacts(new_id(), new_id(), "mail.requested", subject_id=new_id()))
        mail_id = await ask(database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})
        await send(database, settings)
        await send_mail(work, TaskFacts(new_id(), new_id(), "mail.requested", subject_id=mail_id))
        assert len(box.mails) == 1
        erased = await ask(database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})
        (await row(session, erased)).to_address = None
        await session.commit()
        await send(database, settings)
        assert (await row(session, erased)).error == "address_removed"
        assert len(box.mails) == 1
