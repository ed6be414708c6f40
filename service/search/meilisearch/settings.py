"""How Meilisearch is to index and rank. Settings are data: what changes them makes a new index."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from service.schemas.search import FACET_SIZE
from service.search.synonyms import ALIKE
from service.search.words import STOP_WORDS

Alike = Mapping[str, tuple[tuple[str, ...], ...]]

SEARCHED_WORDS: Final = 10
"""Words of a query that Meilisearch reads."""

# What weighs most comes first; forms stand behind what they are forms of. A title's first word has no
# attribute: that of a synonym of several would lead there, wherever the others are (docs/relevance.md).
_SEARCHABLE: Final = (
    "title",
    "title_forms",
    "names",
    "forms",
    "surroundings",
    "details",
    "description",
    "everything",
)

_EQUAL: Final = (
    "territory",
    "words",
    "beginnings",
    "contract",
    "working_time",
    "remote",
    "in_tension",
    "occupation",
    "occupation_domains",
    "sector",
    "commune",
    "departement",
    "employer",
    "source",
    "placed",
)
_ORDERED: Final = frozenset({"searchableAttributes", "rankingRules"})
"""Settings whose order says something."""

_COMPARED: Final = ("newest", "valid_through", "salary")

_CUTOFF: Final = 400  # Milliseconds after which Meilisearch answers with what it has ranked so far.
_NO_LIMIT: Final = 1_000_000_000  # Totals are counted no further than the hits that could be asked for.
_NEVER_A_STEM: Final = 2  # Letters: no longer word is reduced to so few.


def settings(alike: Alike = ALIKE) -> dict[str, Any]:
    """Return the settings of an index of any kind. ``alike``: what stands for which words."""
    return {
        "searchableAttributes": list(_SEARCHABLE),
        "displayedAttributes": ["id", "digest", "newest"],
        "filterableAttributes": [
            _filterable(_EQUAL, comparison=False),
            _filterable(_COMPARED, comparison=True),
            "_geo",
        ],
        "sortableAttributes": ["newest"],
        "rankingRules": ["sort", "words", "attributeRank", "exactness", "title_share:desc", "newest:desc"],
        # Documents and queries come without stop words, and what is left of "mois" is "moi": only what
        # can be no stem is named here.
        "stopWords": sorted(word for word in STOP_WORDS if len(word) <= _NEVER_A_STEM),
        "synonyms": {typed: [" ".join(other) for other in others] for typed, others in sorted(alike.items())},
        # C++ and C# are words.
        "nonSeparatorTokens": ["#", "+"],
        # Stems are what the words of a document and of a query have in common; misspellings are read
        # by the words that the database knows, so that both engines correct alike and say so.
        "typoTolerance": {"enabled": False, "disableOnNumbers": True},
        "localizedAttributes": [{"attributePatterns": ["*"], "locales": ["fra"]}],
        "proximityPrecision": "byAttribute",
        "prefixSearch": "indexingTime",
        "facetSearch": False,
        "faceting": {"maxValuesPerFacet": FACET_SIZE, "sortFacetValuesBy": {"*": "count"}},
        "pagination": {"maxTotalHits": _NO_LIMIT},
        "searchCutoffMs": _CUTOFF,
    }


def settings_digest(alike: Alike = ALIKE) -> str:
    """Return what tells these settings from any others."""
    return hashlib.sha256(_canonical(settings(alike))).hexdigest()[:32]


def shown_digest(shown: Mapping[str, Any]) -> str:
    """Return what tells the settings a server shows from any others, whatever order it lists them in."""
    content = {name: value if name in _ORDERED else _unordered(value) for name, value in shown.items()}
    return hashlib.sha256(_canonical(content)).hexdigest()[:32]


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unordered(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted((_unordered(each) for each in value), key=_canonical)
    return value


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _filterable(names: Sequence[str], *, comparison: bool) -> dict[str, Any]:
    return {
        "attributePatterns": list(names),
        "features": {"facetSearch": False, "filter": {"equality": True, "comparison": comparison}},
    }
