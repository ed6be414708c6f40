"""The conditions of a search as Meilisearch filters. No text of a visitor gets into one as it is."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from service.core.clock import now
from service.schemas.search import Around, PostingFacet, PostingFilters, SearchQuery
from service.search.meilisearch.values import CODE, NAME, instant, kept, microseconds, salary

_TO_ITS_SPHERE: Final = 1000 * 6371.0 / 6371.0088  # Kilometres on our sphere to metres on Meilisearch's.
_HALF_WAY_ROUND: Final = 20_015.0  # Kilometres. No place is further than that.


class Counted(NamedTuple):
    """What a facet counts: an attribute, and the filter on it."""

    attribute: str
    filter: str


COUNTED: Final = {
    PostingFacet.CONTRACT: Counted("contract", "contracts"),
    PostingFacet.SECTOR: Counted("sector", "sectors"),
    PostingFacet.OCCUPATION: Counted("occupation", "occupations"),
    PostingFacet.COMMUNE: Counted("commune", "communes"),
    PostingFacet.IN_TENSION: Counted("in_tension", "in_tension"),
    PostingFacet.REMOTE: Counted("remote", "remotes"),
    PostingFacet.WORKING_TIME: Counted("working_time", "working_times"),
}


def equal(attribute: str, value: str) -> str:
    """Return the condition that an attribute is, or holds, a value without anything to escape."""
    return f'{attribute} = "{value}"'


def one_of(attribute: str, values: Iterable[str]) -> str:
    """Return the condition that an attribute is, or holds, one of these values. None: never."""
    quoted = ", ".join(f'"{value}"' for value in values)
    return f"{attribute} IN [{quoted}]"


def begins(attribute: str, beginning: str) -> str:
    """Return the condition that an attribute, or one of its values, begins so."""
    return f'{attribute} STARTS WITH "{beginning}"'


def every(conditions: Iterable[str]) -> str:
    """Return the condition that all of these hold."""
    return " AND ".join(conditions)


def some(conditions: Iterable[str]) -> str:
    """Return the condition that one of these holds, in brackets."""
    return f"({' OR '.join(conditions)})"


def scope(territory_ids: Iterable[object]) -> str:
    """Return the condition on territories and validity that every search has."""
    valid = f"valid_through > {microseconds(now())}"
    return every([one_of("territory", map(str, territory_ids)), valid])


def conditions(query: SearchQuery) -> dict[str, str]:
    """Return every condition of ``query`` but its words, by the filter's name; ``scope`` first."""
    return {"scope": scope(query.territory_ids), **dict(_filters(query.filters))}


def _filters(filters: PostingFilters) -> Iterator[tuple[str, str]]:
    for name, attribute, shape in (
        ("occupations", "occupation", CODE),
        ("occupation_domains", "occupation_domains", CODE),
        ("sectors", "sector", CODE),
        ("contracts", "contract", NAME),
        ("working_times", "working_time", NAME),
        ("communes", "commune", CODE),
        ("departements", "departement", CODE),
        ("remotes", "remote", NAME),
        ("employers", "employer", NAME),
        ("sources", "source", NAME),
    ):
        values: tuple[Any, ...] = getattr(filters, name)
        if values:
            yield name, one_of(attribute, (kept(str(value), shape) for value in values))
    if filters.in_tension is not None:
        yield "in_tension", f"in_tension = {str(filters.in_tension).lower()}"
    if filters.around is not None:
        yield "around", _around(filters.around)
    if filters.yearly_salary_from is not None:
        yield "yearly_salary_from", f"salary >= {salary(filters.yearly_salary_from)}"
    if filters.published_since is not None:
        yield "published_since", f'newest >= "{instant(filters.published_since)}"'


def _around(around: Around) -> str:
    if around.kilometres >= _HALF_WAY_ROUND:
        return "placed = true"
    metres = around.kilometres * _TO_ITS_SPHERE
    return f"_geoRadius({around.latitude:.12f}, {around.longitude:.12f}, {metres:.6f})"
