"""Mail that comes back: recorded once, where it belongs; whatever else arrives changes nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.smtp import Reply, Stage
from service.app import create_app
from service.core.database import Database
from service.core.settings import Settings
from service.domain import derived, mail
from service.domain.access import system
from service.domain.platform import get_keyring
from service.models import Event, Mail, Person, Territory
from tests.client import ApiClient
from tests.factories import create_key, create_person, create_territory, sign_in_as
from tests.mail.dsn import AWAY, EXCHANGE, POSTFIX
from tests.mail.makers import ask, create_sign_in, row, send
from tests.mail.postbox import postbox

ADDRESS = "retours+{token}@mail.example.org"
ELSEWHERE = "postmaster@mail.example.org"
RAW = {"Content-Type": "message/rfc822"}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    update = {"data_dir": tmp_path, "mail_from": "ancrage@example.org", "mail_bounce_address": ADDRESS}
    return settings.model_copy(update=update)


class Sent:
    """A mail that was sent to somebody, and what its bounces carry."""

    def __init__(self, territory: Territory, person: Person, found: Mail, token: str) -> None:
        self.territory, self.person_id, self.id = territory, person.id, found.id
        self.message_id = str(found.message_id)
        self.to = ADDRESS.replace("{token}", token)

    def report(self, **changes: Any) -> bytes:
        template = changes.pop("template", POSTFIX)
        values = {"to": self.to, "action": "failed", "status": "5.1.1", "message_id": self.message_id}
        return str(template.substitute(values | changes)).encode()


async def send_one(
    database: Database, session: AsyncSession, settings: Settings, territory: Territory | None
) -> Sent:
    person = await create_person(session)
    assert person.email is not None
    sign_in = await create_sign_in(session, email=person.email)
    await session.commit()
    mail_id = await ask(
        database,
        "sign_in_code",
        person.email,
        territory_id=territory.id if territory is not None else None,
        data={"sign_in_id": sign_in.id},
    )
    await send(database, settings)
    token = derived.bounce_token(await get_keyring(session, settings), mail_id)
    place = territory or await create_territory(session)
    await session.commit()
    return Sent(place, person, await row(session, mail_id), token)


@pytest.fixture
async def sent(database: Database, session: AsyncSession, settings: Settings) -> Sent:
    return await send_one(database, session, settings, await create_territory(session))


@pytest.fixture
async def mailer(client: ApiClient, database: Database, sent: Sent) -> ApiClient:
    return client.with_key(await create_key(database, sent.territory, scopes=["mail:write"]))


async def bounced(session: AsyncSession, sent: Sent) -> tuple[str, str | None, bool, int]:
    """Return the mail's state and error, whether the person is flagged, and how many events were recorded."""
    found = await row(session, sent.id)
    person = await session.get_one(Person, sent.person_id, populate_existing=True)
    events = await session.scalar(select(func.count()).where(Event.kind == "mail.bounced"))
    return found.state, found.error, person.email_bounced_at is not None, events or 0


UNTOUCHED = ("sent", None, False, 0)


@pytest.mark.parametrize("template", [POSTFIX, EXCHANGE], ids=["postfix", "exchange"])
@pytest.mark.parametrize("way", ["token", "message id", "both"])
async def test_a_permanent_bounce(
    mailer: ApiClient, session: AsyncSession, sent: Sent, way: str, template: object
) -> None:
    changes: dict[str, Any] = {"template": template}
    if way == "token":
        changes["message_id"] = "<unknown@example.org>"
    if way == "message id":
        changes["to"] = ELSEWHERE
    answer = await mailer.post("/v1/mail-bounces", content=sent.report(**changes), headers=RAW)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "mail_id": str(sent.id),
        "outcome": "permanent",
        "status": "5.1.1",
        "recorded": True,
    }
    assert await bounced(session, sent) == ("bounced", "5.1.1 permanent", True, 1)
    first = (await row(session, sent.id)).bounced_at
    again = await mailer.post("/v1/mail-bounces", content=sent.report(**changes), headers=RAW)
    assert again.json() == answer.json() | {"recorded": False}
    assert await bounced(session, sent) == ("bounced", "5.1.1 permanent", True, 1)
    assert (await row(session, sent.id)).bounced_at == first
    event = (await session.scalars(select(Event).where(Event.kind == "mail.bounced"))).one()
    assert event.data == {"template": "sign_in_code", "status": "5.1.1"}


