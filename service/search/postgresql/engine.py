"""The engine that answers from, and writes to, PostgreSQL."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, delete, exists, or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.models import Posting, PostingIndex, PostingWords, SearchDocument
from service.models.enums import PostingState
from service.schemas.search import (
    DocumentFacts,
    FacetValue,
    Hit,
    PostingFacet,
    Rebuilt,
    SearchKind,
    SearchPage,
    SearchQuery,
    TogetherPage,
    TogetherQuery,
)
from service.search.highlight import Wanted, highlights
from service.search.port import Facts, Progress, Reader
from service.search.postgresql import statements, together, vocabulary
from service.search.postgresql.asking import Position, filter_values, filters_in_use, word_values
from service.search.postgresql.reading import ALL_WORDS, ALL_WORDS_ANYWHERE, read
from service.search.postgresql.writing import document_row, index_row, words_row
from service.search.query import parse
from service.search.words import Remembered, words

_BATCH = 200
_ANALYZE = text("ANALYZE posting_index, posting_words, search_document, search_word")

_Table = type[PostingIndex | PostingWords | SearchDocument]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The rows of a statement, sorted out."""

    total: int
    facets: dict[PostingFacet, tuple[FacetValue, ...]]
    hits: list[Row[Any]]

    @classmethod
    def of(cls, rows: Sequence[Row[Any]], facets: Iterable[PostingFacet]) -> Self:
        total = 0
        hits: list[Row[Any]] = []
        counted: dict[str, list[FacetValue]] = {facet.value: [] for facet in facets}
        for row in rows:
            if row.what == "hit":
                hits.append(row)
            elif row.what == "total":
                total = row.number
            else:
                value = FacetValue(value=row.value, label=row.label, count=row.number)
                counted[row.what].append(value)
        hits.sort(key=lambda hit: hit.number)
        listed = {
            PostingFacet(facet): tuple(sorted(values, key=lambda one: (-one.count, one.value)))
            for facet, values in counted.items()
        }
        return cls(total, listed, hits)


