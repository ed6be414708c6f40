"""The conditions of filters, and what facets count. Fixed texts: every value is bound."""

from collections.abc import Iterable
from typing import NamedTuple

from service.schemas.search import PostingFacet

# Of posting_index AS x. Names are those of the filters, and of what every search has.
_CONDITIONS = {
    "valid": "(x.valid_through IS NULL OR x.valid_through > :now)",
    "territory": "x.territory_id = :territory",
    "territories": "x.territory_id = ANY(CAST(:territories AS uuid[]))",
    "occupations": "x.occupation_code = ANY(CAST(:occupations AS text[]))",
    "occupation_domains": """
        (left(x.occupation_code, 1) = ANY(CAST(:occupation_domains AS text[]))
        OR left(x.occupation_code, 3) = ANY(CAST(:occupation_domains AS text[])))
    """,
    "sectors": "x.sector_code = ANY(CAST(:sectors AS text[]))",
    "contracts": "x.contract_kind = ANY(CAST(:contracts AS text[]))",
    "working_times": "x.working_time = ANY(CAST(:working_times AS text[]))",
    "in_tension": "x.in_tension = :in_tension",
    "communes": "x.commune_code = ANY(CAST(:communes AS text[]))",
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
    "remotes": "x.remote = ANY(CAST(:remotes AS text[]))",
    "published_since": "x.published_at >= :published_since",
    "employers": "x.employer_id = ANY(CAST(:employers AS uuid[]))",
    "sources": "x.source = ANY(CAST(:sources AS text[]))",
}


class Counted(NamedTuple):
    """What a facet counts: a column, the filter on it, and the table and column of its labels."""

    column: str
    filter: str
    labels: tuple[str, str] | None = None


COUNTED = {
    PostingFacet.CONTRACT: Counted("contract_kind", "contracts"),
    PostingFacet.SECTOR: Counted("sector_code", "sectors", ("sector", "label")),
    PostingFacet.OCCUPATION: Counted("occupation_code", "occupations", ("occupation", "label")),
    PostingFacet.COMMUNE: Counted("commune_code", "communes", ("commune", "name")),
    PostingFacet.IN_TENSION: Counted("in_tension", "in_tension"),
    PostingFacet.REMOTE: Counted("remote", "remotes"),
    PostingFacet.WORKING_TIME: Counted("working_time", "working_times"),
}


def condition(name: str) -> str:
    """Return the condition called ``name``."""
    return _CONDITIONS[name]


def conditions(names: Iterable[str]) -> list[str]:
    """Return the conditions called ``names``, always in the same order."""
    return [_CONDITIONS[name] for name in sorted(names)]
