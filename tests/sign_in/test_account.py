"""My account: what a person reads and changes of themselves, and where they are signed in."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.models import Event, Person, PersonSession
from tests.client import ApiClient
from tests.factories import create_person, sign_in_as
from tests.sign_in.support import Website, bearer, from_network, sign_in

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def test_a_person_tells_of_themselves(client: ApiClient, session: AsyncSession) -> None:
    person = await create_person(session)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    read = await client.get("/v1/me")
    changes = {
        "given_name": "Олена",
        "family_name": None,
        "language": "uk",
        "birth_date": "2012-02-29",
        "guardian_email": "Parent@Exemple.FR",
    }
    answer = await client.patch("/v1/me", json=changes, headers={"If-Match": read.headers["etag"]})
    assert answer.status_code == 200
    assert answer.json() == read.json() | changes | {"guardian_email": "parent@exemple.fr", "version": 2}
    assert answer.headers["etag"] == '"2"'
    same = await client.patch("/v1/me", json=changes, headers={"If-Match": '"2"'})
    assert same.json()["version"] == 2, "nothing changed"
    event = (await session.scalars(select(Event).where(Event.kind == "person.updated"))).one()
    assert event.data == {"version": 2, "fields": sorted(changes)}


async def test_a_change_names_the_version_it_changes(client: ApiClient, session: AsyncSession) -> None:
    client.with_key(await sign_in_as(session))
    assert (await client.patch("/v1/me", json={})).status_code == 428
    assert (await client.patch("/v1/me", json={}, headers={"If-Match": '"7"'})).status_code == 412


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "autre@example.org"}, "/email"),
        ({"version": 9}, "/version"),
        ({"language": None}, "/language"),
        ({"language": "français"}, "/language"),
        ({"birth_date": "2999-01-01"}, "/birth_date"),
        ({"birth_date": "1066-10-14"}, "/birth_date"),
        ({"birth_date": "hier"}, "/birth_date"),
        ({"guardian_email": "personne-propre@example.org"}, "/guardian_email"),
        ({"guardian_email": "mes parents"}, "/guardian_email"),
        ({"given_name": ""}, "/given_name"),
        ({"given_name": "a\u0000b"}, "/given_name"),
        ({"given_name": "x" * 101}, "/given_name"),
    ],
)
async def test_what_cannot_be_true_is_refused(
    client: ApiClient, session: AsyncSession, change: dict[str, Any], pointer: str
) -> None:
    person = await create_person(session, email="personne-propre@example.org")
    client.with_key(await sign_in_as(session, person))
    answer = await client.patch("/v1/me", json=change, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_birth_date_is_today_at_the_latest(client: ApiClient, session: AsyncSession) -> None:
    client.with_key(await sign_in_as(session))
    tomorrow = (now() + timedelta(days=1)).date().isoformat()
    answer = await client.patch("/v1/me", json={"birth_date": tomorrow}, headers={"If-Match": '"1"'})
    assert answer.status_code == 422


async def test_sessions_are_listed_newest_first_in_words(client: ApiClient, website: Website) -> None:
    elsewhere = from_network(client, "2001:db8:7:8:9::1")
    first = await sign_in(client, website.backend)
    elsewhere.headers["User-Agent"] = FIREFOX
    second = await sign_in(elsewhere, website.page)
    answer = await client.get("/v1/me/sessions", headers=bearer(second["access_token"]))
    told = [
        (item["current"], item["website"], item["device"], item["network"], item["kind"], item["provider"])
        for item in answer.json()["items"]
    ]
    assert told == [
        (True, "Site de la marque", "Firefox, Windows", "2001:db8:7:8::/64", "api", None),
        (False, "Serveur", "python-httpx", "127.0.0.1", "api", None),
    ]
    page = await client.get("/v1/me/sessions?limit=1", headers=bearer(first["access_token"]))
    assert [item["current"] for item in page.json()["items"]] == [False]
    rest = await client.get(
        "/v1/me/sessions",
        params={"limit": 1, "after": page.json()["next"]},
        headers=bearer(first["access_token"]),
    )
    assert ([item["current"] for item in rest.json()["items"]], rest.json()["next"]) == ([True], None)


async def test_only_open_sessions_are_listed(client: ApiClient, session: AsyncSession) -> None:
    person = await create_person(session)
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with frozen(moment - timedelta(minutes=16)):
        await sign_in_as(session, person)
    with frozen(moment):
        await sign_in_as(session, person, revoked_at=moment, revoked_because="signed_out")
        await sign_in_as(session, person, expires_at=moment)
        token = await sign_in_as(session, person)
        answer = await client.get("/v1/me/sessions", headers=bearer(token))
    assert [item["current"] for item in answer.json()["items"]] == [True]


async def test_a_lost_device_is_signed_out_at_once(client: ApiClient, website: Website) -> None:
    lost, kept = await sign_in(client, website.page), await sign_in(client, website.page)
    listed = (await client.get("/v1/me/sessions", headers=bearer(kept["access_token"]))).json()["items"]
    lost_id = next(item["id"] for item in listed if not item["current"])
    path = f"/v1/me/sessions/{lost_id}"
    assert (await client.delete(path, headers=bearer(kept["access_token"]))).status_code == 204
    assert (await client.get("/v1/me", headers=bearer(lost["access_token"]))).status_code == 401
    proof = {"refresh_token": lost["refresh_token"]}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 422
    assert (await client.get("/v1/me", headers=bearer(kept["access_token"]))).status_code == 200
    again = await client.delete(path, headers=bearer(kept["access_token"]))
    assert again.status_code == 204, "it stays ended"


async def test_everywhere_but_here(client: ApiClient, session: AsyncSession) -> None:
    person, somebody = await create_person(session), await create_person(session)
    others = [await sign_in_as(session, person) for _ in range(3)]
    here, theirs = await sign_in_as(session, person), await sign_in_as(session, somebody)
    await session.commit()
    assert (await client.delete("/v1/me/sessions", headers=bearer(here))).status_code == 204
    for token, status in [*((other, 401) for other in others), (here, 200), (theirs, 200)]:
        assert (await client.get("/v1/me", headers=bearer(token))).status_code == status
    events = (await session.scalars(select(Event).where(Event.kind == "session.revoked"))).all()
    assert [event.data for event in events] == [{"because": "by_owner"}] * 3


async def test_nobody_ends_somebody_else_s_session(client: ApiClient, session: AsyncSession) -> None:
    theirs = await sign_in_as(session)
    target = (await session.scalars(select(PersonSession.id))).one()
    operator = await sign_in_as(session, role="operator")
    await session.commit()
    for name in (target, uuid.uuid4()):
        answer = await client.delete(f"/v1/me/sessions/{name}", headers=bearer(operator))
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"There is no session {name} among yours."
    assert (await client.get("/v1/me", headers=bearer(theirs))).status_code == 200


async def test_signing_out_ends_the_session(client: ApiClient, session: AsyncSession) -> None:
    token = await sign_in_as(session)
    await session.commit()
    answer = await client.post("/v1/sign-out", headers=bearer(token))
    assert (answer.status_code, answer.json()) == (200, {"provider_logout_url": None})
    assert (await client.post("/v1/sign-out", headers=bearer(token))).status_code == 401
    ended = (await session.scalars(select(PersonSession))).one()
    assert ended.revoked_because == "signed_out"


async def test_a_program_has_no_account(client: ApiClient, website: Website) -> None:
    for headers in (website.page, website.backend):
        for method, path in (("GET", "/v1/me"), ("GET", "/v1/me/sessions"), ("POST", "/v1/sign-out")):
            assert (await client.request(method, path, headers=headers)).status_code == 403


async def test_being_seen_is_noted_now_and_then(client: ApiClient, session: AsyncSession) -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with frozen(moment):
        person = await create_person(session)
        token = await sign_in_as(session, person)
        await session.commit()
    with frozen(moment + timedelta(minutes=6)):
        await client.get("/v1/me", headers=bearer(token))
    signed_in = (await session.scalars(select(PersonSession))).one()
    assert signed_in.last_used_at == moment + timedelta(minutes=6)
    assert (await session.scalars(select(Person.last_seen_at))).one() == moment
