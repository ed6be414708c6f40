"""Lists that Meilisearch began go on in PostgreSQL, when Meilisearch can't go on with them.

By date: after the very hit where the page before ended, so nothing is missing and nothing comes twice. By
relevance: after as many hits as were shown, of those that have the same words. As the engines weigh words
differently, a hit may then come twice or be missing; the answer says that another engine gave it.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import BadCursor
from service.core.pagination import MAX_LIMIT
from service.schemas.search import SearchPage, SearchQuery, SortValues, TogetherPage, TogetherQuery
from service.search.meilisearch.places import MARK, DatePlace, read
from service.search.port import SearchEngine
from service.search.postgresql.reading import ALL_WORDS, ANY_WORD
from service.search.postgresql.writing import GREATEST

_BEGINNING: Final = (GREATEST, "9999-12-31T00:00:00+00:00", str(uuid.UUID(int=(1 << 128) - 1)))
_END: Final = (0, "0001-01-01T00:00:00+00:00", str(uuid.UUID(int=0)))

_Page = TypeVar("_Page", SearchPage, TogetherPage)


def is_outside(after: SortValues) -> bool:
    """Tell whether the page before was given by the engine outside PostgreSQL."""
    return bool(after) and after[0] == MARK


async def going_on(engine: SearchEngine, session: AsyncSession, query: SearchQuery) -> SearchPage:
    """Return what ``engine``, inside PostgreSQL, answers to ``query``, whichever engine began the list."""
    if query.after is None or not is_outside(query.after):
        return await engine.search(session, query)
    place = read(query.after)
    if isinstance(place, DatePlace):
        moment, shown = (0, place.published_at.isoformat(), str(place.id)), 0
    else:
        moment, shown = _BEGINNING, place.shown

    async def page(after: SortValues) -> SearchPage:
        return await engine.search(session, replace(query, after=after))

    async def passed(after: SortValues, limit: int) -> SearchPage:
        asked = replace(query, after=after, limit=limit, facets=(), highlight=False)
        return await engine.search(session, asked)

    for level in _levels(place.level):
        words = (level, place.lost)
        try:
            start = await _passing(passed, (*words, *moment), shown)
            return await page(start if start is not None else (*words, *_END))
        except BadCursor:
            # No such level: what the vocabulary holds has changed since, or is read otherwise here.
            continue
    raise BadCursor("`after` does not come from a page of this search.")


async def going_on_together(
    engine: SearchEngine, session: AsyncSession, query: TogetherQuery
) -> TogetherPage:
    """Return what ``engine`` answers to ``query``, as :func:`going_on` does for one kind."""
    if query.after is None or not is_outside(query.after):
        return await engine.together(session, query)
    level, lost, shown = _numbers(query.after)
    kind = max(one.kind.value for one in query.sought)

    async def passed(after: SortValues, limit: int) -> TogetherPage:
        return await engine.together(session, replace(query, after=after, limit=limit, highlight=False))

    for each in _levels(level):
        try:
            start = await _passing(passed, (each, lost, *_BEGINNING, kind), shown)
            after = start if start is not None else (each, lost, *_END, kind)
            return await engine.together(session, replace(query, after=after))
        except BadCursor:
            continue
    raise BadCursor("`after` does not come from a page of this search.")


def _levels(first: int) -> Iterator[int]:
    """Yield the level a list began on, then the others, whose hits have fewer of the words."""
    yield first
    yield from (level for level in range(ALL_WORDS, ANY_WORD + 1) if level != first)


def _numbers(after: SortValues) -> tuple[int, int, int]:
    """Return level, words given up and hits shown, of a list over several kinds."""
    numbers = after[1:4]
    match numbers:
        case (int(level), int(lost), int(shown)) if min(level, lost, shown) >= 0:
            return level, lost, shown
    raise BadCursor("`after` does not come from a page of this search.")


async def _passing(
    ask: Callable[[SortValues, int], Awaitable[_Page]], start: SortValues, number: int
) -> SortValues | None:
    """Return the place after so many hits, or None when there are no more than those."""
    while number:
        step = min(number, MAX_LIMIT)
        page = await ask(start, step)
        if page.next is None:
            return None
        start = page.next
        number -= step
    return start
