"""What a territory is found by: its names, its promise, and the communes it covers."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Commune, Territory, TerritoryCommune
from service.models.enums import TerritoryKind
from service.schemas.search import DocumentFacts, SearchKind

MOST_COMMUNES: Final = 1_000
"""A territory that covers more is found by its départements and régions, not by each commune."""

_KIND_WORDS: Final = {
    TerritoryKind.REGION: "région",
    TerritoryKind.DEPARTEMENT: "département",
    TerritoryKind.EPCI: "communauté de communes, intercommunalité",
    TerritoryKind.COMMUNE: "commune, ville, village",
}


async def hold(session: AsyncSession, ids: Collection[uuid.UUID]) -> None:
    """Let nobody change these territories until the commit; whoever changes one now is waited for.

    In the order of every writer, widest first, so that nobody waits in a circle.
    """
    await session.execute(
        select(Territory.id)
        .where(Territory.id.in_(ids))
        .order_by(func.cardinality(Territory.lineage), Territory.id)
        .with_for_update(read=True)
    )


async def facts(session: AsyncSession, ids: Collection[uuid.UUID]) -> list[DocumentFacts]:
    """Return what search engines are told of these territories, in order of id. All of them are public."""
    territories = await session.scalars(select(Territory).where(Territory.id.in_(ids)).order_by(Territory.id))
    places = await _places(session, ids)
    return [
        DocumentFacts(
            kind=SearchKind.TERRITORIES,
            id=territory.id,
            territory_id=territory.id,
            title=territory.name,
            published_at=territory.created_at,
            description=territory.promise,
            names=(territory.brand_name,) if territory.brand_name else (),
            places=tuple(places.get(territory.id, ())),
            details=(_KIND_WORDS[territory.kind], *territory.brand_values),
        )
        for territory in territories
    ]


async def following(session: AsyncSession, after: uuid.UUID | None, limit: int) -> Sequence[DocumentFacts]:
    """Return the facts of the next ``limit`` territories in order of id, held until the commit."""
    query = select(Territory.id).order_by(Territory.id).limit(limit)
    ids = (await session.scalars(query if after is None else query.where(Territory.id > after))).all()
    await hold(session, ids)
    return await facts(session, ids)


async def _places(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the names and codes that a visitor may type for where a territory is, widest first."""
    rows = await session.execute(
        select(
            TerritoryCommune.territory_id,
            Commune.name,
            Commune.postal_codes,
            Commune.departement_code,
            Commune.departement_name,
            Commune.region_name,
        )
        .join(Commune, Commune.code == TerritoryCommune.commune_code)
        .where(TerritoryCommune.territory_id.in_(ids))
        .order_by(Commune.code)
    )
    wide: defaultdict[uuid.UUID, dict[str, None]] = defaultdict(dict)
    communes: defaultdict[uuid.UUID, list[tuple[str, ...]]] = defaultdict(list)
    for territory_id, name, postal_codes, departement_code, departement_name, region_name in rows:
        wide[territory_id] |= dict.fromkeys((region_name, departement_name, departement_code))
        communes[territory_id].append((name, *postal_codes))
    return {
        territory_id: [
            *names,
            *dict.fromkeys(
                text
                for texts in (communes[territory_id] if len(communes[territory_id]) <= MOST_COMMUNES else ())
                for text in texts
            ),
        ]
        for territory_id, names in wide.items()
    }
