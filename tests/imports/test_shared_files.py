"""France Travail's real files, where this machine has them: accounted for to the unit, twice the same."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters import france_travail
from service.adapters.referentials import read_communes, read_rome
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.domain import imports, postings
from service.domain.access import system
from service.domain.imports import Provenance
from service.domain.referentials import import_communes, import_rome
from service.models import Posting, PostingDocument, Territory
from service.models.enums import PostingState
from service.schemas.feed import FeedBatch
from service.schemas.feeds import ImportReportRead
from tests.factories import create_territory
from tests.imports.invented import ACTOR, footprint

SHARED_DATA: Final = Path(__file__).parents[3] / "shared" / "data"
OFFERS: Final = SHARED_DATA / "offers"
DISTINCT: Final = {
    "france_travail_ardeche_100": 100,
    "france_travail_ardeche_cdi_thin": 1_185,
    "france_travail_it_thin": 1_548,
}

# The referentials and the first import take seconds: one worker makes them, once.
pytestmark = [
    pytest.mark.xdist_group("shared files"),
    pytest.mark.skipif(
        not OFFERS.is_dir(), reason="the shared data are not on this machine (../shared/data)"
    ),
]


def _read(stem: str) -> FeedBatch:
    return france_travail.parse_file(OFFERS / f"{stem}.json")


async def _take(
    database: Database, territory: Territory, batch: FeedBatch, file_name: str
) -> ImportReportRead:
    async with database.transaction() as session:
        choice = await imports.choose_feed(
            session,
            ACTOR,
            territory,
            france_travail.SOURCE,
            {posting.source_id for posting in batch.postings},
            file_name=file_name,
        )
    provenance = Provenance(f"file:{file_name}", chosen=choice.why)
    return await imports.import_items(database, ACTOR, choice.feed.id, batch, provenance)


class World:
    """A database with whole referentials, into which the three files were imported."""

    def __init__(self, database: Database, territory: Territory) -> None:
        self.database = database
        self.territory = territory
        self.first: dict[str, ImportReportRead] = {}

    async def take(self, batch: FeedBatch, file_name: str) -> ImportReportRead:
        return await _take(self.database, self.territory, batch, file_name)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(new_database: Callable[..., str]) -> AsyncIterator[World]:
    engine = create_engine(new_database("shared_files"), pool_size=3)
    await migrate(engine)
    database = Database(engine)
    rome = read_rome([SHARED_DATA / "rome"], progress=lambda _: None)
    communes = read_communes([SHARED_DATA / "geo" / "communes.csv"], version="2025", progress=lambda _: None)
    async with database.transaction() as session:
        await import_rome(session, system("test"), rome)
        await import_communes(session, system("test"), communes)
        territory = await create_territory(session, slug="ardeche")
    world = World(database, territory)
    for stem in DISTINCT:
        world.first[stem] = await world.take(_read(stem), f"{stem}.json")
    yield world
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def looking(world: World) -> AsyncIterator[AsyncSession]:
    async with world.database.sessions() as session:
        yield session


async def test_three_files_are_three_feeds_accounted_for_to_the_unit(
    world: World, looking: AsyncSession
) -> None:
    for stem, report in world.first.items():
        counts = report.counts
        assert (report.feed, report.state.value, counts.distinct) == (stem, "done", DISTINCT[stem])
        assert counts.imported == DISTINCT[stem]
        assert counts.read == counts.imported + counts.repeated + counts.rejected
    assert world.first["france_travail_ardeche_cdi_thin"].counts.repeated == 2
    total = sum(DISTINCT.values())
    assert await looking.scalar(select(func.count()).select_from(Posting)) == total
    hidden = await looking.scalar(select(func.count()).select_from(Posting).where(~Posting.shown))
    assert hidden is not None
    assert hidden > 0
    documents = select(func.count(func.distinct(PostingDocument.posting_id)))
    assert await looking.scalar(documents) == total - hidden
    twice_shown = (
        select(Posting.group_id)
        .where(Posting.group_id.is_not(None), Posting.shown)
        .group_by(Posting.group_id)
        .having(func.count() > 1)
    )
    assert list(await looking.scalars(twice_shown)) == []


async def test_thin_items_get_their_commune_and_a_suggestion(world: World, looking: AsyncSession) -> None:
    del world
    ids = [posting.source_id for posting in _read("france_travail_ardeche_cdi_thin").postings]
    row = (
        await looking.execute(
            select(
                func.count(Posting.commune_code),
                func.count(Posting.suggested_occupation_code),
                func.count(Posting.occupation_code),
            ).where(Posting.source_id.in_(ids))
        )
    ).one()
    assert row[0] / len(ids) >= 0.98
    assert row[1] / len(ids) >= 0.8
    assert row[2] == 0


async def test_every_posting_can_be_read_by_those_who_manage_it(world: World, looking: AsyncSession) -> None:
    del world
    after = None
    seen = 0
    while page := await postings.list_postings(looking, system("test"), after=after, limit=500):
        after = page[-1].id
        seen += len(page)
    assert seen == sum(DISTINCT.values())


async def test_a_second_run_changes_nothing(world: World, looking: AsyncSession) -> None:
    before = await footprint(looking)
    for stem, distinct in DISTINCT.items():
        report = await world.take(_read(stem), f"{stem}.json")
        assert (report.feed, report.counts.unchanged) == (stem, distinct)
    assert await footprint(looking) == before


async def test_a_file_without_three_items_in_ten_withdraws_exactly_those(
    world: World, looking: AsyncSession
) -> None:
    stem = "france_travail_it_thin"
    batch = _read(stem)
    removed = {posting.source_id for posting in batch.postings[::10]}
    removed |= {posting.source_id for posting in batch.postings[4::10]}
    removed |= {posting.source_id for posting in batch.postings[7::10]}
    reduced = FeedBatch(source=batch.source)
    reduced.add(posting for posting in batch.postings if posting.source_id not in removed)
    report = await world.take(reduced, "whatever.json")
    assert (report.feed, report.counts.withdrawn) == (stem, len(removed))
    assert report.counts.unchanged == DISTINCT[stem] - len(removed)
    withdrawn = await looking.scalars(
        select(Posting.source_id).where(Posting.state == PostingState.WITHDRAWN)
    )
    assert set(withdrawn) == removed
    back = await world.take(batch, f"{stem}.json")
    assert (back.counts.relisted, back.counts.unchanged) == (len(removed), DISTINCT[stem] - len(removed))
