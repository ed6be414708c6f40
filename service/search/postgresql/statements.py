"""The two statements a search runs: one counts, one returns the page.

Only the shape of a query makes their text, from fixed parts; every value is bound. A shape's text is
made once, and PostgreSQL keeps its plan.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import TextClause, text

from service.schemas.search import FACET_SIZE, PostingFacet, SearchOrder

# Conditions that no facet counts by.
_CONDITIONS = {
    "valid": "(x.valid_through IS NULL OR x.valid_through > :now)",
    "territory": "x.territory_id = :territory",
    "territories": "x.territory_id = ANY(CAST(:territories AS uuid[]))",
    "occupation_domains": "(left(x.occupation_code, 1) = ANY(CAST(:occupation_domains AS text[]))"
    " OR left(x.occupation_code, 3) = ANY(CAST(:occupation_domains AS text[])))",
    "departements": "x.departement_code = ANY(CAST(:departements AS text[]))",
    # A box first, which an index answers; then the great circle, on a sphere of 6371.0088 km.
    "around": """
        x.latitude BETWEEN :south AND :north AND x.longitude BETWEEN :west AND :east
        AND 12742.0176 * asin(least(1, sqrt(
            sin(radians(x.latitude - :latitude) / 2) ^ 2
            + cos(radians(x.latitude)) * cos(radians(:latitude))
                * sin(radians(x.longitude - :longitude) / 2) ^ 2
        ))) <= :kilometres
    """,
    "yearly_salary_from": "x.yearly_salary >= :yearly_salary_from",
    "published_since": "x.published_at >= :published_since",
    "employers": "x.employer_id = ANY(CAST(:employers AS uuid[]))",
    "sources": "x.source = ANY(CAST(:sources AS text[]))",
}


class _Counted(NamedTuple):
    """A facet: the column it counts, the filter on it, that filter's condition, where labels are."""

    column: str
    filter: str
    condition: str
    labels: tuple[str, str] | None = None


_FACETS = {
    PostingFacet.CONTRACT: _Counted(
        "contract_kind", "contracts", "x.contract_kind = ANY(CAST(:contracts AS text[]))"
    ),
    PostingFacet.SECTOR: _Counted(
        "sector_code", "sectors", "x.sector_code = ANY(CAST(:sectors AS text[]))", ("sector", "label")
    ),
    PostingFacet.OCCUPATION: _Counted(
        "occupation_code",
        "occupations",
        "x.occupation_code = ANY(CAST(:occupations AS text[]))",
        ("occupation", "label"),
    ),
    PostingFacet.COMMUNE: _Counted(
        "commune_code", "communes", "x.commune_code = ANY(CAST(:communes AS text[]))", ("commune", "name")
    ),
    PostingFacet.IN_TENSION: _Counted("in_tension", "in_tension", "x.in_tension = :in_tension"),
    PostingFacet.REMOTE: _Counted("remote", "remotes", "x.remote = ANY(CAST(:remotes AS text[]))"),
    PostingFacet.WORKING_TIME: _Counted(
        "working_time", "working_times", "x.working_time = ANY(CAST(:working_times AS text[]))"
    ),
}
_BY_FILTER = {counted.filter: counted for counted in _FACETS.values()}

# What a word weighs where it is found: title, occupation, surroundings. In a description: nothing.
_WEIGHTS = "CAST('{0, 0.25, 0.5, 1}' AS real[])"
_TITLE_ONLY = "CAST('{0, 0, 0, 1}' AS real[])"
# ts_rank divides by pi²/6 and by the number of operands; both are undone, to count words.
_UNIT = "1.64493406685"
_LESSER = 0.6
_WHOLE_TITLE = 0.3  # times the share of the title that was typed
_SAME_TITLE = 0.3
_TITLE_BEGINS_SO = 0.2
_AS_WRITTEN = 0.05
_STEPS = 20  # Scores closer than a twentieth are equal, so that the newest comes first.


