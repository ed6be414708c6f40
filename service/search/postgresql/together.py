"""Several kinds in one statement: the same words, levels and scores as postings alone, ranked together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import BadCursor
from service.schemas.search import SearchKind, SortValues, TogetherHit, TogetherPage, TogetherQuery
from service.search.highlight import Wanted, highlights
from service.search.postgresql.asking import Position, word_values
from service.search.postgresql.reading import ALL_WORDS, ALL_WORDS_ANYWHERE, read
from service.search.postgresql.statements import score
from service.search.query import parse

_ORDER = "x.score DESC, x.published_at DESC, x.id DESC, x.kind DESC"
_BEYOND = """
    (x.score, x.published_at, x.id, x.kind)
    < (:after_score, :after_date, :after_id, CAST(:after_kind AS text))
"""
_NO_HIT = """
    CAST(NULL AS uuid) AS id, CAST(NULL AS int) AS score, CAST(NULL AS timestamptz) AS published_at,
    NULL AS title, NULL AS description
"""


class Shape(NamedTuple):
    """All that decides the statement's text; see ``statements.Shape``."""

    kinds: tuple[SearchKind, ...]
    searches: bool
    ranked: int
    lesser: tuple[int, ...]
    after: bool
    highlight: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a hit stands among hits of all kinds; two kinds may know one thing by the same id."""

    position: Position
    kind: SearchKind

    @classmethod
    def read(cls, values: SortValues) -> Self:
        """Return the place ``values`` was made from. Raises :class:`BadCursor` if it was not."""
        try:
            return cls(Position.read(values[:-1]), SearchKind(str(values[-1])))
        except (IndexError, ValueError) as error:
            message = "`after` does not come from a page of this search."
            raise BadCursor(message) from error

    def values(self) -> SortValues:
        """Return what :meth:`read` reads."""
        return (*self.position.values(), self.kind.value)

    def parameters(self) -> dict[str, Any]:
        """Return the values that the condition on the next page binds."""
        return self.position.parameters() | {"after_kind": self.kind.value}


async def together(session: AsyncSession, query: TogetherQuery, engine: str) -> TogetherPage:
    """Return one page of ``query``, answered by ``engine``; see :class:`service.search.SearchEngine`.

    One statement, and one to three small look-ups in the vocabulary of all kinds when there is a text. All
    kinds give way together: while one of them has every word, none shows what has only some.
    """
    kinds = tuple(one.kind for one in query.sought)
    parsed = parse(query.text)
    after = None if query.after is None else _Place.read(query.after)
    reading = await read(session, kinds, parsed) if parsed.searches else None
    lost = after.position.lost if after else reading.lost if reading else 0
    levels = reading.levels(lost) if reading else {ALL_WORDS: ""}
    if after is not None:
        levels = after.position.of(levels)

    ranked = reading.ranked if reading else ()
    shape = Shape(
        kinds=kinds,
        searches=reading is not None,
        ranked=len(ranked),
        lesser=tuple(number for number, word in enumerate(ranked) if word.lesser()),
        after=after is not None,
        highlight=query.highlight and reading is not None,
    )
    values: dict[str, Any] = {"now": now(), "rows": query.limit + 1}
    for one in query.sought:
        values |= {f"territories_{one.kind}": list(one.territory_ids)}
        if reading is not None:
            values |= {f"weight_{one.kind}": one.weight}
    if reading is not None:
        values |= word_values(reading)
    if after is not None:
        values |= after.parameters()
    level, totals, hits = await _ask(session, shape, levels, values)
    shown = hits[: query.limit]
    return TogetherPage(
        hits=_hits(shown, reading.wanted() if reading and query.highlight else None),
        totals=totals,
        next=_place(level, lost, shown[-1]).values() if len(hits) > query.limit else None,
        engine=engine,
        relaxed=level not in {ALL_WORDS, ALL_WORDS_ANYWHERE},
        ignored=reading.ignored if reading else (),
        corrections=reading.corrections if reading else (),
        cut=parsed.cut,
    )


async def _ask(
    session: AsyncSession, shape: Shape, levels: Mapping[int, str], values: Mapping[str, Any]
) -> tuple[int, dict[SearchKind, int], list[Row[Any]]]:
    """Return the first level that anything of any kind answers to, the totals, and the rows in order."""
    totals = dict.fromkeys(shape.kinds, 0)
    for level, match in levels.items():
        searching = {"match": match} if shape.searches else {}
        rows = (await session.execute(statement(shape), {**values, **searching})).all()
        counted = {SearchKind(row.kind): row.number for row in rows if row.what == "total"}
        if counted:
            hits = sorted((row for row in rows if row.what == "hit"), key=lambda row: row.number)
            return level, totals | counted, hits
    return ALL_WORDS, totals, []


def _place(level: int, lost: int, row: Row[Any]) -> _Place:
    return _Place(Position(level, lost, row.score, row.published_at, row.id), SearchKind(row.kind))


def _hits(rows: Sequence[Row[Any]], wanted: Wanted | None) -> tuple[TogetherHit, ...]:
    return tuple(
        TogetherHit(
            kind=SearchKind(row.kind),
            id=row.id,
            score=row.score,
            highlights=highlights(row.title, row.description, wanted) if wanted else None,
        )
        for row in rows
    )


@lru_cache(maxsize=256)
def statement(shape: Shape) -> TextClause:
    """Return the statement of one search over kinds.

    ``what`` a row is: ``total``, with its ``kind`` and ``number``; or ``hit``, with ``kind``, ``id``,
    ``score``, ``published_at`` and, when highlights are asked, ``title`` and ``description``; its ``number``
    is its place. A kind without hits has no total. Rows have no order.
    """
    # Without a text nothing has a score: each kind's newest are enough to find the newest of all.
    every = "found" if shape.searches else f"({_union(shape, newest=True)})"
    return text(
        f"""
        WITH found AS {"" if shape.searches else "NOT"} MATERIALIZED ({_union(shape, newest=False)}),
        page AS (
            SELECT * FROM {every} AS x {f"WHERE {_BEYOND}" if shape.after else ""}
            ORDER BY {_ORDER} LIMIT :rows
        )
        SELECT 'total' AS what, kind, count(*) AS number, {_NO_HIT} FROM found GROUP BY kind
        UNION ALL ({_shown(shape)})
        """  # noqa: S608 - made of fixed parts; every value is bound
    )


def _union(shape: Shape, *, newest: bool) -> str:
    return " UNION ALL ".join(f"({_branch(shape, kind, newest=newest)})" for kind in shape.kinds)


def _branch(shape: Shape, kind: SearchKind, *, newest: bool) -> str:
    """Return the query of what is found of one kind; with ``newest``, only what one page may need of it."""
    required = []
    if kind is SearchKind.POSTINGS:
        row, thing, source = "x", "x.posting_id", "posting_index AS x"
        if shape.searches:
            source = "posting_words AS w JOIN posting_index AS x ON x.posting_id = w.posting_id"
    else:
        row, thing, source = "w", "w.document_id", "search_document AS w"
        required.append(f"w.kind = '{kind}'")
    required += [
        f"{row}.territory_id = ANY(CAST(:territories_{kind} AS uuid[]))",
        f"({row}.valid_through IS NULL OR {row}.valid_through > :now)",
    ]
    points = "0"
    if shape.searches:
        required.append("w.stems @@ CAST(:match AS tsquery)")
        points = f"CAST(:weight_{kind} * {score(shape.ranked, shape.lesser)} AS int)"
    last = ""
    if newest:
        last = f"ORDER BY {row}.published_at DESC, {thing} DESC LIMIT :rows + 1"
        if shape.after:
            # What stands where the last page ended is of another kind, or was shown: hence one row more.
            required.append(f"({row}.published_at, {thing}) <= (:after_date, :after_id)")
    return f"""
        SELECT CAST('{kind}' AS text) AS kind, {thing} AS id, {row}.published_at, {points} AS score
        FROM {source} WHERE {" AND ".join(required)} {last}
    """  # noqa: S608 - made of fixed parts; every value is bound


def _shown(shape: Shape) -> str:
    """Return the query of the rows of the page, numbered in order."""
    texts, join = "NULL, NULL", ""
    if shape.highlight:
        texts = "coalesce(p.title, d.title), coalesce(p.description, d.description)"
        join = f"""
            LEFT JOIN posting AS p ON x.kind = '{SearchKind.POSTINGS}' AND p.id = x.id
            LEFT JOIN search_document AS d ON d.kind = x.kind AND d.document_id = x.id
        """
    return (
        f"SELECT 'hit', x.kind, row_number() OVER (ORDER BY {_ORDER}), "  # noqa: S608 - made of fixed parts; every value is bound
        f"x.id, x.score, x.published_at, {texts} FROM page AS x {join}"
    )
