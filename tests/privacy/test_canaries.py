"""Erasure: 200 strings about one person, driven through real requests, then looked for everywhere."""

import io
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.core.clock import in_days
from service.core.database import Database
from service.core.logging import configure_logging
from service.core.settings import Settings
from service.domain import audit
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import (
    Person,
)
from service.worker import ArqWake
from tests.client import ApiClient
from tests.factories import create_commune, create_occupation, create_territory, sign_in_as
from tests.mail.postbox import postbox
from tests.privacy.looking import holds, in_database, in_files, in_redis
from tests.privacy.planting import Canaries, plant
from tests.privacy.support import WISHES, YES
from tests.servers import RedisServer
from tests.sign_in.support import ORIGIN, code_of, create_program

NETWORKS = {"qxza": "203.0.113.77", "qxzb": "203.0.113.88"}
POSTING = {
    "title": "Boulanger / Boulangère",
    "occupation_code": "D1102",
    "contract": {"kind": "permanent"},
    "place": {"commune_code": "07019"},
}


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Yield what is logged, at the level of production."""
    written, root = io.StringIO(), logging.getLogger()
    before, handlers, level = sys.stderr, root.handlers[:], root.level
    # The mail server runs in this process too; what it logs is its own.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    sys.stderr = written
    configure_logging(Settings(log_level="INFO", log_format="json"))
    try:
        yield written
    finally:
        sys.stderr = before
        root.handlers[:], root.level = handlers, level
        logging.getLogger("mail.log").setLevel(logging.NOTSET)


@dataclass
class Platform:
    """An application with real commits, a Redis and a folder of its own."""

    app: FastAPI
    database: Database
    settings: Settings
    redis: RedisServer

    def client(self, mark: str) -> ApiClient:
        """Return a client that calls from the network of ``mark``."""
        client = ApiClient(self.app)
        address = (NETWORKS.get(mark, "192.0.2.1"), 4711)
        client._transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=address)
        return client

    async def drain(self, settings: Settings | None = None) -> None:
        await drain(Work(self.database, settings or self.settings))


@pytest.fixture
async def platform(
    fresh_database: Database, settings: Settings, redis_server: RedisServer
) -> AsyncIterator[Platform]:
    configured = settings.model_copy(update={"redis_url": redis_server.url})
    app = create_app(fresh_database, settings=configured)
    async with (
        app.router.lifespan_context(app),
        ArqWake(redis_server.url).running() as wake,
    ):
        fresh_database.wake = wake
        yield Platform(app, fresh_database, configured, redis_server)


@dataclass
class Life:
    """Somebody known in every way, and what they call with."""

    canaries: Canaries
    person_id: UUID
    client: ApiClient

    @property
    def strings(self) -> set[str]:
        # The index holds the words of an address, not the address.
        return self.canaries.every() | {NETWORKS[self.canaries.mark], f"{self.canaries.mark}000"}


async def live(platform: Platform, mark: str) -> Life:
    """Plant what can be planted, then let the person, programs and managers call the API."""
    canaries = Canaries(mark)
    async with platform.database.transaction() as session:
        territory = await create_territory(session, slug=mark, name=f"Pays {mark[-1]}")
        person = await plant(session, territory, canaries, times=4)
        _, publishable = await create_program(session, territory)
        _, secret = await create_program(session, territory, kind="secret")
        manager = await sign_in_as(session, None, "territory_manager", territory)
    client = platform.client(mark)
    page = {"Ancrage-Key": publishable, "Origin": ORIGIN}
    agent = {"User-Agent": canaries.new("person_session", "user_agent")}
    started = await client.post(
        "/v1/sign-in/codes", json={"email": canaries.address.upper()}, headers=page | agent
    )
    await platform.drain()
    code = code_of(platform.app, started.json()["sign_in_id"])
    signed_in = await client.post(
        "/v1/sign-in/tokens",
        json={"sign_in_id": started.json()["sign_in_id"], "code": code},
        headers=page | agent,
    )
    assert signed_in.status_code == 200, signed_in.text
    client.with_key(signed_in.json()["access_token"])
    client.headers.update(agent)
    await _act(client, canaries, mark)
    server = platform.client("")
    server.with_key(secret)
    await _recruit(server, canaries, mark)
    server.with_key(manager)
    await _look_after(server, canaries, mark)
    await platform.drain()
    return Life(canaries, person.id, client)


def _once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


async def _act(client: ApiClient, canaries: Canaries, mark: str) -> None:
    """Do what a person does, and what they do by mistake."""
    new = canaries.new
    changed = await client.patch(
        "/v1/me", json={"family_name": new("person", "family_name")}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200, changed.text
    assert (await client.post("/v1/me/consents", json=YES, headers=_once())).status_code == 201
    made = await client.post("/v1/candidate-profiles", json=WISHES | {"territory": mark}, headers=_once())
    assert made.status_code == 201, made.text
    asked = {"kind": "rectification", "territory": mark, "message": new("privacy_request", "message")}
    assert (await client.post("/v1/privacy-requests", json=asked, headers=_once())).status_code == 201
    assert (await client.get("/v1/me/export")).status_code == 200
    lost = new("log", "body")
    await client.post("/v1/candidate-profiles", json=WISHES | {"name": lost})
    await client.post("/v1/me/consents", content=f'{{"purpose": "{lost}'.encode())
    await client.get("/v1/communes", params={"q": lost})
    await client.get("/v1/me", headers={"Authorization": f"Bearer {lost}"})
    await client.post("/v1/privacy-requests", json=asked | {"email": canaries.address, "territory": lost})


async def _recruit(server: ApiClient, canaries: Canaries, mark: str) -> None:
    """Let a program write the person down as a contact, and find the posting."""
    new, address = canaries.new, canaries.address
    contact = {"contact_name": new("employer", "contact_name"), "contact_phone": "+33 4 00 00 00 00"}
    employer = await server.post(
        "/v1/employers",
        json={"territory": mark, "siret": "73282932000074", "name": "Le Fournil", "contact_email": address}
        | contact,
        headers=_once(),
    )
    assert employer.status_code == 201, employer.text
    draft = await server.post(
        "/v1/postings",
        json=POSTING
        | {
            "employer_id": employer.json()["id"],
            "description": canaries.mention("posting", "description") + " Vous pétrissez et cuisez le pain.",
            "apply": {"email": address, "contact": new("posting", "apply_contact")},
            "valid_through": in_days(60).isoformat(),
        },
        headers=_once(),
    )
    assert draft.status_code == 201, draft.text
    published = await server.post(f"/v1/postings/{draft.json()['id']}/publish", headers=_once())
    assert published.status_code == 200, published.text
    seen = await server.get(f"/v1/territories/{mark}/postings", params={"q": address})
    assert [item["id"] for item in seen.json()["items"]] == [draft.json()["id"]]


async def _look_after(server: ApiClient, canaries: Canaries, mark: str) -> None:
    """Let a manager invite the person, and read about them, saying why."""
    invited = await server.post(
        "/v1/invitations",
        json={"email": canaries.address, "role": "concierge_agent", "territory": mark},
        headers=_once(),
    )
    assert invited.status_code == 201, invited.text
    why = {
        "Ancrage-Reason": f"Question of {canaries.address}: {canaries.new('audit_entry', 'circumstances')}"
    }
    for path in ("/v1/audit-entries", "/v1/privacy-requests", "/v1/candidate-profiles", "/v1/members"):
        answer = await server.get(path, params={"territory": mark}, headers=why)
        assert answer.status_code == 200, answer.text


async def test_nothing_is_left_of_the_erased_and_nothing_lost_of_others(
    platform: Platform, logs: io.StringIO
) -> None:
    async with platform.database.transaction() as session:
        await create_commune(session)
        await create_occupation(session)
    erased, kept = await live(platform, "qxza"), await live(platform, "qxzb")
    folder = platform.settings.data_dir

    async with platform.database.transaction() as session:
        before = await in_database(session, erased.strings)
        others = await in_database(session, kept.strings)
    words = "\n".join(row for rows in before.values() for row in rows).lower()
    planted = [string for string in erased.canaries.every() if string in words]
    files = in_files(folder, erased.strings)
    assert len(planted) >= 200
    assert len(before) >= 20, "the search finds what is there"
    assert {"search_word", "posting_words", "posting_document", "audit_entry"} <= set(before)
    assert len(files) >= 3

    done = await erased.client.post("/v1/me/erasure", json={"confirm": True}, headers=_once())
    assert done.status_code == 200, done.text
    assert (await erased.client.get("/v1/me")).status_code == 401, "at once"
    async with postbox() as box:
        await platform.drain(box.settings(platform.settings))
    assert [received.recipient for received in box.mails] == [erased.canaries.address]

    async with platform.database.transaction() as session:
        after = await in_database(session, erased.strings)
        assert after == {}
        assert await in_database(session, kept.strings) == others
        chains = await audit.list_chains(session)
        verified = [await audit.verify(session, chain_id) for chain_id in chains]
        assert sum(each.broken for each in verified) == 0
        person = await session.get_one(Person, erased.person_id)
        assert (person.email, person.given_name, person.birth_date) == (None, None, None)
    assert in_files(folder, erased.strings) == []
    assert in_files(folder, kept.strings) != []
    assert in_redis(platform.redis, erased.strings | kept.strings) == []
    written = logs.getvalue()
    assert written.count('"event": "request"') > 30
    told = [line for line in written.splitlines() if holds(line, erased.strings | kept.strings)]
    assert told == []
    print(  # noqa: T201 - the figures asked for
        f"\n{len(planted)} canaries in {sum(map(len, before.values()))} rows of {len(before)} tables and "
        f"{len(files)} files; after the erasure: 0 in the database, 0 in files, Redis and "
        f"{len(written.splitlines())} log lines; {sum(map(len, others.values()))} rows of another as before"
    )
