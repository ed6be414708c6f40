"""Changes that meet, with real commits: no deadlock, no lost change, nothing stale left for the public."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.api.dependencies import WriteSession
from service.app import create_app
from service.core.clock import in_days
from service.core.database import Database
from service.core.errors import Conflict
from service.core.reach import elevated
from service.core.settings import Settings
from service.domain import employers, postings, territories
from service.domain.access import system
from service.models import Employer, PostingDocument, Territory
from service.models.enums import ContractKind, PostingState, TerritoryKind
from service.schemas.employers import EmployerUpdate
from service.schemas.territories import Coverage, TerritoryCreate, TerritoryUpdate
from tests.client import ApiClient
from tests.factories import (
    create_commune,
    create_employer,
    create_key,
    create_occupation,
    create_posting,
    create_territory,
)

ACTOR = system("test")
Result = TypeVar("Result")


async def start_and_wait_for_a_lock(
    database: Database, work: Coroutine[Any, Any, Result]
) -> asyncio.Task[Result]:
    """Start ``work``; return once it waits for a row or lock that another transaction holds."""
    task = asyncio.create_task(work)
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while True:
            async with database.sessions() as session:
                if await session.scalar(waiting):
                    return task
            assert not task.done(), "it did not wait"
            await asyncio.sleep(0.02)


async def arrange(database: Database, **overrides: Any) -> tuple[Territory, Employer, Any]:
    """Make a commune in a region, with an employer and a complete posting; return the last three ids."""
    async with database.transaction() as session:
        await create_commune(session)
        await create_occupation(session)
        region = await create_territory(session, slug="region", kind=TerritoryKind.REGION)
        territory = await create_territory(session, slug="bassin", parent=region)
        employer = await create_employer(session, territory)
        posting = await create_posting(
            session,
            territory,
            **{
                "employer_id": employer.id,
                "employer_name": employer.name,
                "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries dans un fournil.",
                "occupation_code": "D1102",
                "contract_kind": ContractKind.PERMANENT,
                "commune_code": "07019",
                "apply_email": "emploi@fournil.example.org",
                "valid_through": in_days(30),
                "state": PostingState.DRAFT,
                "published_at": None,
            }
            | overrides,
        )
    return territory, employer, posting


async def publish(session: AsyncSession, posting_id: Any) -> None:
    posting = await postings.get_posting(session, ACTOR, posting_id, "posting.update")
    await postings.change_state(session, ACTOR, posting, postings.PUBLISH)


async def test_a_territory_changes_while_a_posting_inside_is_published(fresh_database: Database) -> None:
    _, _, posting = await arrange(fresh_database)

    async def publishing() -> None:
        async with fresh_database.transaction() as session:
            await publish(session, posting.id)

    async with fresh_database.transaction() as session:
        locked = await territories.lock_territory(session, ACTOR, "bassin")
        task = await start_and_wait_for_a_lock(fresh_database, publishing())
        await territories.update_territory(session, ACTOR, locked, TerritoryUpdate(name="Autre"))
    await task
    async with fresh_database.sessions() as session:
        found = (await session.execute(select(Territory.slug, Territory.public_version))).all()
    assert {row.slug: row.public_version for row in found} == {"region": 3, "bassin": 3}


async def test_one_slug_asked_twice_at_once_is_given_once(fresh_database: Database) -> None:
    await arrange(fresh_database)
    wanted = TerritoryCreate(
        slug="aubenas",
        name="Aubenas",
        kind=TerritoryKind.COMMUNE,
        parent="bassin",
        coverage=Coverage(communes=["07019"]),
    )

    async def creating() -> None:
        async with fresh_database.transaction() as session:
            await territories.create_territory(session, ACTOR, wanted)

    async with fresh_database.transaction() as session:
        await territories.create_territory(session, ACTOR, wanted)
        task = await start_and_wait_for_a_lock(fresh_database, creating())
    with pytest.raises(Conflict, match="is taken"):
        await task


async def test_a_posting_filled_while_its_employer_is_followed_stays_out_of_sight(
    fresh_database: Database,
) -> None:
    _, employer, posting = await arrange(fresh_database)
    async with fresh_database.transaction() as session:
        await publish(session, posting.id)
    async with fresh_database.transaction() as session:
        held = await employers.get_employer(session, ACTOR, employer.id, "employer.update")
        await employers.update_employer(session, ACTOR, held, EmployerUpdate(name="Nouveau Fournil"))

    async def following() -> int:
        async with fresh_database.transaction() as session:
            return await postings.follow_employer(session, employer.id)

    async with fresh_database.transaction() as session:
        filled = await postings.get_posting(session, ACTOR, posting.id, "posting.update")
        await postings.change_state(session, ACTOR, filled, postings.FILL)
        task = await start_and_wait_for_a_lock(fresh_database, following())
    assert await task == 0
    async with fresh_database.sessions() as session:
        assert await session.scalar(select(PostingDocument)) is None


async def test_a_new_name_waits_for_a_publication_under_way_then_reaches_it(fresh_database: Database) -> None:
    _, employer, posting = await arrange(fresh_database)

    async def renaming() -> None:
        async with fresh_database.transaction() as session:
            held = await employers.get_employer(session, ACTOR, employer.id, "employer.update")
            await employers.update_employer(session, ACTOR, held, EmployerUpdate(name="Nouveau Fournil"))

    async with fresh_database.transaction() as session:
        await publish(session, posting.id)
        task = await start_and_wait_for_a_lock(fresh_database, renaming())
    await task
    async with fresh_database.transaction() as session:
        assert await postings.follow_employer(session, employer.id) == 1
    async with fresh_database.sessions() as session:
        shown = (await session.scalars(select(PostingDocument.document))).all()
    assert {document["employer"]["name"] for document in shown} == {"Nouveau Fournil"}


async def test_two_changes_of_one_version_and_two_verbs_at_once_have_one_winner(
    fresh_database: Database, settings: Settings
) -> None:
    territory, _, posting = await arrange(fresh_database)
    key = await create_key(fresh_database, territory)
    app = create_app(fresh_database, settings=settings)
    path = f"/v1/postings/{posting.id}"
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        client.with_key(key)
        patched = await asyncio.gather(
            *(
                client.patch(path, json={"title": f"Titre {number}"}, headers={"If-Match": '"1"'})
                for number in range(6)
            )
        )
        assert sorted(answer.status_code for answer in patched) == [200, 412, 412, 412, 412, 412]
        published = await asyncio.gather(*(client.post(f"{path}/publish") for _ in range(4)))
        assert {(answer.status_code, answer.json()["version"]) for answer in published} == {(200, 3)}
        await asyncio.gather(client.post(f"{path}/fill"), client.post(f"{path}/pause"))
        state = (await client.get(path)).json()["state"]
        shown = await client.get(f"/v1/territories/bassin/postings/{posting.id}")
        # A paused posting may be filled, a filled one never paused.
        assert (state, shown.status_code) == ("filled", 410)


async def test_one_siret_sent_by_many_at_once_makes_one_employer(
    fresh_database: Database, settings: Settings
) -> None:
    territory, _, _ = await arrange(fresh_database)
    key = await create_key(fresh_database, territory)
    app = create_app(fresh_database, settings=settings)
    body = {"territory": "bassin", "siret": "73282932000074", "name": "Fournil"}
    async with app.router.lifespan_context(app), ApiClient(app) as client:
        client.with_key(key)
        answers = await asyncio.gather(*(client.post("/v1/employers", json=body) for _ in range(8)))
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = {answer.json()["employer_id"] for answer in answers if answer.status_code == 409}
    assert (len(made), refused) == (1, set(made))


async def test_rows_locked_elsewhere_answer_try_again(fresh_database: Database, settings: Settings) -> None:
    await arrange(fresh_database)
    app: FastAPI = create_app(fresh_database, settings=settings)

    async def crossed(session: WriteSession) -> None:
        async with elevated(session):
            await session.execute(text("SELECT 1 FROM territory FOR UPDATE NOWAIT"))

    app.add_api_route("/v1/crossed", crossed, methods=["POST"], status_code=204)
    async with (
        app.router.lifespan_context(app),
        ApiClient(app) as client,
        fresh_database.transaction() as session,
    ):
        await session.execute(text("SELECT 1 FROM territory FOR UPDATE"))
        answer = await client.post("/v1/crossed")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"] == "urn:ancrage:problem:unavailable"
