"""The one statement a search runs: it counts, and returns the page.

Only the shape of a query makes its text, from fixed parts; every value is bound. A shape's text is
made once, and PostgreSQL keeps its plan.
"""

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import TextClause, text

from service.schemas.search import FACET_SIZE, PostingFacet, SearchOrder
from service.search.postgresql.conditions import COUNTED, Counted, condition, conditions

# What a word weighs where it is found: title, occupation, surroundings. In a description: nothing.
_WEIGHTS = "CAST('{0, 0.25, 0.5, 1}' AS real[])"
_TITLE_ONLY = "CAST('{0, 0, 0, 1}' AS real[])"
# ts_rank divides by pi²/6 and by the number of operands; both are undone, to count words.
_UNIT = 1.64493406685
_LESSER = 0.6
_WHOLE_TITLE = 0.2  # Twice: for the share of the title whose stems were typed, and whose words were.
_SAME_TITLE = 0.3
_TITLE_BEGINS_SO = 0.2
_STEPS = 20  # Scores closer than a twentieth are equal, so that the newest comes first.

_NO_HIT = """
    CAST(NULL AS uuid) AS posting_id, CAST(NULL AS int) AS score, CAST(NULL AS timestamptz) AS published_at,
    NULL AS title, NULL AS description
"""


class Shape(NamedTuple):
    """All that decides a statement's text.

    ``ranked`` says how many words rank, and ``lesser`` which of them have lesser answers. ``filters``
    names the conditions in use. ``after``: it is not the first page.
    """

    searches: bool
    ranked: int
    lesser: tuple[int, ...]
    filters: frozenset[str]
    facets: tuple[PostingFacet, ...]
    order: SearchOrder
    after: bool
    highlight: bool

    @property
    def ranks(self) -> bool:
        """Whether hits have a score."""
        return self.searches and self.order is SearchOrder.RELEVANCE

    @property
    def own(self) -> tuple[Counted, ...]:
        """The facets that are filtered on: their counts ignore that filter."""
        return tuple(COUNTED[facet] for facet in self.facets if COUNTED[facet].filter in self.filters)


@lru_cache(maxsize=512)
def search(shape: Shape) -> TextClause:
    """Return the statement of one search.

    ``what`` a row is: ``total``, the name of a facet or ``hit``. A total has a ``number``; a facet's
    row also ``value`` and ``label``; a hit ``posting_id``, ``score``, ``published_at`` and, when
    highlights are asked, ``title`` and ``description``; its ``number`` is its place. Rows have no order.
    """
    counted = [COUNTED[facet] for facet in shape.facets]
    everywhere = shape.filters - {one.filter for one in shape.own}
    found = ["x.posting_id", "x.published_at", *(f"x.{one.column}" for one in counted)]
    found += [f"{condition(one.filter)} AS passes_{one.filter}" for one in shape.own]
    if shape.ranks:
        found.append(f"{score(shape.ranked, shape.lesser)} AS score")
    listed = "".join(f" UNION ALL ({_listed(shape, facet)})" for facet in shape.facets)
    return text(
        f"""
        WITH found AS {"" if shape.searches else "NOT"} MATERIALIZED (
            SELECT {", ".join(found)} {_from(shape, everywhere)}
        ),
        grouped AS MATERIALIZED ({_grouped(shape)}),
        page AS ({_page(shape)})
        SELECT 'total' AS what, NULL AS value, NULL AS label, total AS number, {_NO_HIT}
        FROM grouped WHERE level = {_level(shape, None)}
        {listed}
        UNION ALL ({_hits(shape)})
        """  # noqa: S608 - made of fixed parts; every value is bound
    )


def _from(shape: Shape, filters: frozenset[str]) -> str:
    """Return the FROM and WHERE of the postings that pass ``filters`` and answer to the text."""
    required = conditions({"valid", *filters})
    source = "posting_index AS x"
    if shape.searches:
        source = "posting_words AS w JOIN posting_index AS x ON x.posting_id = w.posting_id"
        required.insert(0, "w.stems @@ CAST(:match AS tsquery)")
    return f"FROM {source} WHERE {' AND '.join(required)}"


def score(ranked: int, lesser: tuple[int, ...]) -> str:
    """Return the expression of a hit's score: a whole number, greater is better.

    The row ``w`` has the columns of ``PostingWords``. ``ranked``, ``lesser``: as in :class:`Shape`.
    """

    def rank(weights: str, query: str) -> str:
        return f":operands_{query} * ts_rank({weights}, w.heading, CAST(:{query} AS tsquery))"

    parts = []
    if ranked > len(lesser):
        parts.append(f"{_UNIT} * {rank(_WEIGHTS, 'plain')}")
    for number in lesser:
        whole, less = rank(_WEIGHTS, f"exact_{number}"), rank(_WEIGHTS, f"lesser_{number}")
        parts.append(f"least(1, {_UNIT} * greatest({whole}, {_LESSER} * {less}))")
    parts += [
        f"{_WHOLE_TITLE} * least(2, {_UNIT} * {rank(_TITLE_ONLY, 'title')} / w.title_size)",
        f"CASE w.title_key WHEN :key THEN {_SAME_TITLE} ELSE 0 END",
        f"CASE WHEN starts_with(w.title_key, :key) THEN {_TITLE_BEGINS_SO} ELSE 0 END",
    ]
    return f"CAST({_STEPS} * ({' + '.join(parts)}) AS int)"


