"""Facets: from the counts of values as they stand in the index to values with labels."""

from service.schemas.search import FacetValue, PostingFacet, PostingFilters, SearchQuery
from service.search.meilisearch.filters import COUNTED
from service.search.meilisearch.finding import Found
from service.search.meilisearch.proving import LABELLED, Proof
from service.search.meilisearch.values import SHAPES, held, kept, read


def codes(query: SearchQuery, found: Found) -> dict[PostingFacet, set[str]]:
    """Return the values whose labels the database is to give."""
    return {facet: set(_counted(query, facet, found)) for facet in query.facets if facet in LABELLED}


def facet_values(
    query: SearchQuery, facet: PostingFacet, found: Found, proof: Proof
) -> tuple[FacetValue, ...]:
    """Return the values of a facet, the most frequent first, every selected one among them."""
    labels = proof.labels.get(facet, {})
    counted = _counted(query, facet, found)
    return tuple(
        FacetValue(value=value, label=labels.get(value), count=count)
        for value, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    )


def _counted(query: SearchQuery, facet: PostingFacet, found: Found) -> dict[str, int]:
    counted: dict[str, int] = {}
    for standing, count in found.listed.get(facet, {}).items():
        value = read(standing)
        if value is not None and count:
            counted[value] = count
    if facet in found.selected:
        selected = found.selected[facet]
        for value in chosen(facet, query.filters):
            if held(value):
                counted.setdefault(value, selected.get(kept(value, SHAPES[facet]), 0))
    return counted


def chosen(facet: PostingFacet, filters: PostingFilters) -> tuple[str, ...]:
    """Return the values that are filtered on and that ``facet`` lists."""
    value = getattr(filters, COUNTED[facet].filter)
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value).lower(),)
