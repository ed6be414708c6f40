"""Where the documents of each kind come from: what an engine outside must hold, by the database now."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import findable, publication
from service.models import Posting, PostingIndex
from service.schemas.search import SearchKind
from service.search.port import Facts


@dataclass(frozen=True, slots=True)
class Source:
    """How the public documents of one kind are read. Nothing here waits for who is changing them.

    ``some(session, ids)``: the facts of those that are public now. ``following(session, after, limit)``:
    the next ones in order of id. ``count(session)``: how many there are. ``places(session, ids)``: the
    territories of these, public or not.
    """

    some: Callable[[AsyncSession, Collection[uuid.UUID]], Awaitable[Sequence[Facts]]]
    following: Callable[[AsyncSession, uuid.UUID | None, int], Awaitable[Sequence[Facts]]]
    count: Callable[[AsyncSession], Awaitable[int]]
    places: Callable[[AsyncSession, Collection[uuid.UUID]], Awaitable[set[uuid.UUID]]]


async def _count_postings(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(PostingIndex)) or 0


async def _places_of_postings(session: AsyncSession, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    return set(await session.scalars(select(Posting.territory_id).where(Posting.id.in_(ids)).distinct()))


def _plain(kind: SearchKind) -> Source:
    """Return how the documents of a kind without facts of its own are read: all of it is in the index."""
    return Source(
        some=lambda session, ids: findable.some(session, kind, ids),
        following=lambda session, after, limit: findable.following(session, kind, after, limit),
        count=lambda session: findable.count(session, kind),
        places=lambda session, ids: findable.places(session, kind, ids),
    )


SOURCES: Final[Mapping[SearchKind, Source]] = {
    **{kind: _plain(kind) for kind in SearchKind},
    SearchKind.POSTINGS: Source(
        some=publication.facts_of,
        following=publication.facts_after,
        count=_count_postings,
        places=_places_of_postings,
    ),
}
"""The kinds an engine outside is told of: all of them."""
