"""A small territory to search in, made for any engine."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.ids import new_id
from service.models import Commune, Posting, Territory
from service.models.enums import PostingState
from service.schemas.search import (
    FacetValue,
    PostingFacet,
    PostingFacts,
    PostingFilters,
    Rebuilt,
    SearchKind,
    SearchPage,
    SearchQuery,
    TogetherPage,
    TogetherQuery,
)
from service.search import Progress, Reader, SearchEngine
from service.search.port import Facts
from service.search.postgresql import PostgresqlEngine
from tests.factories import create_commune, create_occupation, create_territory

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class FedEngine:
    """An engine outside PostgreSQL as it is in use: its tables, which say what is public, come first.

    What is done with a session is done to both; only searches are the other engine's alone.
    """

    def __init__(self, outside: SearchEngine) -> None:
        self.name = outside.name
        self.outside = outside
        self.truth = PostgresqlEngine()

    async def search(self, session: AsyncSession, query: SearchQuery) -> SearchPage:
        return await self.outside.search(session, query)

    async def together(self, session: AsyncSession, query: TogetherQuery) -> TogetherPage:
        return await self.outside.together(session, query)

    async def index(self, session: AsyncSession, documents: Sequence[Facts]) -> None:
        await self.truth.index(session, documents)
        await self.outside.index(session, documents)

    async def remove(self, session: AsyncSession, kind: SearchKind, ids: Sequence[uuid.UUID]) -> None:
        await self.truth.remove(session, kind, ids)
        await self.outside.remove(session, kind, ids)

    async def forget(self, session: AsyncSession, kind: SearchKind, text: str) -> None:
        await self.truth.forget(session, kind, text)
        await self.outside.forget(session, kind, text)

    async def rebuild(
        self, database: Database, kind: SearchKind, read: Reader, progress: Progress
    ) -> Rebuilt:
        await self.truth.rebuild(database, kind, read, progress)
        return await self.outside.rebuild(database, kind, read, progress)

    async def maintain(self, session: AsyncSession) -> None:
        await self.truth.maintain(session)
        await self.outside.maintain(session)


class World:
    """A territory, its communes and trades, and the postings a test adds to them."""

    def __init__(self, session: AsyncSession, engine: SearchEngine, territory: Territory) -> None:
        self.session = session
        self.engine = engine
        self.territory = territory
        self.communes: dict[str, Commune] = {}
        self.titles: dict[uuid.UUID, str] = {}

    async def add(self, title: str, **overrides: Any) -> uuid.UUID:
        """Publish a posting and index it; return its id. Each is one minute older than the one before."""
        [facts] = await self.add_all([{"title": title} | overrides])
        return facts

    async def add_all(self, postings: Sequence[dict[str, Any]]) -> list[uuid.UUID]:
        """Publish postings and index them together; return their ids."""
        documents = [self._facts(**values) for values in postings]
        self.session.add_all(self._posting(facts) for facts in documents)
        await self.session.flush()
        await self.engine.index(self.session, documents)
        return [facts.id for facts in documents]

    def _facts(self, title: str, commune: str | None = None, **overrides: Any) -> PostingFacts:
        values: dict[str, Any] = {
            "id": new_id(),
            "territory_id": self.territory.id,
            "title": title,
            "source": "ancrage",
            "published_at": NOON - timedelta(minutes=len(self.titles)),
        }
        if commune is not None:
            place = self.communes[commune]
            values |= {
                "commune_code": place.code,
                "departement_code": place.departement_code,
                "places": (place.name, place.departement_name, place.region_name),
                "postal_codes": tuple(place.postal_codes),
                "latitude": place.latitude,
                "longitude": place.longitude,
            }
        facts = PostingFacts(**values | overrides)
        self.titles[facts.id] = title
        return facts

    def _posting(self, facts: PostingFacts) -> Posting:
        return Posting(
            id=facts.id,
            territory_id=facts.territory_id,
            title=facts.title,
            description=facts.description,
            state=PostingState.PUBLISHED,
            source=facts.source,
            source_id=None if facts.source == "ancrage" else str(facts.id),
            occupation_code=facts.occupation_code,
            commune_code=facts.commune_code,
            published_at=facts.published_at,
            skills=[],
            skill_codes=[],
            education=[],
            languages=[],
            licences=[],
            benefits=[],
        )

    async def search(self, text: str = "", **values: Any) -> SearchPage:
        """Search this territory; names of filters may be given directly."""
        known = PostingFilters.__slots__
        filters = PostingFilters(**{name: values.pop(name) for name in known if name in values})
        values = {"territory_ids": (self.territory.id,)} | values
        query = SearchQuery(text=text, filters=filters, **values)
        return await self.engine.search(self.session, query)

    async def found(self, text: str = "", **values: Any) -> list[str]:
        """Return the titles found, in order."""
        page = await self.search(text, **{"limit": 100} | values)
        assert page.total == len(page.hits), "the total must be that of the hits"
        return [self.titles[hit.id] for hit in page.hits]

    async def counts(self, facet: PostingFacet, text: str = "", **values: Any) -> dict[str, int]:
        """Return the counts of one facet, by value."""
        page = await self.search(text, facets=(facet,), **values)
        return {value.value: value.count for value in page.facets[facet]}

    async def remove(self, *ids: uuid.UUID) -> None:
        """Take postings out of the index."""
        await self.engine.remove(self.session, SearchKind.POSTINGS, ids)


async def build_world(session: AsyncSession, engine: SearchEngine) -> World:
    """Return an empty world: Ardèche, two communes of it and one further away, and three trades."""
    world = World(session, engine, await create_territory(session))
    for values in (
        {},
        {"code": "07186", "name": "Privas", "postal_codes": ["07000"], "latitude": 44.73, "longitude": 4.59},
        {
            "code": "26362",
            "name": "Valence",
            "postal_codes": ["26000"],
            "departement_code": "26",
            "departement_name": "Drôme",
            "latitude": 44.93,
            "longitude": 4.89,
        },
        {
            "code": "07235",
            "name": "Saint-Étienne-de-Fontbellon",
            "postal_codes": ["07200"],
            "latitude": 44.60,
            "longitude": 4.38,
        },
    ):
        commune = await create_commune(session, **values)
        world.communes[commune.name] = commune
    await create_occupation(session)
    await create_occupation(session, code="J1506", label="Infirmier / Infirmière de soins généraux")
    await create_occupation(session, code="G1803", label="Serveur / Serveuse en restauration")
    return world


def value(of: Sequence[FacetValue], name: str) -> FacetValue:
    """Return the facet value called ``name``."""
    return next(one for one in of if one.value == name)
