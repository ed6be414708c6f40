"""A territory's public postings at one moment, held in memory: what lists need beside the documents."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.domain.searching import Found, found, query_of
from service.schemas.public import PostingSearch
from service.schemas.search import Around, Hit, SearchPage, SortValues
from service.search.highlight import Wanted, highlights
from service.search.port import SearchEngine
from service.search.postgresql.columns import Columns, load

LARGEST: Final = 200_000
"""Postings of a territory that is held; a larger one is asked of PostgreSQL each time."""

_TERRITORY: Final = """
    SELECT t.id, t.public_version,
        ARRAY(
            SELECT i.id FROM territory AS i WHERE i.lineage @> ARRAY[t.id] AND i.features @> '{postings}'
        ) AS inside
    FROM territory AS t WHERE t.slug = $1 AND t.features @> '{postings}'
"""
_AHEAD: Final = """
    SELECT count(*) AS rows, min(x.valid_through) FILTER (WHERE x.valid_through > $2) AS until
    FROM posting_index AS x WHERE x.territory_id = ANY($1::uuid[])
"""
DOCUMENTS: Final = """
    SELECT t.public_version, d.posting_id, d.document::text AS document
    FROM territory AS t
    LEFT JOIN posting_document AS d ON d.posting_id = ANY($2::uuid[]) AND d.language = $3
    WHERE t.id = $1
"""
_POINT: Final = "SELECT latitude, longitude FROM commune WHERE code = $1"


@dataclass(frozen=True, slots=True)
class Shown:
    """What ``territory`` and all inside it show, as of its ``version``; ``until``: a posting expires then."""

    territory_id: uuid.UUID
    version: int
    inside: tuple[uuid.UUID, ...]
    until: datetime | None
    columns: Columns | None

    @property
    def lasts(self) -> bool:
        """Whether nothing in it has expired."""
        return self.until is None or self.until > now()


async def read_shown(connection: Any, slug: str, *, held: bool) -> Shown | None:
    """Return what the territory ``slug`` shows now; None if it shows no postings, or too many.

    ``held``: with the facts of its postings; an engine outside needs none of them.
    """
    moment = now()
    # All of one moment: the version is that of the rows.
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        territory = await connection.fetchrow(_TERRITORY, slug)
        if territory is None:
            return None
        ahead = await connection.fetchrow(_AHEAD, territory["inside"], moment)
        if held and ahead["rows"] > LARGEST:
            return None
        columns = await load(connection, territory["inside"], moment) if held else None
    return Shown(
        territory["id"], territory["public_version"], tuple(territory["inside"]), ahead["until"], columns
    )


async def circle(connection: Any, search: PostingSearch) -> Around | None:
    """Return the circle that ``search`` asks for. Raises :class:`LookupError` for an unknown commune."""
    if search.near is None:
        return None
    latitude, separator, longitude = search.near.partition(",")
    if not separator:
        row = await connection.fetchrow(_POINT, search.near)
        if row is None or row["latitude"] is None:
            raise LookupError(search.near)
        latitude, longitude = row
    return Around(latitude=float(latitude), longitude=float(longitude), kilometres=search.radius_km)


def look_up(
    shown: Shown, search: PostingSearch, around: Around | None, after: SortValues | None
) -> SearchPage | None:
    """Return the page that ``search`` finds in what is shown; None for what only an engine can find."""
    if shown.columns is None:
        return None
    return shown.columns.search(query_of(search, shown.inside, around, after))


async def ask(
    session: AsyncSession,
    engine: SearchEngine,
    shown: Shown,
    search: PostingSearch,
    around: Around | None,
    after: SortValues | None,
) -> SearchPage:
    """Return the page that ``engine`` finds; :func:`tell` marks its words, in the documents."""
    query = query_of(search, shown.inside, around, after)
    page = await engine.search(session, replace(query, highlight=False))
    return page if search.highlight else replace(page, wanted=None)


async def tell(connection: Any, shown: Shown, page: SearchPage, language: str) -> Found | None:
    """Return ``page`` with its documents, what it wants marked in them.

    None when ``shown`` is no longer what the public sees.
    """
    ids = [hit.id for hit in page.hits]
    rows = await connection.fetch(DOCUMENTS, shown.territory_id, ids, language)
    if not rows or rows[0]["public_version"] != shown.version or not shown.lasts:
        return None
    documents = {row["posting_id"]: row["document"] for row in rows}
    if (wanted := page.wanted) is not None:
        page = replace(page, hits=tuple(_marked(hit, documents.get(hit.id), wanted) for hit in page.hits))
    return found(page, documents, language)


def _marked(hit: Hit, document: str | None, wanted: Wanted) -> Hit:
    """Return ``hit`` with the words found in the texts of its document, which are the posting's own."""
    if document is None:
        return hit
    read = orjson.loads(document)
    return Hit(id=hit.id, highlights=highlights(read["title"], read["description"], wanted))
