"""Reading, in the database, what was found outside it: what is not there is not shown."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.schemas.search import PostingFacet, SearchKind
from service.search.highlight import READ

LABELLED: Final = {
    PostingFacet.SECTOR: ("sector", "label"),
    PostingFacet.OCCUPATION: ("occupation", "label"),
    PostingFacet.COMMUNE: ("commune", "name"),
}
"""The table and column of the labels of a facet's values."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the database says: the public things, each with its title and description; and labels.

    Titles and descriptions are read only when they are asked for.
    """

    texts: Mapping[uuid.UUID, tuple[str, str | None]] = field(default_factory=dict)
    labels: Mapping[PostingFacet, Mapping[str, str]] = field(default_factory=dict)


async def prove(
    session: AsyncSession,
    kind: SearchKind,
    territory_ids: Iterable[uuid.UUID],
    ids: Sequence[uuid.UUID],
    *,
    with_texts: bool,
    codes: Mapping[PostingFacet, Collection[str]] | None = None,
) -> Proof:
    """Return which of ``ids`` the public may see there, and the labels of ``codes``. One statement."""
    wanted = {facet: sorted(each) for facet, each in (codes or {}).items() if facet in LABELLED and each}
    if not ids and not wanted:
        return Proof()
    values: dict[str, Any] = {facet.value: each for facet, each in wanted.items()}
    if ids:
        values |= {"ids": list(ids), "territories": list(territory_ids), "now": now()}
        if kind is not SearchKind.POSTINGS:
            values["kind"] = kind.value
    statement = _statement(kind if ids else None, tuple(wanted), with_texts=with_texts)
    texts: dict[uuid.UUID, tuple[str, str | None]] = {}
    labels: dict[PostingFacet, dict[str, str]] = {facet: {} for facet in wanted}
    for what, identity, code, title, description in await session.execute(statement, values):
        if what == "thing":
            texts[identity] = (title or "", description)
        else:
            labels[PostingFacet(what)][code] = title
    return Proof(texts, labels)


@lru_cache(maxsize=64)
def _statement(kind: SearchKind | None, facets: tuple[PostingFacet, ...], *, with_texts: bool) -> TextClause:
    """Return the statement whose rows are things and labels, from fixed parts; every value is bound."""
    parts = []
    if kind is not None:
        parts.append(_public(kind, with_texts=with_texts))
    for facet in facets:
        table, column = LABELLED[facet]
        parts.append(
            f"SELECT '{facet.value}', CAST(NULL AS uuid), code, {column}, NULL FROM {table} "  # noqa: S608 - made of fixed parts; every value is bound
            f"WHERE code = ANY(CAST(:{facet.value} AS text[]))"
        )
    return text(" UNION ALL ".join(parts))


def _public(kind: SearchKind, *, with_texts: bool) -> str:
    columns = f"t.title, left(t.description, {READ})" if with_texts else "NULL, NULL"
    there = (
        "x.territory_id = ANY(CAST(:territories AS uuid[])) "
        "AND (x.valid_through IS NULL OR x.valid_through > :now)"
    )
    if kind is SearchKind.POSTINGS:
        return f"""
            SELECT 'thing' AS what, x.posting_id AS id, CAST(NULL AS text) AS code, {columns}
            FROM posting_index AS x JOIN posting AS t ON t.id = x.posting_id
            WHERE x.posting_id = ANY(CAST(:ids AS uuid[])) AND t.state = 'published' AND t.shown AND {there}
        """  # noqa: S608 - made of fixed parts; every value is bound
    return f"""
        SELECT 'thing' AS what, x.document_id AS id, CAST(NULL AS text) AS code, {columns.replace("t.", "x.")}
        FROM search_document AS x
        WHERE x.kind = :kind AND x.document_id = ANY(CAST(:ids AS uuid[])) AND {there}
    """  # noqa: S608 - made of fixed parts; every value is bound
