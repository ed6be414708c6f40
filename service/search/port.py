"""The one door to any search engine."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.schemas.search import (
    DocumentFacts,
    PostingFacts,
    Rebuilt,
    SearchKind,
    SearchPage,
    SearchQuery,
    TogetherPage,
    TogetherQuery,
)

Facts = PostingFacts | DocumentFacts
"""What an engine is told about one public thing: a posting, or anything else."""

Progress = Callable[[int], None]
"""Called with how many documents are done so far."""

Reader = Callable[[AsyncSession, uuid.UUID | None, int], Awaitable[Sequence[Facts]]]
"""``read(session, after, limit)``: facts of the next public documents, in order of id.

``after`` is the last id of the batch before, ``None`` to begin; an answer without facts is the end. A
document that another transaction is changing is left out (``FOR SHARE SKIP LOCKED``): that transaction
indexes it itself.
"""


class Unavailable(Exception):  # noqa: N818 - it says what the engine is
    """The engine can't answer properly: down, slow, full, wiped, or saying what makes no sense.

    ``reason`` is for logs. ``retry_after``, in seconds, is what the engine itself asked for.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Say why, and when to ask again if the engine said so."""
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class SearchEngine(Protocol):
    """Finds documents and keeps the index they are found by.

    An engine inside PostgreSQL writes through ``session``, so that its index changes in the very
    transaction that changes the posting. An engine outside is given the same calls by a task after
    the commit, and leaves ``session`` alone: a verb never waits for a network.
    """

    name: str

    async def search(self, session: AsyncSession, query: SearchQuery) -> SearchPage:
        """Return one page of ``query``. Whatever was typed is answered: no text is an error.

        Raises ``BadCursor`` when ``query.after`` was not made by this order of hits.
        """

    async def together(self, session: AsyncSession, query: TogetherQuery) -> TogetherPage:
        """Return one page of several kinds, ranked together. Raises ``BadCursor`` as :meth:`search` does."""

    async def index(self, session: AsyncSession, documents: Sequence[Facts]) -> None:
        """Make the index say exactly this of these documents. Doing it twice changes nothing."""

    async def remove(self, session: AsyncSession, kind: SearchKind, ids: Sequence[uuid.UUID]) -> None:
        """Make these documents unfindable. Ids the index does not hold are no error."""

    async def forget(self, session: AsyncSession, kind: SearchKind, text: str) -> None:
        """Keep no word of ``text`` that no document holds any more: an address that was erased."""

    async def rebuild(
        self, database: Database, kind: SearchKind, read: Reader, progress: Progress
    ) -> Rebuilt:
        """Make the whole index agree with the tables, in short transactions of its own.

        Searches go on meanwhile, and what is written meanwhile is not lost.
        """

    async def maintain(self, session: AsyncSession) -> None:
        """Do what keeps answers good over time; meant for a scheduled task, harmless at any moment."""
