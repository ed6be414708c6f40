"""Asking Meilisearch for one page and its counts."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from service.schemas.search import PostingFacet, SearchQuery, SortValues
from service.search.meilisearch.asking import Answer, Asker
from service.search.meilisearch.filters import COUNTED, every
from service.search.meilisearch.places import DatePlace, RankPlace, Window
from service.search.meilisearch.values import EVERYTHING, newest, read_newest
from service.search.meilisearch.wording import Level
from service.search.port import Unavailable
from service.search.postgresql.reading import ALL_WORDS, Reading
from service.search.query import ParsedText

DEEPEST: Final = 5_000
"""Hits by relevance that can be paged through: each page costs all before it. Lists by date have no end."""

RARE: Final = 2
"""Documents. Where words find no more, one of them may be a misspelling that a text holds too."""

_LAST: Final = 0.001  # What no words rank comes after all that some do.
_SHOWN: Final = ["newest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search: what is asked, and how far its words gave way.

    ``until`` is when all answers must be there, by the event loop's clock. ``place``: where the page before
    ended. ``ranks``: hits are in order of relevance. ``reading`` is ``None`` while words are as typed.
    """

    query: SearchQuery
    uid: str
    until: float
    parsed: ParsedText
    conditions: Mapping[str, str]
    place: DatePlace | RankPlace | None
    ranks: bool
    level: Level
    number: int = ALL_WORDS
    lost: int = 0
    reading: Reading | None = None

    def filter(self, level: Level, *more: str, but: str | None = None) -> str:
        """Return the whole filter, without the condition called ``but``."""
        own = (condition for name, condition in self.conditions.items() if name != but)
        return every(each for each in (*own, level.filter, *more) if each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Meilisearch found: the page's hits in order, and counts of all hits, however values stand there.

    ``listed`` counts each facet's values regardless of its own filter; ``selected`` with it.
    """

    ids: list[uuid.UUID]
    total: int
    next: SortValues | None = None
    listed: Mapping[PostingFacet, Mapping[str, int]] = field(default_factory=dict)
    selected: Mapping[PostingFacet, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> Self:
        """Return what is found of words that nothing can hold."""
        return cls(ids=[], total=0)


async def totals(asker: Asker, search: Search, levels: Sequence[Level]) -> list[int]:
    """Return how much each level finds. One request."""
    queries = [_query(search, "", search.filter(level), limit=0) for level in levels]
    return [answer.total for answer in await asker.ask(queries, search.until)]


async def find(asker: Asker, search: Search, *, wide: bool = False) -> Found:
    """Return one page and its counts. One request; two when words are ranked otherwise than as typed.

    ``wide``: hits moved since the page before, so its end is looked for further around.
    """
    query = search.query
    facets = list(dict.fromkeys(query.facets))
    own = [facet for facet in facets if COUNTED[facet].filter in search.conditions]
    spelt = search.reading is None
    q = search.level.queries[0].q if spelt and search.level.queries else ""
    after = search.place if isinstance(search.place, DatePlace) else None
    # Of words ranked in several ways, and of what comes after a date, the counts are asked for apart.
    apart = after is not None or (search.ranks and not spelt)
    window = _window(search, wide=wide)
    queries = [
        _query(
            search,
            q,
            search.filter(search.level),
            limit=0 if apart else window.count,
            offset=0 if apart else window.offset,
            facets=facets,
        ),
        *(
            _query(search, q, search.filter(search.level, but=COUNTED[facet].filter), limit=0, facets=[facet])
            for facet in own
        ),
    ]
    if after is not None:
        beyond = f'newest < "{newest(after.published_at, after.id)}"'
        queries.append(_query(search, q, search.filter(search.level, beyond), limit=window.count))
    answers = await asker.ask(queries, search.until)
    if search.ranks and not spelt:
        hits = await _ranked(asker, search, window)
    else:
        hits = answers[-1 if after is not None else 0].hits
    listed = {facet: _counts(answers[0], facet) for facet in facets}
    listed |= {facet: _counts(answer, facet) for facet, answer in zip(own, answers[1:], strict=False)}
    total = answers[0].total
    dated = _read(hits)
    page = window.page([each for _, each in dated])
    if page is None:
        return await find(asker, search, wide=True)
    start, end = page
    return Found(
        ids=[each for _, each in dated[start:end]],
        total=total,
        next=_next(search, window, dated, end, total) if end > start else None,
        listed=listed,
        selected={facet: _counts(answers[0], facet) for facet in own},
    )


def _window(search: Search, *, wide: bool) -> Window:
    """Return the hits to ask for; by date one more than the page holds, to know whether there is another."""
    limit = search.query.limit
    if search.ranks:
        place = search.place if isinstance(search.place, RankPlace) else None
        return Window.over(place, limit, DEEPEST, wide=wide)
    return Window(0, limit + 1, limit, None, wide=False)


async def _ranked(asker: Asker, search: Search, window: Window) -> list[dict[str, Any]]:
    """Return the hits of all ways to spell the words, and then the rest of what the filter finds."""
    found = search.filter(search.level)
    queries = [
        {
            "indexUid": search.uid,
            "q": each.q,
            "filter": found,
            "matchingStrategy": "all",
            "attributesToRetrieve": _SHOWN,
            "federationOptions": {"weight": each.weight},
        }
        for each in search.level.queries
    ]
    queries.append(
        {
            "indexUid": search.uid,
            "q": f'"{EVERYTHING}"',
            "filter": found,
            "attributesToRetrieve": _SHOWN,
            "federationOptions": {"weight": _LAST},
        }
    )
    return await asker.ask_together(queries, search.until, offset=window.offset, limit=window.count)


def _query(
    search: Search,
    q: str,
    condition: str,
    *,
    limit: int,
    offset: int = 0,
    facets: Sequence[PostingFacet] = (),
) -> dict[str, Any]:
    return {
        "indexUid": search.uid,
        "q": q,
        "filter": condition,
        "matchingStrategy": "all",
        "attributesToRetrieve": _SHOWN,
        "limit": limit,
        "offset": offset,
        "facets": [COUNTED[facet].attribute for facet in facets],
        **({} if search.ranks else {"sort": ["newest:desc"]}),
    }


def _counts(answer: Answer, facet: PostingFacet) -> Mapping[str, int]:
    return answer.facets.get(COUNTED[facet].attribute, {})


def _read(hits: Sequence[Mapping[str, Any]]) -> list[tuple[datetime, uuid.UUID]]:
    try:
        return [read_newest(hit["newest"]) for hit in hits]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"no hit of ours: {error}"
        raise Unavailable(reason) from error


def _next(
    search: Search, window: Window, hits: Sequence[tuple[datetime, uuid.UUID]], end: int, total: int
) -> SortValues | None:
    """Return where the page after the one that ends there begins, if there is one."""
    published_at, last = hits[end - 1]
    if not search.ranks:
        if len(hits) <= window.limit:
            return None
        return DatePlace(search.number, search.lost, published_at, last).values()
    shown = window.offset + end
    if shown >= min(total, DEEPEST):
        return None
    return RankPlace(search.number, search.lost, shown, last, spelt=search.reading is None).values()