class PostgresqlEngine:
    """Searches inside PostgreSQL; its index changes in the caller's transaction."""

    name = "postgresql"

    async def search(self, session: AsyncSession, query: SearchQuery) -> SearchPage:
        """Return one page of ``query``; see :class:`service.search.SearchEngine`.

        One statement, and one to three small look-ups in the vocabulary when there is a text. A text
        nothing answers to entirely is asked again with fewer words.
        """
        parsed = parse(query.text)
        after = None if query.after is None else Position.read(query.after)
        reading = await read(session, (query.kind,), parsed) if parsed.searches else None
        lost = after.lost if after else reading.lost if reading else 0
        levels = reading.levels(lost) if reading else {ALL_WORDS: ""}
        if after is not None:
            levels = after.of(levels)

        in_use = filters_in_use(query.filters)
        ranked = reading.ranked if reading else ()
        shape = statements.Shape(
            searches=reading is not None,
            ranked=len(ranked),
            lesser=tuple(number for number, word in enumerate(ranked) if word.lesser()),
            filters=frozenset(in_use) | {_scope(query)},
            facets=tuple(dict.fromkeys(query.facets)),
            order=query.order,
            after=after is not None,
            highlight=query.highlight and reading is not None,
        )
        values = filter_values(query, in_use) | {"rows": query.limit + 1}
        if reading is not None:
            values |= word_values(reading)
        if after is not None:
            values |= after.parameters()
        level, answer = await _ask(session, shape, levels, values)
        shown = answer.hits[: query.limit]
        wanted = Remembered(reading.wanted()) if reading else None
        return SearchPage(
            hits=_hits(shown, wanted if query.highlight else None),
            total=answer.total,
            facets=answer.facets,
            next=_position(level, lost, shown[-1]).values() if len(answer.hits) > query.limit else None,
            engine=self.name,
            relaxed=level not in {ALL_WORDS, ALL_WORDS_ANYWHERE},
            ignored=reading.ignored if reading else (),
            corrections=reading.corrections if reading else (),
            cut=parsed.cut,
            wanted=wanted,
        )

    async def together(self, session: AsyncSession, query: TogetherQuery) -> TogetherPage:
        """Return one page of several kinds; see :func:`service.search.postgresql.together.together`."""
        return await together.together(session, query, self.name)

    async def index(self, session: AsyncSession, documents: Sequence[Facts]) -> None:
        """Write the rows of these documents, in the session's transaction."""
        if not documents:
            return
        await session.flush()
        narrow: list[dict[str, Any]] = []
        rows: dict[_Table, list[dict[str, Any]]] = {PostingWords: [], SearchDocument: []}
        stems: dict[SearchKind, dict[str, str]] = defaultdict(dict)
        for facts in documents:
            if isinstance(facts, DocumentFacts):
                row, found = document_row(facts)
                rows[SearchDocument].append(row)
                stems[facts.kind] |= found
            else:
                row, found = words_row(facts)
                narrow.append(index_row(facts))
                rows[PostingWords].append(row)
                stems[SearchKind.POSTINGS] |= found
        for table, written in ({PostingIndex: narrow} | rows).items():
            if written:
                await _write(session, table, written)
        for kind, found in stems.items():
            await vocabulary.add(session, kind, found)

    async def remove(self, session: AsyncSession, kind: SearchKind, ids: Sequence[uuid.UUID]) -> None:
        """Delete the rows of these documents, in the session's transaction."""
        if kind is not SearchKind.POSTINGS:
            gone = (SearchDocument.kind == kind, SearchDocument.document_id.in_(ids))
            await session.execute(delete(SearchDocument).where(*gone))
            return
        for table in (PostingIndex, PostingWords):
            await session.execute(delete(table).where(table.posting_id.in_(ids)))

    async def forget(self, session: AsyncSession, kind: SearchKind, text: str) -> None:
        """Delete the words of ``text`` from the vocabulary, unless a document still has them."""
        await vocabulary.forget(session, kind, {word.folded: word.stem for word in words(text)})

    async def rebuild(
        self, database: Database, kind: SearchKind, read: Reader, progress: Progress
    ) -> Rebuilt:
        """Write the rows of every document again; delete those of postings the public may not see.

        What is public of other kinds is not for the engine to know: whoever rebuilds them removes the rest.
        """
        removed = 0
        async with database.transaction() as session:
            for table in (PostingIndex, PostingWords) if kind is SearchKind.POSTINGS else ():
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


async def _ask(
    session: AsyncSession, shape: statements.Shape, levels: Mapping[int, str], values: Mapping[str, Any]
) -> tuple[int, _Answer]:
    """Return the first level that something answers to, and the answer.

    If nothing answers at all, that of the first level: its facets may still count something.
    """
    first: _Answer | None = None
    for level, match in levels.items():
        rows = await session.execute(statements.search(shape), {**values, "match": match})
        answer = _Answer.of(rows.all(), shape.facets)
        if answer.total:
            return level, answer
        first = first or answer
    return ALL_WORDS, first or _Answer.of((), shape.facets)


def _position(level: int, lost: int, row: Row[Any]) -> Position:
    return Position(level, lost, row.score, row.published_at, row.posting_id)


def _hits(rows: Sequence[Row[Any]], wanted: Wanted | None) -> tuple[Hit, ...]:
    if wanted is None:
        return tuple(Hit(id=row.posting_id) for row in rows)
    return tuple(
        Hit(id=row.posting_id, highlights=highlights(row.title, row.description, wanted)) for row in rows
    )


async def _write(session: AsyncSession, table: _Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace rows; those already there with the same values are left alone."""
    statement = insert(table)
    columns = [column for column in table.__table__.columns if not column.primary_key]
    changed = [statement.excluded[column.name] for column in columns]
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[column.name for column in table.__table__.columns if column.primary_key],
            set_={column.name: value for column, value in zip(columns, changed, strict=True)},
            where=or_(
                *(column.is_distinct_from(value) for column, value in zip(columns, changed, strict=True))
            ),
        ),
        rows,
    )
