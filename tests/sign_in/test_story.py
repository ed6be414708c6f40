"""Signing in as websites offer it: by code, by link; staying in; leaving."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.models import ApiClient as Program, Event, Mail, Person, PersonSession, SignIn, Token
from tests.client import ApiClient
from tests.factories import create_employer, create_person, create_role, create_territory, sign_in_as
from tests.sign_in.support import (
    ADDRESS,
    ORIGIN,
    REFUSED,
    Website,
    bearer,
    code_of,
    link_of,
    sign_in,
    start,
)


async def test_a_newcomer_signs_in_with_two_calls_from_a_page(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    started = await client.post(
        "/v1/sign-in/codes",
        json={"email": " Camille.Exemple@Example.ORG ", "language": "en"},
        headers=website.page,
    )
    assert started.status_code == 202
    sign_in_id = started.json()["sign_in_id"]
    mail = (await session.scalars(select(Mail))).one()
    assert (mail.template, mail.to_address, mail.language) == ("sign_in_code", ADDRESS, "en")
    assert (mail.data, mail.territory_id) == ({"sign_in_id": sign_in_id}, website.territory.id)
    assert await session.scalar(select(Person)) is None, "nobody yet: the address is not proved"

    code = code_of(client.app, sign_in_id)
    answer = await client.post(
        "/v1/sign-in/tokens",
        json={"sign_in_id": sign_in_id, "code": f"{code[:4]} {code[4:]}"},
        headers=website.page,
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert tokens["refresh_expires_in"] == 30 * 24 * 3600
    assert tokens["person"] | {"id": ""} == {
        "id": "",
        "email": ADDRESS,
        "given_name": None,
        "family_name": None,
        "language": "en",
    }
    me = await client.get("/v1/me", headers=bearer(tokens["access_token"]))
    assert me.status_code == 200
    assert me.json()["roles"] == []
    assert me.headers["cache-control"] == "no-store"
    kinds = (await session.scalars(select(Event.kind).order_by(Event.id))).all()
    assert sorted(kinds) == ["mail.requested", "person.created", "session.opened"]


async def test_a_website_s_server_signs_in_by_the_link_its_page_received(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    page = f"{ORIGIN}/bienvenue?etape=2"
    started = await start(client, website.backend, return_url=page)
    sign_in = (await session.scalars(select(SignIn))).one()
    assert (sign_in.return_url, sign_in.client_id) == (page, website.server.id)
    proof = {"link": link_of(client.app, started["sign_in_id"])}
    answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.backend)
    assert answer.status_code == 200
    again = await client.post("/v1/sign-in/tokens", json=proof, headers=website.backend)
    by_code = await client.post(
        "/v1/sign-in/tokens",
        json={
            "sign_in_id": started["sign_in_id"],
            "code": code_of(client.app, started["sign_in_id"]),
        },
        headers=website.backend,
    )
    assert again.status_code == by_code.status_code == 422, "code and link count once together"


async def test_no_secret_is_stored_as_it_is(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    tokens = await sign_in(client, website.page)
    sign_in_row = (await session.scalars(select(SignIn))).one()
    code, link = code_of(client.app, str(sign_in_row.id)), link_of(client.app, str(sign_in_row.id))
    secrets = [code, link, tokens["access_token"], tokens["refresh_token"]]
    for table in (SignIn, PersonSession, Token, Mail, Event):
        for row in (await session.execute(select(table.__table__))).all():
            stored = " ".join(str(value) for value in row)
            assert not [secret for secret in secrets if secret in stored], table


async def test_a_known_person_keeps_their_language_and_one_mailbox_is_one_person(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    person = await create_person(session, email="zoé@xn--exmple-cua.fr", language="fr", given_name="Zoé")
    person.email_bounced_at = now()
    person.dormancy_warned_at = now()
    await session.commit()
    tokens = await sign_in(client, website.page, email="ZOE\u0301@Exämple.FR", language="en")
    assert tokens["person"]["id"] == str(person.id)
    assert (tokens["person"]["language"], tokens["person"]["given_name"]) == ("fr", "Zoé")
    found = (await session.scalars(select(Person).execution_options(populate_existing=True))).one()
    assert (found.email_bounced_at, found.dormancy_warned_at) == (None, None)


async def test_asking_again_leaves_the_earlier_code_good(client: ApiClient, website: Website) -> None:
    first, second = await start(client, website.page), await start(client, website.page)
    for started in (first, second):
        proof = {
            "sign_in_id": started["sign_in_id"],
            "code": code_of(client.app, started["sign_in_id"]),
        }
        assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 200


async def test_code_and_link_end_after_ten_minutes(client: ApiClient, website: Website) -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with frozen(moment):
        first, second = await start(client, website.page), await start(client, website.page)
    assert datetime.fromisoformat(first["expires_at"]) == moment + timedelta(minutes=10)
    assert datetime.fromisoformat(first["resend_after"]) == moment + timedelta(minutes=1)
    with frozen(moment + timedelta(minutes=10)):
        proof = {"sign_in_id": first["sign_in_id"], "code": code_of(client.app, first["sign_in_id"])}
        late = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
        proof = {"link": link_of(client.app, first["sign_in_id"])}
        late_link = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
    assert late.status_code == late_link.status_code == 422
    with frozen(moment + timedelta(minutes=9, seconds=59)):
        proof = {"sign_in_id": second["sign_in_id"], "code": code_of(client.app, second["sign_in_id"])}
        assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 200


async def test_an_access_token_counts_a_quarter_of_an_hour(client: ApiClient, website: Website) -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with frozen(moment):
        tokens = await sign_in(client, website.page)
    with frozen(moment + timedelta(minutes=14, seconds=59)):
        assert (await client.get("/v1/me", headers=bearer(tokens["access_token"]))).status_code == 200
    with frozen(moment + timedelta(minutes=15)):
        assert (await client.get("/v1/me", headers=bearer(tokens["access_token"]))).status_code == 401


async def test_refreshing_keeps_a_person_in_for_90_days_and_no_longer(
    client: ApiClient, website: Website
) -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with frozen(moment):
        tokens = await sign_in(client, website.page)
    for days in (25, 50, 75):
        with frozen(moment + timedelta(days=days)):
            proof = {"refresh_token": tokens["refresh_token"]}
            answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
            assert answer.status_code == 200, days
            tokens = answer.json()
    assert tokens["refresh_expires_in"] == 15 * 24 * 3600, "no longer than the session"
    with frozen(moment + timedelta(days=90)):
        proof = {"refresh_token": tokens["refresh_token"]}
        answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
    assert (answer.status_code, answer.json()["type"]) == (422, REFUSED)


async def test_an_unused_refresh_token_ends_after_30_days(client: ApiClient, website: Website) -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with frozen(moment):
        tokens = await sign_in(client, website.page)
    with frozen(moment + timedelta(days=30)):
        proof = {"refresh_token": tokens["refresh_token"]}
        answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
    assert answer.status_code == 422


async def test_a_refresh_token_that_comes_twice_ends_the_session_at_once(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    first = await sign_in(client, website.page)
    other_device = await sign_in(client, website.page)
    proof = {"refresh_token": first["refresh_token"]}
    answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
    second = answer.json()
    assert (answer.status_code, second["refresh_token"] != first["refresh_token"]) == (200, True)
    assert (await client.get("/v1/me", headers=bearer(first["access_token"]))).status_code == 200

    again = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
    assert (again.status_code, again.json()["type"]) == (422, REFUSED)
    for token in (first["access_token"], second["access_token"]):
        assert (await client.get("/v1/me", headers=bearer(token))).status_code == 401
    proof = {"refresh_token": second["refresh_token"]}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 422
    assert (await client.get("/v1/me", headers=bearer(other_device["access_token"]))).status_code == 200
    event = (await session.scalars(select(Event).where(Event.kind == "session.revoked"))).one()
    assert (event.actor, event.data) == ("system:sessions", {"because": "reused_token"})


async def test_another_website_cannot_finish_what_one_began(client: ApiClient, website: Website) -> None:
    started = await start(client, website.page)
    code, link = code_of(client.app, started["sign_in_id"]), link_of(client.app, started["sign_in_id"])
    by_code = {"sign_in_id": started["sign_in_id"], "code": code}
    for proof in (by_code, {"link": link}):
        for headers in (website.stranger, website.backend):
            answer = await client.post("/v1/sign-in/tokens", json=proof, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (422, REFUSED)
    answer = await client.post("/v1/sign-in/tokens", json=by_code, headers=website.page)
    assert answer.status_code == 200, "strangers spoil nothing"
    proof = {"refresh_token": answer.json()["refresh_token"]}
    stolen = await client.post("/v1/sign-in/tokens", json=proof, headers=website.stranger)
    assert stolen.status_code == 422
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 200


async def test_five_wrong_codes_end_an_attempt(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    started = await start(client, website.page)
    code = code_of(client.app, started["sign_in_id"])
    for offset in range(1, 6):
        proof = {"sign_in_id": started["sign_in_id"], "code": f"{(int(code) + offset) % 10**8:08d}"}
        answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
        assert answer.status_code == 422
    proof = {"sign_in_id": started["sign_in_id"], "code": code}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 422
    proof = {"link": link_of(client.app, started["sign_in_id"])}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 422
    locked = (await session.scalars(select(Event).where(Event.kind == "sign_in.locked"))).one()
    assert str(locked.subject_id) == started["sign_in_id"]


async def test_a_revoked_website_takes_its_sessions_along(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    tokens = await sign_in(client, website.page)
    program = await session.get_one(Program, website.program.id)
    program.revoked_at = now()
    await session.commit()
    assert (await client.get("/v1/me", headers=bearer(tokens["access_token"]))).status_code == 401
    proof = {"refresh_token": tokens["refresh_token"]}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 401


async def test_an_operator_may_send_somebody_the_way_in_but_gets_no_tokens(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    operator = bearer(await sign_in_as(session, role="operator"))
    started = await start(client, operator, territory="bassin")
    sign_in_row = (await session.scalars(select(SignIn))).one()
    assert (sign_in_row.client_id, sign_in_row.territory_id) == (None, website.territory.id)
    proof = {"sign_in_id": started["sign_in_id"], "code": code_of(client.app, started["sign_in_id"])}
    for headers in (operator, website.page):
        answer = await client.post("/v1/sign-in/tokens", json=proof, headers=headers)
        assert answer.status_code == 422


async def test_an_anonymised_person_s_address_makes_somebody_new(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    person = await create_person(session, email=ADDRESS)
    token = await sign_in_as(session, person)
    person.email, person.anonymised_at = None, now()
    await session.commit()
    assert (await client.get("/v1/me", headers=bearer(token))).status_code == 401
    tokens = await sign_in(client, website.page)
    assert tokens["person"]["id"] != str(person.id)


async def test_the_mail_wears_the_brand_of_a_territory_the_website_acts_for(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    inside = await create_territory(session, slug="commune", parent=website.territory)
    await create_territory(session, slug="ailleurs")
    await session.commit()
    await start(client, website.page, territory="commune")
    assert (await session.scalars(select(Mail.territory_id))).one() == inside.id
    for slug in ("region", "ailleurs", "nulle-part"):
        answer = await client.post(
            "/v1/sign-in/codes", json={"email": ADDRESS, "territory": slug}, headers=website.page
        )
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:ancrage:problem:not-found")


@pytest.mark.parametrize(
    "address",
    [
        "https://www.exemple.fr.pirate.example/",
        "https://pirate.example/?www.exemple.fr",
        "http://www.exemple.fr/",
        "https://www.exemple.fr:8443/",
        "https://www.exemple.fr@pirate.example/",
        "https://moi@www.exemple.fr/",
        "https://:x@www.exemple.fr/",
        "https://www.exemple.fr/#ici",
        "https://www.exemple.fr:99999999/",
        "https://[www.exemple.fr/",
        "https:///www.exemple.fr/",
        "https://exemple.fr/",
        "https://sous.www.exemple.fr/",
        "//www.exemple.fr/",
        "javascript://www.exemple.fr/%0aalert(1)",
        "https://www.exemple.fr\\@pirate.example/",
    ],
)
async def test_a_link_leads_to_pages_of_the_website_alone(
    client: ApiClient, session: AsyncSession, website: Website, address: str
) -> None:
    answer = await client.post(
        "/v1/sign-in/codes", json={"email": ADDRESS, "return_url": address}, headers=website.page
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/return_url"
    assert await session.scalar(select(SignIn)) is None


@pytest.mark.parametrize(
    "address",
    ["https://www.exemple.fr", "https://WWW.exemple.fr:443/a/b?c=d", "https://www.exemple.fr/?e=%40"],
)
async def test_any_page_of_the_website_may_take_the_link(
    client: ApiClient, website: Website, address: str
) -> None:
    await start(client, website.page, return_url=address)


async def test_the_same_request_sent_again_sends_one_mail(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    headers = website.page | {"Idempotency-Key": str(uuid.uuid4())}
    assert await start(client, headers) == await start(client, headers)
    assert len((await session.scalars(select(Mail))).all()) == 1


async def test_a_member_of_an_employer_sees_the_place_in_words(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    person = await create_person(session, language="en")
    employer = await create_employer(session, website.territory)
    await create_role(session, person, "employer_member", employer)
    await create_role(session, person, "ambassador", website.territory, expires_at=now() + timedelta(days=1))
    await create_role(session, person, "concierge_agent", website.territory, revoked_at=now())
    await create_role(
        session, person, "territory_manager", website.territory, expires_at=now() - timedelta(days=1)
    )
    await session.commit()
    token = await sign_in_as(session, person)
    me = (await client.get("/v1/me", headers=bearer(token))).json()
    assert [(role["title"], role["place"]["kind"], role["place"]["name"]) for role in me["roles"]] == [
        ("Employer's member", "employer", "Fournil des Sources"),
        ("Ambassador", "territory", website.territory.name),
    ]
    assert me["roles"][1]["place"]["slug"] == "bassin"
