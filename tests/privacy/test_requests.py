"""What persons ask about their data: filed by anybody, answered by managers within a month."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.core.database import Database
from service.core.settings import Settings
from service.domain.privacy_requests import due
from service.jobs import SCHEDULE
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import AuditEntry, Employer, Erasure, Mail, Person, PrivacyRequest
from tests.client import ApiClient
from tests.factories import create_employer, create_person, create_role, create_territory, sign_in_as
from tests.privacy.support import errors, mails
from tests.sign_in.support import Website, create_website

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
ADDRESS = "camille.exemple@example.org"
ASKED: dict[str, Any] = {
    "kind": "access",
    "territory": "bassin",
    "email": ADDRESS,
    "message": "Que savez-vous de moi ?",
}


@pytest.fixture
async def website(session: AsyncSession) -> Website:
    made = await create_website(session)
    await session.commit()
    return made


async def filed(client: ApiClient, headers: dict[str, str], **changes: Any) -> UUID:
    answer = await client.post("/v1/privacy-requests", json=ASKED | changes, headers=headers)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def as_manager(client: ApiClient, session: AsyncSession, website: Website) -> Person:
    manager = await create_person(session)
    client.with_key(await sign_in_as(session, manager, "territory_manager", website.territory))
    await session.commit()
    return manager


async def answered(client: ApiClient, request_id: UUID, **data: Any) -> Any:
    return await client.post(f"/v1/privacy-requests/{request_id}/answer", json={"outcome": "answered"} | data)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (datetime(2026, 11, 22, 13, 5, tzinfo=PARIS), datetime(2026, 12, 22, 13, 5, tzinfo=PARIS)),
        (datetime(2026, 12, 31, 8, tzinfo=PARIS), datetime(2027, 1, 31, 8, tzinfo=PARIS)),
        (datetime(2027, 1, 31, 8, tzinfo=PARIS), datetime(2027, 2, 28, 8, tzinfo=PARIS)),
        (datetime(2028, 1, 30, 8, tzinfo=PARIS), datetime(2028, 2, 29, 8, tzinfo=PARIS)),
        # The clocks change in between.
        (datetime(2027, 3, 1, 8, tzinfo=PARIS), datetime(2027, 4, 1, 8, tzinfo=PARIS)),
    ],
)
def test_an_answer_is_due_one_calendar_month_later(received: datetime, expected: datetime) -> None:
    assert due(received.astimezone(UTC)) == expected


async def test_a_page_and_a_server_file_requests_and_read_nothing_back(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    first = await filed(client, website.page)
    await filed(client, website.backend, kind="rectification")
    stored = await session.get_one(PrivacyRequest, first)
    assert (stored.person_id, stored.email, stored.state) == (None, ADDRESS, "received")
    confirmations = await mails(session, "privacy_request_received")
    assert [mail.to_address for mail in confirmations] == [ADDRESS] * 2
    for headers in (website.page, website.backend):
        assert (await client.get("/v1/privacy-requests", headers=headers)).status_code == 403
    elsewhere = await client.post(
        "/v1/privacy-requests", json=ASKED | {"territory": "region"}, headers=website.page
    )
    assert elsewhere.status_code == 404
    missing = await client.post("/v1/privacy-requests", json=ASKED | {"email": None}, headers=website.page)
    assert errors(missing) == {"/email": "missing"}


async def test_a_signed_in_person_asks_for_themselves(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    del website
    person = await create_person(session)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    address = person.email
    request_id = await filed(client, {}, email=None)
    other = await client.post("/v1/privacy-requests", json=ASKED)
    assert errors(other) == {"/email": "not_yours"}
    read = (await client.get(f"/v1/privacy-requests/{request_id}")).json()
    assert (read["email"], read["known"], read["state"]) == (address, True, "received")
    assert [item["id"] for item in (await client.get("/v1/privacy-requests")).json()["items"]] == [
        str(request_id)
    ]
    assert (await answered(client, request_id)).status_code == 403
    reads = select(func.count()).where(AuditEntry.action == "privacy_request.read")
    assert await session.scalar(reads) == 0, "one's own is nobody else's"


async def test_an_address_is_not_flooded(client: ApiClient, website: Website) -> None:
    with frozen(NOON):
        for _ in range(5):
            await filed(client, website.page)
        refused = await client.post("/v1/privacy-requests", json=ASKED, headers=website.page)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "86400")
        await filed(client, website.page, email="autre@example.org")
    with frozen(NOON + timedelta(days=1, seconds=1)):
        await filed(client, website.page)


async def test_managers_read_and_answer_what_is_theirs(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    request_id = await filed(client, website.page)
    manager = await as_manager(client, session, website)
    listed = (await client.get("/v1/privacy-requests", params={"state": "received"})).json()["items"]
    assert [(item["id"], item["message"]) for item in listed] == [(str(request_id), ASKED["message"])]
    assert (await client.get("/v1/privacy-requests", params={"state": "refused"})).json()["items"] == []
    reads = select(AuditEntry.actor).where(AuditEntry.action == "privacy_request.read")
    assert list(await session.scalars(reads)) == [f"person:{manager.id}"]
    wordless = await client.post(f"/v1/privacy-requests/{request_id}/answer", json={"outcome": "refused"})
    assert errors(wordless) == {"/answer": "missing"}
    done = await answered(client, request_id)
    assert (done.status_code, done.json()["state"], done.headers["etag"]) == (200, "answered", '"2"')
    assert (await answered(client, request_id)).status_code == 409
    (mail,) = await mails(session, "privacy_request_answered")
    assert (mail.to_address, mail.data) == (ADDRESS, {"privacy_request_id": str(request_id)})


async def test_requests_of_elsewhere_do_not_exist(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    request_id = await filed(client, website.page)
    elsewhere = await create_territory(session)
    client.with_key(await sign_in_as(session, None, "territory_manager", elsewhere))
    await session.commit()
    assert (await client.get("/v1/privacy-requests")).json()["items"] == []
    assert (await client.get(f"/v1/privacy-requests/{request_id}")).status_code == 404
    assert (await answered(client, request_id)).status_code == 404


async def test_an_erasure_is_carried_out_by_its_answer(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    person = await create_person(session, email=ADDRESS)
    employer = await create_employer(
        session, website.territory, contact_email=ADDRESS, contact_name="Camille"
    )
    await session.commit()
    request_id = await filed(client, website.page, kind="erasure")
    await as_manager(client, session, website)
    hasty = await answered(client, request_id)
    assert errors(hasty) == {"/identity_checked": "identity_unknown"}
    done = await answered(client, request_id, identity_checked=True, answer="C'est fait.")
    assert done.status_code == 200, done.text
    assert (done.json()["email"], done.json()["message"], done.json()["answer"]) == (None, None, None)
    assert (await session.get_one(Person, person.id)).email is None
    assert (await session.get_one(Employer, employer.id)).contact_name is None
    (mail,) = await mails(session, "erasure_done")
    assert (mail.to_address, mail.territory_id) == (ADDRESS, website.territory.id)
    assert await mails(session, "privacy_request_answered") == []
    erasure = (await session.scalars(select(Erasure))).one()
    assert (erasure.subject_kind, erasure.subject_id, erasure.because) == ("person", person.id, "asked")


async def test_an_address_nobody_signed_in_with_is_erased_too(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    employer = await create_employer(session, website.territory, contact_email=ADDRESS.upper())
    await session.commit()
    request_id = await filed(client, website.page, kind="erasure")
    await as_manager(client, session, website)
    assert (await answered(client, request_id, identity_checked=True)).status_code == 200
    assert (await session.get_one(Employer, employer.id)).contact_email is None
    erasure = (await session.scalars(select(Erasure))).one()
    assert (erasure.subject_kind, erasure.subject_id) == ("address", request_id)


@pytest.mark.parametrize("tie", ["role", "contact", "operator"])
async def test_a_manager_s_word_erases_nobody_who_is_known_elsewhere(
    client: ApiClient, session: AsyncSession, website: Website, tie: str
) -> None:
    elsewhere = await create_territory(session)
    person = await create_person(session, email=ADDRESS)
    if tie == "role":
        await create_role(session, person, "concierge_agent", elsewhere)
    elif tie == "operator":
        await create_role(session, person, "operator")
    else:
        await create_employer(session, elsewhere, contact_email=ADDRESS)
    await session.commit()
    request_id = await filed(client, website.page, kind="erasure")
    await as_manager(client, session, website)
    refused = await answered(client, request_id, identity_checked=True)
    assert refused.status_code == 409
    assert "/v1/me/erasure" in refused.json()["detail"]
    assert (await session.get_one(Person, person.id)).email == ADDRESS
    client.with_key(await sign_in_as(session, None, "operator"))
    await session.commit()
    assert (await answered(client, request_id, identity_checked=True)).status_code == 200
    assert (await session.get_one(Person, person.id)).email is None


async def test_who_asked_signed_in_is_erased_wherever_they_are_known(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    person = await create_person(session)
    await create_role(session, person, "ambassador", await create_territory(session))
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    request_id = await filed(client, {}, email=None, kind="erasure")
    await as_manager(client, session, website)
    assert (await answered(client, request_id)).status_code == 200
    assert (await session.get_one(Person, person.id)).email is None


@pytest.mark.parametrize("holder", ["territory", "region", "nobody"])
async def test_managers_are_reminded_a_week_before_once(
    client: ApiClient,
    session: AsyncSession,
    database: Database,
    settings: Settings,
    website: Website,
    holder: str,
) -> None:
    with frozen(NOON):
        await filed(client, website.page)
        ended = await filed(client, website.page)
        await session.merge(
            PrivacyRequest(
                id=ended, state="refused", territory_id=website.territory.id, kind="access", due_at=NOON
            )
        )
        operator = await create_person(session, email="operator@example.org")
        await create_role(session, operator, "operator")
        expected = {"operator@example.org"}
        if holder != "nobody":
            manager = await create_person(session, email="manager@example.org")
            place = website.territory if holder == "territory" else website.region
            await create_role(session, manager, "territory_manager", place)
            expected = {"manager@example.org"}
        await session.commit()
    schedule = {"privacy requests": SCHEDULE["privacy requests"]}
    sent = select(Mail.to_address).where(Mail.template == "privacy_request_due")
    for day, mailed in ((0, set[str]()), (22, set[str]()), (24, expected), (26, expected), (40, expected)):
        with frozen(NOON + timedelta(days=day)):
            await drain(Work(database, settings), handlers={}, schedule=schedule)
        found = list(await session.scalars(sent))
        assert (set(found), len(found)) == (mailed, len(mailed)), day
