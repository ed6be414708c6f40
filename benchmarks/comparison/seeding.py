"""What is measured on: one territory's postings, published as the application publishes them.

The same seed gives the same postings. Persons and employers are invented; see ``search_postings`` for the
words.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.search_postings import NEWEST, Material, material, postings
from service.core.clock import frozen
from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.migrations import migrate
from service.core.text import fold
from service.domain import publication
from service.models import Commune, Occupation, Posting, Territory
from service.models.enums import OccupationOrigin, PostingState, SalaryUnit, TerritoryKind
from service.schemas.search import PostingFacts
from service.search import transactional_engine

SLUG: Final = "banc"
_BATCH: Final = 500
_EMPTY: Final[dict[str, list[str]]] = {
    name: [] for name in ("skill_codes", "education", "languages", "licences", "benefits")
}


async def seed(url: str, count: int, dice: int, tell: Callable[[str], None]) -> bool:
    """Make the tables at ``url`` and publish ``count`` postings; return whether their words are real ones."""
    bind = create_engine(url)
    await migrate(bind)
    database = Database(bind)
    made_of = material(dice)
    async with database.transaction() as session:
        territory = await _frame(session, made_of)
    facts = list(postings(made_of, count, territory.id, random.Random(dice)))  # noqa: S311 - the same each time
    # Postings that are not a moment older at the next run.
    with frozen(NEWEST + timedelta(hours=1)):
        for start in range(0, count, _BATCH):
            batch = facts[start : start + _BATCH]
            async with database.transaction() as session:
                await session.execute(insert(Posting), list(_rows(batch)))
                ids = [one.id for one in batch]
                rows = await session.scalars(select(Posting).where(Posting.id.in_(ids)))
                await publication.refresh(session, list(rows))
            if start % 5_000 == 0:
                tell(f"  {start + len(batch):,} of {count:,} postings published")
        async with database.transaction() as session:
            await transactional_engine().maintain(session)
    async with bind.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE"))
    await database.close()
    return made_of.real


async def _frame(session: AsyncSession, made_of: Material) -> Territory:
    """Add the territory, and the communes and occupations that postings refer to."""
    territory = Territory(
        id=new_id(),
        slug=SLUG,
        name="Banc",
        kind=TerritoryKind.DEPARTEMENT,
        coverage={"departements": ["07"]},
        brand_values=[],
        colours={},
        languages=["fr"],
        contacts=[],
        features=["postings"],
    )
    territory.lineage = [territory.id]
    session.add(territory)
    session.add_all(
        Commune(
            code=place.code,
            name=place.name,
            folded_name=fold(place.name),
            postal_codes=[place.postal_code],
            departement_code="07",
            departement_name="Ardèche",
            region_code="84",
            region_name="Auvergne-Rhône-Alpes",
            latitude=place.latitude,
            longitude=place.longitude,
        )
        for place in made_of.places
    )
    session.add_all(
        Occupation(code=trade.code, label=trade.label, folded_label=fold(trade.label))
        for trade in made_of.trades
    )
    await session.flush()
    return territory


def _rows(batch: Sequence[PostingFacts]) -> Iterator[dict[str, Any]]:
    for facts in batch:
        pay = facts.yearly_salary_min
        yield {
            "id": facts.id,
            "territory_id": facts.territory_id,
            "title": facts.title,
            "description": facts.description,
            "state": PostingState.PUBLISHED,
            "source": facts.source,
            "source_id": str(facts.id),
            "source_url": f"https://emplois.example.org/{facts.id}",
            "source_created_at": facts.published_at,
            "published_at": facts.published_at,
            "employer_name": facts.employer_name,
            "occupation_code": facts.occupation_code,
            "occupation_origin": OccupationOrigin.SOURCE,
            "contract_kind": facts.contract_kind,
            "working_time": facts.working_time,
            "remote": facts.remote,
            "in_tension": facts.in_tension,
            "sector_code": facts.sector_code,
            "commune_code": facts.commune_code,
            "departement_code": facts.departement_code,
            "postal_code": facts.postal_codes[0],
            "place_label": facts.places[0],
            "latitude": facts.latitude,
            "longitude": facts.longitude,
            "salary_min": pay,
            "salary_max": None if pay is None else pay + Decimal(1_000),
            "salary_unit": None if pay is None else SalaryUnit.YEAR,
            "yearly_salary_min": pay,
            "yearly_salary_max": None if pay is None else pay + Decimal(1_000),
            "skills": [{"code": None, "label": label, "required": False} for label in facts.skills],
            **_EMPTY,
        }


async def titles(url: str) -> list[str]:
    """Return the titles of all postings, always in the same order."""
    bind = create_engine(url)
    async with Database(bind).sessions() as session:
        found = list(await session.scalars(select(Posting.title).order_by(Posting.title)))
    await bind.dispose()
    return found