@pytest.mark.parametrize(
    ("action", "status", "outcome", "state"),
    [
        ("failed", "5.7.1", "permanent", ("bounced", "5.7.1 permanent", False, 1)),
        ("failed", "5.2.2", "permanent", ("bounced", "5.2.2 permanent", False, 1)),
        ("failed", "4.4.7", "transient", ("sent", "4.4.7 transient", False, 0)),
        ("delayed", "4.4.1", "delayed", ("sent", "4.4.1 delayed", False, 0)),
        ("delivered", "2.0.0", "delivered", UNTOUCHED),
    ],
)
async def test_what_is_not_the_address_s_fault_leaves_the_person_alone(
    mailer: ApiClient,
    session: AsyncSession,
    sent: Sent,
    action: str,
    status: str,
    outcome: str,
    state: tuple[str, str | None, bool, int],
) -> None:
    raw = sent.report(action=action, status=status)
    for recorded in (state != UNTOUCHED, False):
        answer = await mailer.post("/v1/mail-bounces", content=raw, headers=RAW)
        assert (answer.json()["outcome"], answer.json()["recorded"]) == (outcome, recorded)
        assert await bounced(session, sent) == state


async def test_what_came_late_does_not_make_it_better(
    mailer: ApiClient, session: AsyncSession, sent: Sent
) -> None:
    for action, status in (
        ("delayed", "4.4.1"),
        ("failed", "4.4.7"),
        ("delayed", "4.4.1"),
        ("failed", "5.1.1"),
    ):
        await mailer.post("/v1/mail-bounces", content=sent.report(action=action, status=status), headers=RAW)
    for action, status in (("failed", "4.4.7"), ("delivered", "2.0.0"), ("failed", "5.2.2")):
        answer = await mailer.post(
            "/v1/mail-bounces", content=sent.report(action=action, status=status), headers=RAW
        )
        assert answer.json()["recorded"] is False
    assert await bounced(session, sent) == ("bounced", "5.1.1 permanent", True, 1)


async def test_whom_it_does_not_concern_is_not_touched(
    mailer: ApiClient, database: Database, session: AsyncSession, settings: Settings, sent: Sent
) -> None:
    other = await send_one(database, session, settings, sent.territory)
    await mailer.post("/v1/mail-bounces", content=sent.report(), headers=RAW)
    person = await session.get_one(Person, other.person_id, populate_existing=True)
    assert person.email_bounced_at is None
    assert (await row(session, other.id)).state == "sent"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"to": ELSEWHERE, "message_id": "<unknown@example.org>"}, 404),
        ({"to": ADDRESS.replace("{token}", "0" * 16), "message_id": "<unknown@example.org>"}, 404),
        ({"to": ADDRESS, "message_id": "<>"}, 404),
        ({"action": "invented"}, 422),
        ({"status": "999"}, 422),
    ],
)
async def test_the_unknown_and_the_forged_change_nothing(
    mailer: ApiClient, session: AsyncSession, sent: Sent, change: dict[str, str], status: int
) -> None:
    answer = await mailer.post("/v1/mail-bounces", content=sent.report(**change), headers=RAW)
    assert answer.status_code == status, answer.text
    assert await bounced(session, sent) == UNTOUCHED


async def test_a_token_counts_only_in_the_address_it_was_made_for(
    mailer: ApiClient, session: AsyncSession, sent: Sent
) -> None:
    token = sent.to.partition("+")[2].partition("@")[0]
    for to in (
        f"autres+{token}@mail.example.org",
        f"retours+{token}@example.net",
        f"retours+{token}0@mail.example.org",
    ):
        raw = sent.report(to=to, message_id="<unknown@example.org>")
        answer = await mailer.post("/v1/mail-bounces", content=raw, headers=RAW)
        assert answer.status_code == 404
    assert await bounced(session, sent) == UNTOUCHED


async def test_an_answering_machine_is_no_bounce(
    mailer: ApiClient, session: AsyncSession, sent: Sent
) -> None:
    raw = AWAY.replace("$message_id", sent.message_id).encode()
    answer = await mailer.post("/v1/mail-bounces", content=raw, headers=RAW)
    assert answer.status_code == 422
    assert "no delivery status notification" in answer.json()["detail"]
    assert await bounced(session, sent) == UNTOUCHED


async def test_what_is_no_message_is_refused(mailer: ApiClient, sent: Sent) -> None:
    for headers in ({"Content-Type": "application/json"}, {"Content-Type": "text/plain"}, {}):
        answer = await mailer.post("/v1/mail-bounces", content=sent.report(), headers=headers)
        assert answer.status_code == 415, answer.text
    answer = await mailer.post("/v1/mail-bounces", content=b"a" * 1_048_577, headers=RAW)
    assert answer.status_code == 413
    answer = await mailer.post("/v1/mail-bounces", content=b"", headers=RAW)
    assert answer.status_code == 422