def _grouped(shape: Shape) -> str:
    """Return the query that counts hits in all, and by each facet."""
    columns = [COUNTED[facet].column for facet in shape.facets]
    tallies = [_tally(shape, None, "total")]
    tallies += [_tally(shape, COUNTED[facet], f"total_{COUNTED[facet].column}") for facet in shape.facets]
    if not columns:
        return "SELECT 0 AS level, count(*) AS total FROM found"
    return f"""
        SELECT grouping({", ".join(columns)}) AS level, {", ".join([*columns, *tallies])}
        FROM found GROUP BY GROUPING SETS ((), {", ".join(f"({column})" for column in columns)})
    """  # noqa: S608 - made of fixed parts; every value is bound


def _tally(shape: Shape, but: Counted | None, name: str) -> str:
    """Return the count of rows that pass the filters on facets, except the filter on ``but``."""
    others = [f"passes_{one.filter}" for one in shape.own if one is not but]
    only = f" FILTER (WHERE {' AND '.join(others)})" if others else ""
    return f"count(*){only} AS {name}"


def _level(shape: Shape, facet: PostingFacet | None) -> int:
    """Return ``grouping()`` of the rows grouped by ``facet``: the bit of every other facet is set."""
    last = len(shape.facets) - 1
    return sum(1 << last - number for number, other in enumerate(shape.facets) if other is not facet)


def _listed(shape: Shape, facet: PostingFacet) -> str:
    """Return the query of a facet's most frequent values, and of those that are selected."""
    one = COUNTED[facet]
    label, join = "NULL", ""
    if one.labels is not None:
        table, column = one.labels
        label = f"labels.{column}"
        join = f"LEFT JOIN {table} AS labels ON labels.code = counted.value"
    values = f"""
        SELECT CAST({one.column} AS text) AS value, total_{one.column} AS hits FROM grouped
        WHERE level = {_level(shape, facet)} AND {one.column} IS NOT NULL
    """  # noqa: S608 - made of fixed parts; every value is bound
    frequent = f"({values} AND total_{one.column} > 0 ORDER BY hits DESC, value LIMIT {FACET_SIZE})"
    if one in shape.own:
        frequent = f"""
            {frequent} UNION (
                SELECT chosen.value, coalesce(hits, 0)
                FROM unnest(CAST(:chosen_{one.filter} AS text[])) AS chosen (value)
                LEFT JOIN ({values}) AS every ON every.value = chosen.value
            )
        """  # noqa: S608 - made of fixed parts; every value is bound
    return (
        f"SELECT '{facet.value}', counted.value, {label}, counted.hits, {_NO_HIT} "  # noqa: S608 - made of fixed parts; every value is bound
        f"FROM ({frequent}) AS counted {join}"
    )


def _page(shape: Shape) -> str:
    """Return the query of the ids on the page, one more than asked for."""
    # Without a text, the newest are read from an index instead of being sorted out of all that were found.
    source = "FROM found AS x WHERE true" if shape.searches else _from(shape, shape.filters)
    passing = [f"x.passes_{one.filter}" for one in shape.own] if shape.searches else []
    if shape.after:
        passing.append(
            "(x.score, x.published_at, x.posting_id) < (:after_score, :after_date, :after_id)"
            if shape.ranks
            else "(x.published_at, x.posting_id) < (:after_date, :after_id)"
        )
    rest = "".join(f" AND {one}" for one in passing)
    score = "x.score" if shape.ranks else "0 AS score"
    return f"SELECT x.posting_id, {score}, x.published_at {source}{rest} ORDER BY {_order(shape)} LIMIT :rows"


def _order(shape: Shape) -> str:
    newest = "x.published_at DESC, x.posting_id DESC"
    return f"x.score DESC, {newest}" if shape.ranks else newest


def _hits(shape: Shape) -> str:
    """Return the query of the rows of the page, numbered in order."""
    texts, join = "NULL, NULL", ""
    if shape.highlight:
        texts, join = "p.title, p.description", "JOIN posting AS p ON p.id = x.posting_id"
    return (
        f"SELECT 'hit', NULL, NULL, row_number() OVER (ORDER BY {_order(shape)}), "  # noqa: S608 - made of fixed parts; every value is bound
        f"x.posting_id, x.score, x.published_at, {texts} FROM page AS x {join}"
    )
