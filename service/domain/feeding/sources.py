"""Where the documents of each kind come from: what an engine outside must hold, by the database now."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import publication
from service.models import Posting, PostingIndex
from service.schemas.search import PostingFacts, SearchKind


@dataclass(frozen=True, slots=True)
class Source:
    """How the public documents of one kind are read. Nothing here waits for who is changing them.

    ``some(session, ids)``: the facts of those that are public now. ``following(session, after, limit)``:
    the next ones in order of id. ``count(session)``: how many there are. ``places(session, ids)``: the
    territories of these, public or not.
    """

    some: Callable[[AsyncSession, Collection[uuid.UUID]], Awaitable[Sequence[PostingFacts]]]
    following: Callable[[AsyncSession, uuid.UUID | None, int], Awaitable[Sequence[PostingFacts]]]
    count: Callable[[AsyncSession], Awaitable[int]]
    places: Callable[[AsyncSession, Collection[uuid.UUID]], Awaitable[set[uuid.UUID]]]


async def _count_postings(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(PostingIndex)) or 0


async def _places_of_postings(session: AsyncSession, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return set(await session.scalars(select(Posting.territory_id).where(Posting.id.in_(ids)).distinct()))


SOURCES: Final[Mapping[SearchKind, Source]] = {
    SearchKind.POSTINGS: Source(
        some=publication.facts_of,
        following=publication.facts_after,
        count=_count_postings,
        places=_places_of_postings,
    ),
}
"""The kinds an engine outside is told of; the others are found by PostgreSQL alone."""
