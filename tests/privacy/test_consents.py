"""Consents: given to a text, counted at once, withdrawn as easily; a parent's word for a child."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.core.database import Database
from service.core.settings import Settings
from service.domain import consents
from service.domain.privacy.purposes import CONSENTED, PURPOSES
from service.jobs import HANDLERS
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import CandidateProfile, Consent, Event, Match, Person, Territory
from tests.client import ApiClient
from tests.factories import (
    create_candidate,
    create_commune,
    create_key,
    create_occupation,
    create_person,
    create_posting,
    create_territory,
    sign_in_as,
)
from tests.privacy.support import WISHES, YES, errors, guardian_token, mails

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def territory(session: AsyncSession) -> Territory:
    await create_commune(session)
    await create_occupation(session)
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    return territory


@pytest.fixture
async def person(client: ApiClient, session: AsyncSession, territory: Territory) -> Person:  # noqa: ARG001 - there must be one
    """Make a person and let the client act for them."""
    person = await create_person(session)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    return person


async def given(client: ApiClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/me/consents", json=YES | changes)
    assert answer.status_code == 201, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def test_purposes_are_public_in_both_languages(client: ApiClient) -> None:
    french = await client.get("/v1/purposes")
    english = await client.get("/v1/purposes", headers={"Accept-Language": "en-GB"})
    assert [item["name"] for item in french.json()["items"]] == list(PURPOSES)
    for answer, language in ((french, "fr"), (english, "en")):
        for item in answer.json()["items"]:
            assert item["text"] == PURPOSES[item["name"]].text.words[language]
            assert item["retention"]
    assert french.headers["etag"] != english.headers["etag"]
    again = await client.get("/v1/purposes", headers={"If-None-Match": french.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.usefixtures("person")
async def test_a_consent_says_to_which_text_when_and_where(client: ApiClient, session: AsyncSession) -> None:
    first = await given(client, territory="bassin", language="en")
    assert (first["purpose"], first["text_version"], first["language"]) == ("matching", "1", "en")
    assert (first["channel"], first["territory"]) == ("website", "bassin")
    assert first["counts"]
    assert not first["waits_for_guardian"]
    assert (await given(client, territory="bassin"))["id"] == first["id"], (
        "one standing consent for one thing"
    )
    whole = await given(client)
    listed = (await client.get("/v1/me/consents")).json()["items"]
    assert [item["id"] for item in listed] == [whole["id"], first["id"]]
    event = (await session.scalars(select(Event).where(Event.subject_id == UUID(first["id"])))).one()
    assert (event.kind, event.data["text_version"]) == ("consent.given", "1")


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"purpose": "account"}, {"/purpose": "unknown"}),
        ({"purpose": "selling"}, {"/purpose": "unknown"}),
        ({"text_version": "0"}, {"/text_version": "outdated"}),
    ],
)
async def test_a_consent_to_something_else_is_refused(
    client: ApiClient, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = await client.post("/v1/me/consents", json=YES | changes)
    assert (answer.status_code, errors(answer)) == (422, expected)
    assert (await client.get("/v1/me/consents")).json()["items"] == []


async def test_a_new_text_takes_a_new_consent(
    client: ApiClient, session: AsyncSession, person: Person
) -> None:
    session.add(
        Consent(
            person_id=person.id,
            purpose="matching",
            text_version="0",
            language="fr",
            channel="paper",
            given_at=NOON - timedelta(days=400),
        )
    )
    await session.commit()
    await given(client)
    old, new = await session.scalars(select(Consent).order_by(Consent.given_at))
    assert (old.text_version, old.withdrawn_channel) == ("0", consents.RENEWED)
    assert (new.text_version, new.withdrawn_at) == ("1", None)
    assert "consent.withdrawn" not in set(await session.scalars(select(Event.kind)))


@pytest.mark.usefixtures("territory")
async def test_an_own_profile_takes_consent_first(client: ApiClient, session: AsyncSession) -> None:
    client.with_key(await sign_in_as(session))
    await session.commit()
    refused = await client.post("/v1/candidate-profiles", json=WISHES)
    assert (refused.status_code, errors(refused)) == (422, {"/consent": "consent_needed"})
    assert "/v1/purposes" in refused.text
    outdated = await client.post("/v1/candidate-profiles", json=WISHES | {"consent": {"text_version": "9"}})
    assert (outdated.status_code, errors(outdated)) == (422, {"/text_version": "outdated"})
    assert await session.scalar(select(func.count()).select_from(Consent)) == 0
    made = await client.post("/v1/candidate-profiles", json=WISHES | {"consent": {"text_version": "1"}})
    assert made.status_code == 201, made.text
    (consent,) = (await client.get("/v1/me/consents")).json()["items"]
    assert (consent["purpose"], consent["territory"], consent["counts"]) == ("matching", "bassin", True)
    assert (await client.post("/v1/candidate-profiles", json=WISHES)).status_code == 201, "it stands"


async def test_consent_for_one_territory_is_none_for_another(
    client: ApiClient, session: AsyncSession, person: Person
) -> None:
    elsewhere = await create_territory(session, slug="ailleurs")
    await session.commit()
    await given(client, territory="ailleurs")
    assert (await client.post("/v1/candidate-profiles", json=WISHES)).status_code == 422
    assert await consents.has(session, person.id, "matching", elsewhere.id)
    assert not await consents.has(session, person.id, "matching")


async def test_no_program_consents_for_somebody(
    client: ApiClient, session: AsyncSession, database: Database, territory: Territory
) -> None:
    session.add(territory)
    client.with_key(await create_key(database, territory))
    answer = await client.post("/v1/candidate-profiles", json=WISHES | {"consent": {"text_version": "1"}})
    assert (answer.status_code, errors(answer)) == (422, {"/consent": "not_yours"})
    assert (await client.post("/v1/candidate-profiles", json=WISHES)).status_code == 201


async def test_a_withdrawal_ends_what_rested_on_it(
    client: ApiClient,
    session: AsyncSession,
    database: Database,
    settings: Settings,
    territory: Territory,
    person: Person,
) -> None:
    session.add(territory)
    await create_posting(session, territory, occupation_code="D1102")
    kept = await create_candidate(session, territory, occupation_codes=["D1102"], reference="kept")
    await session.commit()
    await given(client)
    made = await client.post("/v1/candidate-profiles", json=WISHES)
    work = Work(database, settings)
    await drain(work)
    matched = select(Match.id).where(Match.candidate_id == UUID(made.json()["id"]))
    assert (await session.scalars(matched)).all() != []

    assert (await client.delete("/v1/me/consents/matching")).status_code == 204
    assert not await consents.has(session, person.id, "matching", territory.id), "at once"
    assert (await client.post("/v1/candidate-profiles", json=WISHES)).status_code == 422
    await drain(work)
    assert list(await session.scalars(select(CandidateProfile.id))) == [kept.id]
    assert (await session.scalars(matched)).all() == []
    (consent,) = (await client.get("/v1/me/consents")).json()["items"]
    assert consent["withdrawn_channel"] == "website"
    assert not consent["counts"]
    assert (await client.delete("/v1/me/consents/matching")).status_code == 204, "again changes nothing"
    kinds = list(await session.scalars(select(Event.kind).where(Event.kind == "consent.withdrawn")))
    assert len(kinds) == 1


@pytest.mark.usefixtures("person")
async def test_another_consent_carries_on(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    await create_territory(session, slug="ailleurs")
    await session.commit()
    await given(client, territory="bassin")
    await given(client, territory="ailleurs")
    for slug in ("bassin", "ailleurs"):
        assert (
            await client.post("/v1/candidate-profiles", json=WISHES | {"territory": slug})
        ).status_code == 201
    await client.delete("/v1/me/consents/matching", params={"territory": "ailleurs"})
    await drain(Work(database, settings))
    left = (await client.get("/v1/candidate-profiles")).json()["items"]
    assert [item["territory"] for item in left] == ["bassin"]


@pytest.mark.usefixtures("person")
async def test_a_consent_for_everywhere_is_withdrawn_as_a_whole(client: ApiClient) -> None:
    await given(client)
    part = await client.delete("/v1/me/consents/matching", params={"territory": "bassin"})
    assert part.status_code == 409
    assert (await client.delete("/v1/me/consents/none_such")).status_code == 404
    assert (await client.get("/v1/me/consents")).json()["items"][0]["counts"]


async def test_consents_of_others_are_nobody_s(
    client: ApiClient, session: AsyncSession, person: Person
) -> None:
    await given(client)
    client.with_key(await sign_in_as(session))
    await session.commit()
    assert (await client.get("/v1/me/consents")).json()["items"] == []
    await client.delete("/v1/me/consents/matching")
    assert await consents.has(session, person.id, "matching")


@pytest.mark.parametrize(
    ("birth_date", "moment", "child"),
    [
        (date(2011, 11, 22), NOON, False),
        (date(2011, 11, 23), NOON, True),
        # In Paris, the day begins before it does in London.
        (date(2011, 11, 23), datetime(2026, 11, 22, 23, 30, tzinfo=UTC), False),
        (date(2012, 2, 29), datetime(2027, 2, 28, 12, tzinfo=UTC), True),
        (date(2012, 2, 29), datetime(2027, 3, 1, 12, tzinfo=UTC), False),
        (date(2013, 2, 28), datetime(2028, 2, 29, 12, tzinfo=UTC), False),
        (date(2013, 3, 1), datetime(2028, 2, 29, 12, tzinfo=UTC), True),
        (None, NOON, False),
    ],
)
def test_from_fifteen_on_a_person_consents_alone(
    birth_date: date | None, moment: datetime, child: bool
) -> None:
    with frozen(moment):
        assert consents.is_child(Person(birth_date=birth_date)) is child


async def _child(session: AsyncSession, client: ApiClient, **overrides: Any) -> Person:
    values = {"birth_date": date(2012, 5, 1), "guardian_email": "parent@example.org"} | overrides
    child = await create_person(session, **values)
    client.with_key(await sign_in_as(session, child, expires_at=NOON + timedelta(days=9_000)))
    await session.commit()
    return child


@pytest.mark.usefixtures("territory")
async def test_a_child_s_consent_waits_for_the_parent(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    with frozen(NOON):
        child = await _child(session, client)
        consent = await given(client)
        assert not consent["counts"]
        assert consent["waits_for_guardian"]
        refused = await client.post("/v1/candidate-profiles", json=WISHES)
        assert errors(refused) == {"/consent": "guardian_needed"}
        together = await client.post(
            "/v1/candidate-profiles", json=WISHES | {"consent": {"text_version": "1"}}
        )
        assert errors(together) == {"/consent": "guardian_needed"}
        (mail,) = await mails(session, "guardian_consent")
        assert mail.to_address == "parent@example.org"
        stored = await session.get_one(Consent, UUID(consent["id"]))
        token = await guardian_token(database, settings, stored)
        client.headers.pop("Authorization")
        wrong = await client.post("/v1/consents/guardian-confirmations", json={"token": token[:-1] + "x"})
        assert wrong.status_code == 404
        for _ in range(2):
            said = await client.post("/v1/consents/guardian-confirmations", json={"token": token})
            assert said.status_code == 200, said.text
            assert said.json()["confirmed"]
            assert said.json()["child"] == child.given_name
        assert await consents.has(session, child.id, "matching")
        # As easily as it was confirmed.
        taken_back = await client.post(
            "/v1/consents/guardian-confirmations", json={"token": token, "confirm": False}
        )
        assert not taken_back.json()["confirmed"]
        assert not await consents.has(session, child.id, "matching")
        again = await client.post("/v1/consents/guardian-confirmations", json={"token": token})
        assert again.status_code == 409


@pytest.mark.usefixtures("territory")
@pytest.mark.parametrize("birth_date", [None, "1990-05-01"])
async def test_a_child_does_not_grow_up_by_a_form(
    client: ApiClient, session: AsyncSession, birth_date: str | None
) -> None:
    with frozen(NOON):
        child = await _child(session, client)
        await given(client)
        headers = {"If-Match": f'"{child.version}"'}
        answer = await client.patch("/v1/me", json={"birth_date": birth_date}, headers=headers)
        assert answer.status_code == 409, answer.text
        (found,) = (await client.get("/v1/me/consents")).json()["items"]
        assert (found["counts"], found["waits_for_guardian"]) == (False, True)
        # Another day under 15 is a slip that may be mended.
        mended = await client.patch("/v1/me", json={"birth_date": "2012-05-02"}, headers=headers)
        assert mended.status_code == 200, mended.text


@pytest.mark.usefixtures("territory")
async def test_a_child_whose_birth_date_is_gone_still_waits(client: ApiClient, session: AsyncSession) -> None:
    with frozen(NOON):
        child = await _child(session, client)
        await given(client)
        await session.execute(update(Person).where(Person.id == child.id).values(birth_date=None))
        await session.commit()
        (found,) = (await client.get("/v1/me/consents")).json()["items"]
    assert (found["counts"], found["waits_for_guardian"]) == (False, True)


@pytest.mark.usefixtures("territory")
async def test_turning_fifteen_frees(client: ApiClient, session: AsyncSession) -> None:
    with frozen(NOON):
        child = await _child(session, client, birth_date=date(2011, 11, 24))
        await given(client)
        assert not await consents.has(session, child.id, "matching")
    with frozen(NOON + timedelta(days=2)):
        assert await consents.has(session, child.id, "matching")


@pytest.mark.usefixtures("territory")
async def test_without_a_parent_s_address_a_child_cannot_consent(
    client: ApiClient, session: AsyncSession
) -> None:
    with frozen(NOON):
        await _child(session, client, guardian_email=None)
        answer = await client.post("/v1/me/consents", json=YES)
    assert (answer.status_code, errors(answer)) == (422, {"/purpose": "guardian_needed"})


@pytest.mark.usefixtures("territory")
async def test_a_parent_is_not_mailed_without_end(client: ApiClient, session: AsyncSession) -> None:
    slugs = [(await create_territory(session)).slug for _ in range(8)]
    with frozen(NOON):
        child = await _child(session, client)
        for _ in range(3):
            await given(client)
        assert len(await mails(session, "guardian_consent")) == 1
        answers = [
            await client.post("/v1/me/consents", json=YES | {"purpose": purpose, "territory": slug})
            for slug in slugs
            for purpose in CONSENTED[:2]
        ]
    assert len(await mails(session, "guardian_consent")) == 10
    assert [answer.status_code for answer in answers] == [201] * 9 + [429] * 7
    with frozen(NOON + timedelta(days=1, seconds=1)):
        client.with_key(await sign_in_as(session, child))
        await session.commit()
        assert (await client.post("/v1/me/consents", json=YES)).status_code == 201
    assert len(await mails(session, "guardian_consent")) == 11, "the parent is reminded the next day"


@pytest.mark.usefixtures("territory")
async def test_who_says_later_to_be_a_child_needs_the_parent_from_then_on(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    with frozen(NOON):
        child = await _child(session, client, birth_date=None, guardian_email=None)
        await given(client)
        assert (await client.post("/v1/candidate-profiles", json=WISHES)).status_code == 201
        changed = await client.patch(
            "/v1/me",
            json={"birth_date": "2012-05-01", "guardian_email": "parent@example.org"},
            headers={"If-Match": '"1"'},
        )
        assert changed.status_code == 200, changed.text
        assert not await consents.has(session, child.id, "matching")
        handlers = {"person.updated": HANDLERS["person.updated"]}
        await drain(Work(database, settings), handlers=handlers)
    assert list(await session.scalars(select(CandidateProfile.id))) == []
    assert [mail.to_address for mail in await mails(session, "guardian_consent")] == ["parent@example.org"]
    # Taking the birth date away again helps nobody.
    with frozen(NOON):
        refused = await client.patch("/v1/me", json={"birth_date": None}, headers={"If-Match": '"2"'})
        assert refused.status_code == 409
        assert not await consents.has(session, child.id, "matching")
