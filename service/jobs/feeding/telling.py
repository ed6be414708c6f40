"""Telling the engine what is pending, batch after batch, and noting what it is known to have."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import structlog

from service.core.database import Database
from service.domain import feeding
from service.domain.feeding import BATCH, Batch, Feed, Hold, Superseded
from service.jobs.feeding.outside import Outside, Refused
from service.search.meilisearch.documents import document
from service.search.meilisearch.marking import Written
from service.search.port import Facts

log = structlog.get_logger(__name__)


async def documents_of(facts: Sequence[Facts]) -> list[dict[str, Any]]:
    """Return the documents made of these facts. They are made in a thread: a thousand take a second."""
    return await asyncio.to_thread(lambda: [document(each) for each in facts])


class Replaced(Exception):  # noqa: N818 - it says what became of the index
    """The index is not the one that was told before: wiped, made again by itself, or swapped away."""


def _number(written: Written) -> int | None:
    return int(written.mark) if written.mark is not None and written.mark.isdecimal() else None


def is_late(written: Written, feed: Feed) -> bool:
    """Tell whether a task that nobody waited for may have put an older document over a newer one.

    What a batch tells stays pending until a batch of a greater number is acknowledged. As long as none is,
    all that the task wrote is told again, by a later task. Once one is, or if the task is nobody's, not.
    """
    number = _number(written)
    return number is None or number <= feed.acknowledged


class Teller:
    """Tells what is pending, under one holding of the feed."""

    def __init__(self, database: Database, outside: Outside, hold: Hold) -> None:
        self.database = database
        self.outside = outside
        self.hold = hold

    async def feed(self) -> Feed:
        """Return how the engine stands by now. Raises :class:`Superseded` when it is not in use any more."""
        async with self.database.transaction() as session:
            feed = await feeding.read(session, self.hold.kind)
        if feed is None:
            raise Superseded(f"No engine outside is in use for {self.hold.kind} any more.")
        return feed

    async def drain(self, uids: Sequence[str], *, at_most: int | None = None) -> int:
        """Tell these indexes what is pending until no whole batch is, or `at_most` batches.

        Return how many were told. What comes in meanwhile is for the next time: edits may go on for ever.

        Raises :class:`Replaced` when the index that answers searches is not the one that is known.
        """
        told = 0
        while at_most is None or told < at_most:
            async with self.database.transaction() as session:
                batch = await feeding.next_batch(session, self.hold)
            if batch is None:
                break
            await self._tell(batch, uids)
            told += 1
            if len(batch.versions) < BATCH:
                break
        return told

    async def _tell(self, batch: Batch, uids: Sequence[str]) -> None:
        documents = await documents_of(batch.facts)
        mark = str(batch.number)
        asked_before = set(self.outside.known)
        refused: dict[uuid.UUID, str] = {}
        for uid in uids:
            refused |= await self.outside.put(uid, documents, mark)
            await self.outside.delete(uid, batch.gone, mark)
        own = self.outside.known - asked_before
        try:
            await self._acknowledge(batch, refused, own, live=self.outside.uid in uids)
        except Superseded:
            # Its words may have come after the other holder's.
            async with self.database.transaction() as session:
                await feeding.tell_again(session, batch.kind, list(batch.versions))
            raise

    async def _acknowledge(self, batch: Batch, refused: Refused, own: set[int], *, live: bool) -> None:
        feed = await self.feed()
        values: dict[str, Any] = {}
        documents = feed.documents
        if live:
            state = await self.outside.describe()
            if state is None or state.created_at != feed.created_at:
                raise Replaced("The index was replaced while it was told.")
            documents = state.documents
            strays = [
                each
                for each in await self.outside.written_after(feed.last_task)
                if each.task not in self.outside.known and _number(each) != batch.number
            ]
            if any(each.task > min(own) and not is_late(each, feed) for each in strays):
                # Older words of rows that are told just now came after these: they are told once more.
                log.warning("search.overtaken", kind=batch.kind, batch=batch.number)
                return
            values["last_task"] = max([feed.last_task, *own, *(each.task for each in strays)])
            if any(is_late(each, feed) for each in strays):
                log.warning("search.late_write", kind=batch.kind, tasks=[each.task for each in strays])
                values["wanted"] = feed.wanted or feeding.COMPARE
        async with self.database.transaction() as session:
            await feeding.acknowledge(session, self.hold, batch, refused, documents=documents)
            if values:
                await feeding.change(session, self.hold, **values)
