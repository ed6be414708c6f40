"""The engine that answers from, and writes to, PostgreSQL."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, exists, or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.models import Posting, PostingIndex, PostingWords
from service.models.enums import PostingState
from service.schemas.search import (
    FacetValue,
    Hit,
    PostingFacet,
    PostingFacts,
    Rebuilt,
    SearchKind,
    SearchPage,
    SearchQuery,
)
from service.search.highlight import Wanted, highlights
from service.search.port import Progress, Reader
from service.search.postgresql import statements, vocabulary
from service.search.postgresql.asking import Position, filter_values, filters_in_use, word_values
from service.search.postgresql.reading import ALL_WORDS, ALL_WORDS_ANYWHERE, read
from service.search.postgresql.writing import index_row, words_row
from service.search.query import parse

_BATCH = 200
_ANALYZE = text("ANALYZE posting_index, posting_words, search_word")

_TABLES: dict[SearchKind, tuple[type[PostingIndex | PostingWords], ...]] = {
    SearchKind.POSTINGS: (PostingIndex, PostingWords)
}

_Facets = dict[PostingFacet, tuple[FacetValue, ...]]


class PostgresqlEngine:
    """Searches inside PostgreSQL; its index changes in the caller's transaction."""

    name = "postgresql"

    async def search(self, session: AsyncSession, query: SearchQuery) -> SearchPage:
        """Return one page of ``query``; see :class:`service.search.SearchEngine`.

        Two statements, and one to three small look-ups in the vocabulary when there is a text. A text
        nothing answers to entirely is asked again with fewer words.
        """
        parsed = parse(query.text)
        after = None if query.after is None else Position.read(query.after)
        reading = await read(session, query.kind, parsed) if parsed.searches else None
        lost = after.lost if after else reading.lost if reading else 0
        levels = reading.levels(lost) if reading else {ALL_WORDS: ""}
        if after is not None:
            levels = after.of(levels)

        in_use = filters_in_use(query.filters)
        shape = statements.Shape(
            searches=reading is not None,
            words=tuple(bool(word.lesser()) for word in reading.ranked) if reading else (),
            filters=frozenset(in_use) | {_scope(query)},
            facets=tuple(dict.fromkeys(query.facets)),
            order=query.order,
            after=after is not None,
            highlight=query.highlight and reading is not None,
        )
        values = filter_values(query, in_use) | (word_values(reading) if reading else {})
        level, total, facets = await _count(session, shape, levels, values)
        rows: Sequence[Row[Any]] = ()
        if total:
            values |= {"match": levels[level], "rows": query.limit + 1}
            if after is not None:
                values |= {
                    "after_score": after.score,
                    "after_date": after.published_at,
                    "after_id": after.posting_id,
                }
            rows = (await session.execute(statements.page(shape), values)).all()
        shown = rows[: query.limit]
        return SearchPage(
            hits=_hits(shown, reading.wanted() if reading and query.highlight else None),
            total=total,
            facets=facets,
            next=_position(level, lost, shown[-1]).values() if len(rows) > query.limit else None,
            engine=self.name,
            relaxed=level not in {ALL_WORDS, ALL_WORDS_ANYWHERE},
            ignored=reading.ignored if reading else (),
            corrections=reading.corrections if reading else (),
            cut=parsed.cut,
        )

    async def index(self, session: AsyncSession, documents: Sequence[PostingFacts]) -> None:
        """Write the rows of these postings, in the session's transaction."""
        if not documents:
            return
        await session.flush()
        rows: list[dict[str, Any]] = []
        stems: dict[str, str] = {}
        for facts in documents:
            row, found = words_row(facts)
            rows.append(row)
            stems |= found
        await _write(session, PostingIndex, [index_row(facts) for facts in documents])
        await _write(session, PostingWords, rows)
        await vocabulary.add(session, SearchKind.POSTINGS, stems)

    async def remove(self, session: AsyncSession, kind: SearchKind, ids: Sequence[uuid.UUID]) -> None:
        """Delete the rows of these postings, in the session's transaction."""
        for table in _TABLES[kind]:
            await session.execute(delete(table).where(table.posting_id.in_(ids)))

    async def rebuild(
        self, database: Database, kind: SearchKind, read: Reader, progress: Progress
    ) -> Rebuilt:
        """Delete the rows of postings the public may not see, and write all others again."""
        removed = 0
        async with database.transaction() as session:
            for table in _TABLES[kind]:
                public = exists().where(
                    Posting.id == table.posting_id, Posting.state == PostingState.PUBLISHED, Posting.shown
                )
                gone = await session.scalars(delete(table).where(~public).returning(table.posting_id))
                removed = max(removed, len(gone.all()))
        indexed = 0
        after: uuid.UUID | None = None
        while True:
            async with database.transaction() as session:
                facts = await read(session, after, _BATCH)
                await self.index(session, facts)
            if not facts:
                break
            after = facts[-1].id
            indexed += len(facts)
            progress(indexed)
        async with database.transaction() as session:
            await self.maintain(session)
        return Rebuilt(indexed=indexed, removed=removed)

    async def maintain(self, session: AsyncSession) -> None:
        """Count how often each word is used, for misspellings, and measure the tables for the planner."""
        await vocabulary.count(session)
        await session.execute(_ANALYZE)


def _scope(query: SearchQuery) -> str:
    # For one territory, an index gives the newest postings in order.
    return "territory" if len(query.territory_ids) == 1 else "territories"


async def _count(
    session: AsyncSession, shape: statements.Shape, levels: Mapping[int, str], values: Mapping[str, Any]
) -> tuple[int, int, _Facets]:
    """Return the first level that something answers to, how many do, and the facets.

    If nothing answers at all, the facets are those of the first level.
    """
    first: _Facets = dict.fromkeys(shape.facets, ())
    for number, (level, match) in enumerate(levels.items()):
        total = 0
        found: dict[PostingFacet, list[FacetValue]] = {facet: [] for facet in shape.facets}
        for what, value, label, count, *_ in await session.execute(
            statements.counts(shape), {**values, "match": match}
        ):
            if what == "total":
                total = count
            else:
                found[PostingFacet(what)].append(FacetValue(value=value, label=label, count=count))
        facets = {facet: tuple(listed) for facet, listed in found.items()}
        if total:
            return level, total, facets
        if not number:
            first = facets
    return ALL_WORDS, 0, first


def _position(level: int, lost: int, row: Row[Any]) -> Position:
    return Position(level, lost, row.score, row.published_at, row.posting_id)


def _hits(rows: Sequence[Row[Any]], wanted: Wanted | None) -> tuple[Hit, ...]:
    if wanted is None:
        return tuple(Hit(id=row[0]) for row in rows)
    return tuple(Hit(id=row[0], highlights=highlights(row.title, row.description, wanted)) for row in rows)


async def _write(
    session: AsyncSession, table: type[PostingIndex | PostingWords], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert or replace rows; those already there with the same values are left alone."""
    statement = insert(table)
    columns = [column for column in table.__table__.columns if column.name != "posting_id"]
    changed = [statement.excluded[column.name] for column in columns]
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["posting_id"],
            set_={column.name: value for column, value in zip(columns, changed, strict=True)},
            where=or_(
                *(column.is_distinct_from(value) for column, value in zip(columns, changed, strict=True))
            ),
        ),
        rows,
    )