async def test_the_limit_does_not_grow_with_the_others(
    database: Database, session: AsyncSession, settings: Settings, sent: Sent
) -> None:
    app: FastAPI = create_app(database, settings=settings.model_copy(update={"max_body_bytes": 5_000_000}))
    async with app.router.lifespan_context(app), ApiClient(app, session) as client:
        client.with_key(await create_key(database, sent.territory, scopes=["mail:write"]))
        answer = await client.post("/v1/mail-bounces", content=b"a" * 1_048_577, headers=RAW)
    assert answer.status_code == 413


async def test_only_who_may_report_reports_and_about_their_own_territories(
    client: ApiClient, database: Database, session: AsyncSession, settings: Settings, sent: Sent
) -> None:
    elsewhere = await create_territory(session)
    manager = await sign_in_as(session, role="territory_manager", place=sent.territory)
    operator = await sign_in_as(session, role="operator")
    await session.commit()
    expected = {
        "": 401,
        await create_key(database, sent.territory, scopes=["postings:write"]): 403,
        manager: 403,
        await create_key(database, elsewhere, scopes=["mail:write"]): 404,
    }
    for key, status in expected.items():
        client.headers.pop("Authorization", None)
        if key:
            client.with_key(key)
        answer = await client.post("/v1/mail-bounces", content=sent.report(), headers=RAW)
        assert answer.status_code == status, answer.text
        assert await bounced(session, sent) == UNTOUCHED
    # A mail of no territory is the platform's: whoever reports at all may report it.
    nowhere = await send_one(database, session, settings, None)
    client.with_key(await create_key(database, elsewhere, scopes=["mail:write"]))
    assert (await client.post("/v1/mail-bounces", content=nowhere.report(), headers=RAW)).status_code == 200
    client.with_key(operator)
    assert (await client.post("/v1/mail-bounces", content=sent.report(), headers=RAW)).status_code == 200


async def test_without_a_bounce_address_the_message_id_alone_tells(
    database: Database, session: AsyncSession, settings: Settings, sent: Sent
) -> None:
    plain = settings.model_copy(update={"mail_bounce_address": None})
    app = create_app(database, settings=plain)
    async with app.router.lifespan_context(app), ApiClient(app, session) as client:
        client.with_key(await create_key(database, sent.territory, scopes=["mail:write"]))
        raw = sent.report(message_id="<unknown@example.org>")
        assert (await client.post("/v1/mail-bounces", content=raw, headers=RAW)).status_code == 404
        raw = sent.report(to="ancrage@example.org")
        assert (await client.post("/v1/mail-bounces", content=raw, headers=RAW)).status_code == 200


async def test_the_same_bounce_at_once_is_recorded_once(fresh_database: Database, settings: Settings) -> None:
    async with fresh_database.sessions() as session:
        sent = await send_one(fresh_database, session, settings, await create_territory(session))
    key = await create_key(fresh_database, sent.territory, scopes=["mail:write"])
    app = create_app(fresh_database, settings=settings)
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        client.with_key(key)
        answers = await asyncio.gather(
            *(client.post("/v1/mail-bounces", content=sent.report(), headers=RAW) for _ in range(30))
        )
    assert [answer.status_code for answer in answers] == [200] * 30
    assert sum(answer.json()["recorded"] for answer in answers) == 1
    async with fresh_database.sessions() as session:
        assert await bounced(session, sent) == ("bounced", "5.1.1 permanent", True, 1)


async def test_a_bounce_faster_than_our_own_record_stays(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    """The server took the mail and sent it back before the sending was recorded."""
    person = await create_person(session, email="camille@example.fr")
    sign_in = await create_sign_in(session)
    await session.commit()
    mail_id = await ask(database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})
    async with postbox() as box:
        over_smtp = settings.model_copy(update={"smtp_url": SecretStr(box.url())})
        async with database.transaction() as preparing:
            keyring = await get_keyring(preparing, over_smtp)
            outgoing = await mail.prepare(preparing, keyring, over_smtp, mail_id)
        assert isinstance(outgoing, mail.Outgoing)
        early = await row(session, mail_id)
        sent = Sent(await create_territory(session), person, early, derived.bounce_token(keyring, mail_id))
        async with database.transaction() as reporting:
            await mail.report_bounce(reporting, system("test"), sent.report(), bounce_address=ADDRESS)
        async with database.transaction() as concluding:
            await mail.conclude(concluding, mail_id, Reply(Stage.MESSAGE, 250))
        await send(database, over_smtp)
        assert box.mails == []
    assert (await row(session, mail_id)).sent_at is not None
    assert await bounced(session, sent) == ("bounced", "5.1.1 permanent", True, 1)