class Shape(NamedTuple):
    """All that decides a statement's text.

    ``words`` has one item per word that ranks: whether it has lesser answers. ``filters`` names the
    conditions in use.
    """

    searches: bool
    words: tuple[bool, ...]
    filters: frozenset[str]
    facets: tuple[PostingFacet, ...]
    order: SearchOrder
    after: bool
    highlight: bool

    @property
    def ranks(self) -> bool:
        """Whether hits have a score."""
        return self.searches and self.order is SearchOrder.RELEVANCE


def _conditions(names: Iterable[str]) -> list[str]:
    known = _CONDITIONS | {name: counted.condition for name, counted in _BY_FILTER.items()}
    return [known[name] for name in sorted(names)]


def _from(shape: Shape, filters: Iterable[str]) -> str:
    """Return the FROM and WHERE of the postings that pass ``filters`` and answer to the text."""
    conditions = _conditions({"valid", *filters})
    source = "posting_index AS x"
    if shape.searches:
        source = "posting_words AS w JOIN posting_index AS x ON x.posting_id = w.posting_id"
        conditions.insert(0, "w.stems @@ CAST(:match AS tsquery)")
    return f"FROM {source} WHERE {' AND '.join(conditions)}"


@lru_cache(maxsize=512)
def counts(shape: Shape) -> TextClause:
    """Return the statement that counts hits, and those each value of each facet would leave.

    Rows are (facet or ``total``, value, label, count, place), a facet's most frequent values first.
    """
    facets = {facet: _FACETS[facet] for facet in shape.facets}
    own = [one for one in facets.values() if one.filter in shape.filters]
    everywhere = shape.filters - {one.filter for one in own}
    if not facets:
        return text(f"SELECT 'total', NULL, NULL, count(*) {_from(shape, everywhere)}")

    columns = [one.column for one in facets.values()]
    passes = [f"{one.condition} AS passes_{one.filter}" for one in own]
    base = f"SELECT {', '.join([*(f'x.{column}' for column in columns), *passes])} {_from(shape, everywhere)}"
    tallies = [_tally(own, None, "total")]
    tallies += [_tally(own, one, f"total_{one.column}") for one in facets.values()]
    # In ``grouping()``, the bit of every column a row is not grouped by is set.
    whole = (1 << len(columns)) - 1
    values = " UNION ALL ".join(
        f"""
        SELECT '{facet.value}' AS facet, CAST({one.column} AS text) AS value, total_{one.column} AS hits
        FROM grouped WHERE grouped.level = {whole & ~(1 << (len(columns) - 1 - number))}
        AND {one.column} IS NOT NULL
        """  # noqa: S608 - made of fixed parts; every value is bound
        for number, (facet, one) in enumerate(facets.items())
    )
    # A selected value is listed even when nothing has it.
    values += "".join(
        f" UNION ALL SELECT '{facet.value}', unnest(CAST(:chosen_{one.filter} AS text[])), 0"
        for facet, one in facets.items()
        if one in own
    )
    kept = [f"(place <= {FACET_SIZE} AND hits > 0)"]
    kept += [
        f"(facet = '{facet.value}' AND value = ANY(CAST(:chosen_{one.filter} AS text[])))"
        for facet, one in facets.items()
        if one in own
    ]
    label, joins = _labels(facets)
    return text(
        f"""
        WITH base AS ({base}),
        grouped AS MATERIALIZED (
            SELECT grouping({", ".join(columns)}) AS level, {", ".join([*columns, *tallies])}
            FROM base GROUP BY GROUPING SETS ((), {", ".join(f"({column})" for column in columns)})
        ),
        counted AS (SELECT facet, value, max(hits) AS hits FROM ({values}) AS each GROUP BY facet, value),
        placed AS (
            SELECT *, row_number() OVER (PARTITION BY facet ORDER BY hits DESC, value) AS place FROM counted
        ),
        listed AS (SELECT * FROM placed WHERE {" OR ".join(kept)})
        SELECT 'total', NULL, NULL, total, 0 AS place FROM grouped WHERE level = {whole}
        UNION ALL
        SELECT listed.facet, listed.value, {label}, listed.hits, listed.place FROM listed {joins}
        ORDER BY place
        """  # noqa: S608 - made of fixed parts; every value is bound
    )


