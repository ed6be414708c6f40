"""The shared real postings as the public sees them: imported for real, duplicates grouped, indexed."""

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import select

from benchmarks.places import FILES, SHARED
from service.adapters import france_travail
from service.adapters.referentials import read_communes, read_rome
from service.core.database import Database
from service.core.ids import new_id
from service.domain import imports, publication
from service.domain.access import system
from service.domain.imports import Provenance
from service.domain.referentials import import_communes, import_rome
from service.models import Posting, Territory
from service.models.enums import PostingState, TerritoryKind
from service.schemas.search import PostingFacts
from service.search import transactional_engine

_ACTOR: Final = imports.importer(france_travail.SOURCE)
_BATCH: Final = 500


def tell(sentence: str) -> None:
    """Say how far it is, apart from what is measured."""
    print(sentence, file=sys.stderr, flush=True)


async def territory(database: Database) -> uuid.UUID:
    """Return the territory all shared postings are published in; import them first if they are not."""
    async with database.transaction() as session:
        known: uuid.UUID | None = await session.scalar(select(Territory.id))
    if known is not None:
        return known
    made = Territory(
        id=new_id(), lineage=[], slug="banc", name="Banc", kind=TerritoryKind.DEPARTEMENT, coverage={},
        brand_values=[], colours={}, languages=["fr"], contacts=[], features=[],
    )  # fmt: skip
    made.lineage = [made.id]
    data = SHARED
    tell("Reading the referentials")
    rome = read_rome([data / "rome"], progress=tell)
    communes = read_communes([data / "geo" / "communes.csv"], version="2025", progress=tell)
    async with database.transaction() as session:
        await import_rome(session, system("relevance"), rome)
        await import_communes(session, system("relevance"), communes)
        session.add(made)
    for name in FILES:
        await _import(database, made, data / "offers" / f"{name}.json")
    await _hide_doubles(database, made.id)
    async with database.transaction() as session:
        await transactional_engine().maintain(session)
    return made.id


async def _import(database: Database, into: Territory, path: Path) -> None:
    tell(f"Importing {path.name}")
    batch = france_travail.parse_file(path)
    async with database.transaction() as session:
        choice = await imports.choose_feed(
            session,
            _ACTOR,
            into,
            france_travail.SOURCE,
            {posting.source_id for posting in batch.postings},
            file_name=path.name,
        )
    provenance = Provenance(f"file:{path.name}", chosen=choice.why)
    await imports.import_items(database, _ACTOR, choice.feed.id, batch, provenance)


async def _hide_doubles(database: Database, territory_id: uuid.UUID) -> None:
    """Do what the tasks of ``posting.published`` do: show one posting of each group of doubles."""
    tell("Grouping doubles")
    async with database.transaction() as session:
        ids = list(await session.scalars(select(Posting.id).where(Posting.state == PostingState.PUBLISHED)))
    async with database.transaction() as session:
        await imports.regroup(session, territory_id, ids)


async def index_again(database: Database) -> None:
    """Index every public posting again: what finds words may have changed since they were imported."""
    tell("Indexing again")
    engine = transactional_engine()
    for batch in _batches(await public(database)):
        async with database.transaction() as session:
            await engine.index(session, batch)
    async with database.transaction() as session:
        await engine.maintain(session)


def _batches(facts: Sequence[PostingFacts]) -> list[Sequence[PostingFacts]]:
    return [facts[start : start + _BATCH] for start in range(0, len(facts), _BATCH)]


async def public(database: Database) -> list[PostingFacts]:
    """Return what a search engine is told of every public posting, in order of id."""
    found: list[PostingFacts] = []
    after: uuid.UUID | None = None
    while True:
        async with database.transaction() as session:
            batch = await publication.public_facts(session, after, _BATCH)
        if not batch:
            return found
        found += batch
        after = batch[-1].id
