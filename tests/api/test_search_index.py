"""What things besides postings are found by: written with them, rebuilt, and told to an engine outside."""

import uuid
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.domain import findable, territory_facts
from service.domain.finding import KINDS, reindex_plain_documents
from service.domain.territories import lock_territory, refresh_coverage, update_territory
from service.models import Commune, SearchDocument, SearchFeed, SearchPending, SearchWord, Territory
from service.models.enums import TerritoryKind
from service.schemas.search import Rebuilt, SearchKind
from service.schemas.territories import TerritoryUpdate
from service.search import transactional_engine
from tests.api import test_races as races
from tests.api.test_search import SEARCH, add_territory, settle
from tests.client import ApiClient
from tests.factories import create_commune, create_territory


async def test_a_rebuild_writes_what_is_missing_and_removes_what_is_no_more(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    ardeche = await create_territory(session, slug="ardeche", name="Ardèche", kind=TerritoryKind.DEPARTEMENT)
    for number in range(60):
        await create_territory(session, name=f"Bourg {number}e", parent=ardeche, kind=TerritoryKind.COMMUNE)
    stray = SearchDocument(
        kind="territories",
        document_id=(await create_territory(session, name="Fantôme")).id,
        territory_id=ardeche.id,
        published_at=ardeche.created_at,
        title="Bourg fantôme",
        names=[],
        places=[],
        details=[],
        title_key="bourg fantom",
        title_size=2,
        heading="'bourg':1A",
        stems="'bourg'",
    )
    session.add(stray)
    await session.flush()
    await session.execute(delete(Territory).where(Territory.id == stray.document_id))
    await session.commit()
    done: list[int] = []
    rebuilt = await reindex_plain_documents(database, done.append)
    assert rebuilt == Rebuilt(indexed=61, removed=1)
    assert done == [50, 61]
    assert await reindex_plain_documents(database, done.append) == Rebuilt(indexed=61, removed=0)
    found = (await client.get(SEARCH, params={"q": "bourg", "limit": 100})).json()
    assert found["totals"] == {"postings": 0, "territories": 60}
    assert len(found["items"]) == 60


async def test_a_new_referential_is_followed(session: AsyncSession) -> None:
    await create_commune(session)
    territory = await create_territory(session, name="Bassin")
    await refresh_coverage(session)
    await session.commit()
    stored = select(SearchDocument.places).where(SearchDocument.document_id == territory.id)
    assert await session.scalar(stored) == ["Auvergne-Rhône-Alpes", "Ardèche", "07", "Aubenas", "07200"]
    await session.refresh(territory)
    version = territory.public_version
    assert await refresh_coverage(session) == 0
    await session.refresh(territory)
    assert territory.public_version == version, "nothing changed"
    commune = await session.get_one(Commune, "07019")
    commune.name = "Aubenas-les-Bains"
    await session.flush()
    assert await refresh_coverage(session) == 0
    assert "Aubenas-les-Bains" in (await session.scalar(stored) or [])
    await session.refresh(territory)
    assert territory.public_version == version + 1, "it is found by other words"


async def test_words_of_every_kind_are_counted_apart(session: AsyncSession, database: Database) -> None:
    await create_territory(session, name="Bourg")
    await session.commit()
    await reindex_plain_documents(database, lambda _: None)
    await transactional_engine().maintain(session)
    counted = select(SearchWord.documents).where(SearchWord.kind == "territories", SearchWord.word == "bourg")
    assert await session.scalar(counted) == 1
    await transactional_engine().forget(session, SearchKind.TERRITORIES, "bourg")
    assert await session.scalar(counted) == 1, "a territory has it still"
    await session.execute(delete(SearchDocument))
    await transactional_engine().forget(session, SearchKind.TERRITORIES, "bourg")
    assert await session.scalar(counted) is None


def test_every_kind_says_where_its_documents_are() -> None:
    assert set(KINDS) == set(SearchKind)


async def test_an_engine_outside_is_to_be_told_of_what_changed_only(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, _, key = await settle(client, session, database)
    session.add(SearchFeed(kind="territories"))
    await session.commit()
    client.with_key(key)

    async def pending() -> list[uuid.UUID]:
        query = select(SearchPending.document_id).where(SearchPending.kind == "territories")
        found = list(await session.scalars(query))
        await session.execute(delete(SearchPending))
        await session.commit()
        return found

    async def change(**values: Any) -> None:
        version = (await client.get("/v1/territories/aubenas")).headers["etag"]
        answer = await client.patch("/v1/territories/aubenas", json=values, headers={"If-Match": version})
        assert answer.status_code == 200, answer.text

    await add_territory(client, "aubenas", "Aubenas")
    aubenas = await session.scalar(select(Territory.id).where(Territory.slug == "aubenas"))
    assert aubenas is not None
    assert await pending() == [aubenas]
    await change(brand={"colours": {"primary": "#0b6e6e"}})
    assert await pending() == [], "nothing that it is found by"
    await change(brand={"promise": "On vous attend."})
    assert await pending() == [aubenas]
    await findable.hide(session, SearchKind.TERRITORIES, [aubenas])
    await session.commit()
    assert await pending() == [aubenas]


async def test_what_is_findable_is_read_back_as_it_was_told(session: AsyncSession) -> None:
    kind = SearchKind.TERRITORIES
    await create_commune(session)
    made = [await create_territory(session, name=f"Bourg {number}e") for number in range(3)]
    await refresh_coverage(session)
    await session.commit()
    ids = sorted(territory.id for territory in made)
    told = await territory_facts.facts(session, ids)
    assert await findable.some(session, kind, ids) == told
    assert await findable.following(session, kind, None, 2) == told[:2]
    assert await findable.following(session, kind, ids[1], 2) == told[2:]
    assert await findable.count(session, kind) == 3
    assert await findable.places(session, kind, ids[:1]) == set(ids[:1])
    assert await findable.show(session, told) == []
    assert await findable.show(session, []) == []
    await findable.hide(session, kind, ids[:1])
    assert await findable.some(session, kind, ids) == told[1:]
    assert await findable.show(session, told) == told[:1]


async def test_a_wide_territory_is_not_found_by_each_of_its_communes(session: AsyncSession) -> None:
    await create_commune(session)
    await create_commune(session, code="07186", name="Privas", postal_codes=["07000"])
    territory = await create_territory(session, name="Ardèche")
    await refresh_coverage(session)
    [facts] = await territory_facts.facts(session, [territory.id])
    wide = ("Auvergne-Rhône-Alpes", "Ardèche", "07")
    assert facts.places == (*wide, "Aubenas", "07200", "Privas", "07000")
    columns = [column.name for column in Commune.__table__.columns if column.computed is None]
    known = (
        (await session.execute(select(*(Commune.__table__.c[name] for name in columns)))).mappings().first()
    )
    assert known is not None
    await session.execute(
        insert(Commune),
        [dict(known) | {"code": f"7{number:04}"} for number in range(territory_facts.MOST_COMMUNES - 1)],
    )
    await refresh_coverage(session)
    [facts] = await territory_facts.facts(session, [territory.id])
    assert facts.places == wide


async def test_a_rebuild_waits_for_who_is_changing_a_territory(fresh_database: Database) -> None:
    await races.arrange(fresh_database)
    async with fresh_database.transaction() as session:
        locked = await lock_territory(session, races.ACTOR, "bassin")
        task = await races.start_and_wait_for_a_lock(
            fresh_database, reindex_plain_documents(fresh_database, lambda _: None)
        )
        await update_territory(session, races.ACTOR, locked, TerritoryUpdate(name="Val de Ligne"))
    assert (await task).indexed == 2
    async with fresh_database.transaction() as session:
        [facts] = await findable.some(session, SearchKind.TERRITORIES, [locked.id])
    assert facts.title == "Val de Ligne", "not what the rebuild would have read before"
