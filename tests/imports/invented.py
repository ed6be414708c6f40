"""Invented items in the shapes the API "Offres d'emploi" v2 documents, and what imports them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters import france_travail
from service.core.database import Database
from service.domain import imports
from service.domain.imports import Provenance
from service.models import Event, Feed, Posting, PostingChange, PostingDocument, Territory
from service.models.enums import PostingState
from service.schemas.feed import FeedBatch, FeedPosting
from service.schemas.feeds import ImportReportRead
from tests.factories import create_commune, create_occupation, create_territory

ACTOR = imports.importer(france_travail.SOURCE)
Item = dict[str, Any]

TRADES = (
    "Boulanger", "Soudeur", "Cariste", "Maçon", "Fleuriste", "Serveur", "Plombier", "Comptable",
    "Infirmier", "Menuisier", "Jardinier", "Coiffeur", "Carreleur", "Vendeur", "Facteur", "Tapissier",
    "Couvreur", "Chaudronnier", "Opticien", "Libraire",
)  # fmt: skip
_SYLLABLES = ("ba", "ko", "mi", "du", "fe", "ral", "lo", "ti", "gus", "se")


def named(number: int) -> str:
    """Return an employer's name that resembles no other's."""
    return "".join(_SYLLABLES[int(digit)] for digit in f"{number:04d}").capitalize()


def item(number: int, **fields: Any) -> Item:
    """Return an invented offer; ``number`` makes its identity, its trade and its employer's name.

    ``fields`` replace its own; one that is ``None`` goes missing.
    """
    trade = TRADES[number % len(TRADES)]
    values: Item = {
        "id": f"{number:04d}INV",
        "intitule": f"{trade} (H/F)",
        "description": f"Vous rejoignez l'atelier n° {number} comme {trade.lower()}. " * 3,
        "dateCreation": f"2026-05-{1 + number % 28:02d}T08:00:00.000Z",
        "lieuTravail": {"libelle": "07 - AUBENAS"},
        "typeContrat": "CDI",
        "entreprise": {"nom": named(number)},
    } | fields
    return {name: value for name, value in values.items() if value is not None}


def items(*numbers: int, **fields: Any) -> list[Item]:
    """Return several invented offers."""
    return [item(number, **fields) for number in numbers]


def batch_of(raw: Iterable[object], *, complete: bool = True, expected: int | None = None) -> FeedBatch:
    """Return the batch that the parser makes of raw items."""
    batch = FeedBatch(source=france_travail.SOURCE, complete=complete, expected=expected)
    batch.add(france_travail.parse_item(one) for one in raw)
    return batch


def parsed(raw: Item) -> FeedPosting:
    """Return the posting the parser makes of a raw item."""
    found = france_travail.parse_item(raw)
    assert isinstance(found, FeedPosting)
    return found


def save(path: Path, raw: Iterable[object]) -> Path:
    """Write items to a file as the API replies."""
    path.write_text(json.dumps({"resultats": list(raw)}), encoding="utf-8")
    return path


async def create_world(session: AsyncSession, slug: str = "ardeche") -> Territory:
    """Add three communes, a few occupations and a territory; commit."""
    await create_commune(session)
    await create_commune(
        session, code="07186", name="Privas", postal_codes=["07000"], latitude=44.73, longitude=4.6
    )
    await create_commune(
        session,
        code="07324",
        name="Tournon-sur-Rhône",
        postal_codes=["07300"],
        latitude=45.06,
        longitude=4.82,
    )
    await create_occupation(session)
    await create_occupation(session, code="H2913", label="Soudeur / Soudeuse")
    await create_occupation(session, code="N1103", label="Magasinier / Magasinière", parent_code="N1101")
    territory = await create_territory(session, slug=slug)
    await session.commit()
    return territory


async def create_feed(database: Database, territory: Territory, name: str = "feed", **overrides: Any) -> Feed:
    """Add a feed of France Travail's; commit."""
    async with database.transaction() as session:
        feed = Feed(
            territory_id=territory.id,
            source=france_travail.SOURCE,
            name=name,
            criteria=overrides.pop("criteria", {}),
            **overrides,
        )
        session.add(feed)
        await session.flush()
    return feed


async def take(
    database: Database,
    feed: Feed,
    raw: Iterable[object] | FeedBatch,
    *,
    origin: str = "file:invented.json",
    floor_percent: int | None = None,
) -> ImportReportRead:
    """Import raw items, or a batch, into a feed."""
    batch = raw if isinstance(raw, FeedBatch) else batch_of(raw)
    return await imports.import_items(
        database, ACTOR, feed.id, batch, Provenance(origin), floor_percent=floor_percent
    )


async def posting_of(session: AsyncSession, number: int) -> Posting:
    """Return the posting of the invented offer ``number``, as it is in the database now."""
    posting: Posting = (
        await session.scalars(
            select(Posting)
            .where(Posting.source_id == f"{number:04d}INV")
            .execution_options(populate_existing=True)
        )
    ).one()
    return posting


async def numbers_in(session: AsyncSession, state: PostingState, *, shown: bool | None = None) -> list[int]:
    """Return the numbers of the invented offers whose postings are in a state."""
    query = select(Posting.source_id).where(Posting.state == state, Posting.source_id.is_not(None))
    if shown is not None:
        query = query.where(Posting.shown.is_(shown))
    return sorted(int(source_id[:4]) for source_id in await session.scalars(query) if source_id)


async def footprint(session: AsyncSession) -> dict[str, Any]:
    """Return everything that must stay as it is when nothing changes."""
    documents = select(
        func.count(), func.sum(PostingDocument.territory_version), func.max(PostingDocument.rendered_at)
    )
    postings = select(
        func.count(), func.sum(Posting.version), func.max(Posting.updated_at), func.count(Posting.group_id)
    )
    return {
        "events": await session.scalar(select(func.count()).select_from(Event)),
        "changes": await session.scalar(select(func.count()).select_from(PostingChange)),
        "public versions": await session.scalar(select(func.sum(Territory.public_version))),
        "documents": tuple((await session.execute(documents)).one()),
        "postings": tuple((await session.execute(postings)).one()),
    }
