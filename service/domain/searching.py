"""Finding a territory's public postings: from the visitor's words to stored documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import FieldError, Invalid
from service.core.reach import elevated
from service.domain import territories
from service.domain.labels import label
from service.domain.postings.queries import public_documents
from service.models import Commune, Territory
from service.schemas.public import PostingSearch
from service.schemas.search import (
    Around,
    FacetValue,
    Highlights,
    PostingFacet,
    PostingFilters,
    SearchPage,
    SearchQuery,
    SortValues,
)
from service.search import SearchEngine

# Facets whose words are ours; the others carry the referential's own.
_OUR_WORDS = {
    PostingFacet.CONTRACT: "contract",
    PostingFacet.REMOTE: "remote",
    PostingFacet.WORKING_TIME: "working_time",
}
_TENSION_WORDS = {
    ("fr", "true"): "Métier en tension",
    ("fr", "false"): "Autre métier",
    ("en", "true"): "Shortage trade",
    ("en", "false"): "Other trade",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A page: documents as JSON text in order, what else to say, and the sort values of the last.

    ``degraded``: the ``engine`` that answered stands in for another, and nobody may keep the answer.
    """

    items: list[str]
    summary: dict[str, Any]
    next: SortValues | None
    engine: str
    degraded: bool


async def _around(session: AsyncSession, search: PostingSearch) -> Around | None:
    if search.near is None:
        return None
    latitude, separator, longitude = search.near.partition(",")
    if separator:
        return Around(latitude=float(latitude), longitude=float(longitude), kilometres=search.radius_km)
    point = (
        await session.execute(select(Commune.latitude, Commune.longitude).where(Commune.code == search.near))
    ).one_or_none()
    if point is None or point.latitude is None:
        message = f"No commune with a known position has the INSEE code {search.near}."
        raise Invalid(message, errors=[FieldError("?near", message, "unknown_code")])
    return Around(latitude=point.latitude, longitude=point.longitude, kilometres=search.radius_km)


def _facet_label(facet: PostingFacet, value: FacetValue, language: str) -> str:
    if facet in _OUR_WORDS:
        return label(_OUR_WORDS[facet], value.value, language)
    if facet is PostingFacet.IN_TENSION:
        return _TENSION_WORDS[language, value.value]
    return value.label or value.value


def _item(document: str, highlights: Highlights | None) -> str:
    if highlights is None:
        return document
    marked = orjson.dumps({"title": highlights.title, "description": highlights.description}).decode()
    return f'{document[:-1]},"highlights":{marked}}}'


def query_of(
    search: PostingSearch, inside: Sequence[UUID], around: Around | None, after: SortValues | None
) -> SearchQuery:
    """Return what an engine is asked: ``search`` in the territories ``inside``."""
    return SearchQuery(
        territory_ids=tuple(inside),
        text=search.q,
        filters=PostingFilters(
            occupations=tuple(search.occupation),
            occupation_domains=tuple(search.domain),
            sectors=tuple(search.sector),
            contracts=tuple(search.contract),
            working_times=tuple(search.working_time),
            in_tension=search.in_tension,
            communes=tuple(search.commune),
            departements=tuple(search.departement),
            around=around,
            yearly_salary_from=search.salary_from,
            remotes=tuple(search.remote),
            published_since=search.published_since,
            employers=tuple(search.employer),
            sources=tuple(search.source),
        ),
        facets=tuple(dict.fromkeys(search.facets)),
        order=search.order,
        limit=search.limit,
        after=after,
        highlight=search.highlight,
    )


def found(page: SearchPage, documents: Mapping[UUID, str], language: str) -> Found:
    """Return an engine's page with the stored documents of its hits; one that has none is left out."""
    return Found(
        items=[_item(documents[hit.id], hit.highlights) for hit in page.hits if hit.id in documents],
        summary={
            "total": page.total,
            "facets": {
                facet.value: [
                    {
                        "value": value.value,
                        "label": _facet_label(facet, value, language),
                        "count": value.count,
                    }
                    for value in values
                ]
                for facet, values in page.facets.items()
            },
            "engine": page.engine,
            "degraded": page.degraded,
            "relaxed": page.relaxed,
            "corrections": [
                {"typed": item.typed, "read_as": list(item.read_as)} for item in page.corrections
            ],
            "ignored": list(page.ignored),
            "cut": page.cut,
        },
        next=page.next,
        engine=page.engine,
        degraded=page.degraded,
    )


async def find_postings(
    session: AsyncSession,
    engine: SearchEngine,
    territory: Territory,
    search: PostingSearch,
    *,
    after: SortValues | None,
    language: str,
) -> Found:
    """Return one page of the postings of ``territory`` and of all inside it. Raises :class:`Invalid`."""
    inside = await territories.ids_showing(session, territory, "postings")
    query = query_of(search, inside, await _around(session, search), after)
    # The index holds only what is public; highlights are marked in the posting's own row.
    async with elevated(session):
        page = await engine.search(session, query)
    documents = await public_documents(session, [hit.id for hit in page.hits], language)
    return found(page, documents, language)