def _tally(own: list[_Counted], but: _Counted | None, name: str) -> str:
    """Return the count of rows that pass the filters on facets, except the filter on ``but``."""
    others = [f"passes_{one.filter}" for one in own if one is not but]
    only = f" FILTER (WHERE {' AND '.join(others)})" if others else ""
    return f"count(*){only} AS {name}"


def _labels(facets: Mapping[PostingFacet, _Counted]) -> tuple[str, str]:
    """Return the expression of a value's label and the joins it needs."""
    labelled = [(facet, *one.labels) for facet, one in facets.items() if one.labels]
    joins = " ".join(
        f"LEFT JOIN {table} ON listed.facet = '{facet.value}' AND {table}.code = listed.value"
        for facet, table, _ in labelled
    )
    names = ", ".join(f"{table}.{column}" for _, table, column in labelled)
    return (f"coalesce({names})" if names else "NULL"), joins


def _score(shape: Shape) -> str:
    """Return the expression of a hit's score: a whole number, greater is better."""

    def rank(weights: str, query: str) -> str:
        return f"ts_rank({weights}, w.heading, CAST(:{query} AS tsquery))"

    parts = []
    for number, has_lesser in enumerate(shape.words):
        whole = f"{_UNIT} * {rank(_WEIGHTS, f'exact_{number}')}"
        if has_lesser:
            lesser = rank(_WEIGHTS, f"lesser_{number}")
            whole = f"least(1, {whole} + {_LESSER * float(_UNIT)} * :operands_{number} * {lesser})"
        parts.append(whole)
    parts += [
        f"{_WHOLE_TITLE} * least(1, {_UNIT} * :operands * {rank(_TITLE_ONLY, 'any')} / w.title_size)",
        f"{_AS_WRITTEN} * {_UNIT} * :written_operands * {rank(_TITLE_ONLY, 'written')}",
        f"CASE w.title_key WHEN :key THEN {_SAME_TITLE} ELSE 0 END",
        f"CASE WHEN starts_with(w.title_key, :key) THEN {_TITLE_BEGINS_SO} ELSE 0 END",
    ]
    return f"CAST(round({_STEPS} * ({' + '.join(parts)})) AS int)"


@lru_cache(maxsize=512)
def page(shape: Shape) -> TextClause:
    """Return the statement of one page: rows of (id, score, date[, title, description]), in order."""
    order = "x.published_at DESC, x.posting_id DESC"
    place = "(x.published_at, x.posting_id) < (:after_date, :after_id)"
    found = _from(shape, shape.filters)
    if shape.ranks:
        order = f"x.score DESC, {order}"
        place = "(x.score, x.published_at, x.posting_id) < (:after_score, :after_date, :after_id)"
        # OFFSET 0: the score is worked out once, not again for comparing and sorting.
        found = (
            f"FROM (SELECT x.posting_id, x.published_at, {_score(shape)} AS score {found} OFFSET 0) AS x "
            "WHERE true"
        )
    after = f"AND {place}" if shape.after else ""
    score = "x.score" if shape.ranks else "0 AS score"
    rows = f"SELECT x.posting_id, {score}, x.published_at {found} {after} ORDER BY {order} LIMIT :rows"
    if shape.highlight:
        rows = (
            f"SELECT x.posting_id, x.score, x.published_at, p.title, p.description FROM ({rows}) AS x "  # noqa: S608 - made of fixed parts; every value is bound
            f"JOIN posting AS p ON p.id = x.posting_id ORDER BY {order}"
        )
    return text(rows)


def filter_of(facet: PostingFacet) -> str:
    """Return the name of the filter that the counts of ``facet`` do not depend on."""
    return _FACETS[facet].filter
