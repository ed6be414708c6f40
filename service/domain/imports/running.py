"""One import from its first item to its report: short transactions, one lock, an account that adds up."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core import metrics
from service.core.clock import now
from service.core.database import Database
from service.core.errors import NotFound, Problem
from service.domain.access import Actor, system
from service.domain.imports.account import Account, Outcome, Unlisted
from service.domain.imports.locks import alone_on_feed
from service.domain.imports.reading import Reading, read_item
from service.domain.imports.references import References, load_references
from service.domain.imports.reports import Provenance, close_report, get_report, note_progress, open_report
from service.domain.imports.storing import Import, Known, known_items, store
from service.domain.imports.withdrawal import doubt, open_listings, unlist
from service.domain.tasks import describe
from service.models import Feed, FeedListing, Posting
from service.models.enums import PostingState
from service.schemas.feed import FeedBatch, FeedPosting, Rejection
from service.schemas.feeds import ImportReportRead, ImportState

BATCH: Final = 200
_ATTEMPTS: Final = 3
# Deadlock and serialisation failure: nothing is wrong with the items, trying again helps.
_PASSING: Final = frozenset({"40P01", "40001"})
# Data exceptions, broken constraints, limits of the database: the item's own fault.
_ITEM_FAULTS: Final = ("22", "23", "54")
_READER: Final = system("imports")

Progress = Callable[[int, int], None]
"""Called with how many postings are dealt with, and how many there are in all."""
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


def importer(source: str) -> Actor:
    """Return the actor that imports from ``source``, named in the history and the events."""
    return Actor(name=f"import:{source}", everywhere=True)


async def import_items(
    database: Database,
    actor: Actor,
    feed_id: uuid.UUID,
    batch: FeedBatch,
    provenance: Provenance,
    *,
    floor_percent: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> ImportReportRead:
    """Make the territory's postings agree with what the feed lists; return the report.

    ``floor_percent`` replaces the feed's own for this once. Importing the same thing twice changes
    nothing. A crash leaves what was imported so far, and a report that the next import marks as failed.

    Raises :class:`Conflict` when the feed is being imported already or no commune is known; the report
    of any other failure is stored before its exception goes on.
    """
    async with alone_on_feed(database, feed_id):
        async with database.transaction() as session:
            references = await load_references(session)
            feed = await session.get(Feed, feed_id)
            if feed is None:
                raise NotFound(f"There is no feed {feed_id}.")
            report = await open_report(session, feed, provenance)
            before = await open_listings(session, feed_id)
        importing = Import(report.id, feed_id, feed.territory_id, feed.source, actor, now())
        account = Account()
        account.open(batch)
        account.listed_before = len(before)
        run = _Run(database, importing, references, account, progress)
        try:
            await run.take_in(batch.postings)
            floor = feed.floor_percent if floor_percent is None else floor_percent
            reason = await run.take_out(batch, before, floor)
            account.grouped = await run.count_grouped()
            account.check()
        except Exception as error:
            message = error.detail if isinstance(error, Problem) else describe(error).partition("\n")[0]
            await run.close(ImportState.FAILED, message)
            raise
        sentences = [sentence for sentence in (provenance.chosen, reason) if sentence]
        state = ImportState.PARTIAL if reason else ImportState.DONE
        await run.close(state, " ".join(sentences) or None)
    async with database.transaction() as session:
        return await get_report(session, _READER, report.id)


async def record_failure(
    database: Database, feed_id: uuid.UUID, reason: str, provenance: Provenance
) -> ImportReportRead:
    """Store the report of an import that could not begin: nothing is imported or withdrawn.

    Raises :class:`Conflict` when the feed is being imported.
    """
    async with alone_on_feed(database, feed_id), database.transaction() as session:
        feed = await session.get(Feed, feed_id)
        if feed is None:
            raise NotFound(f"There is no feed {feed_id}.")
        report = await open_report(session, feed, provenance)
        await close_report(session, report.id, Account(), state=ImportState.FAILED, message=reason)
        await session.refresh(report)
        return await get_report(session, _READER, report.id)


class _Run:
    """The steps of one import that share its account."""

    def __init__(
        self,
        database: Database,
        importing: Import,
        references: References,
        account: Account,
        progress: Progress,
    ) -> None:
        self._database = database
        self._importing = importing
        self._references = references
        self._account = account
        self._progress = progress

    async def take_in(self, postings: Sequence[FeedPosting]) -> None:
        """Store all the items, a batch at a time."""
        self._progress(0, len(postings))
        for start in range(0, len(postings), BATCH):
            items = postings[start : start + BATCH]
            readings = await self._read(items)
            outcomes = await self._again_if_passing(partial(self._store, readings))
            self._settle(outcomes)
            self._progress(start + len(items), len(postings))

    async def _read(self, items: Sequence[FeedPosting]) -> dict[str, Reading | Rejection | None]:
        """Read the items that are new or changed; None for those that are neither."""
        async with self._database.transaction() as session:
            known = await known_items(session, self._importing, [item.source_id for item in items])
            fresh = await asyncio.to_thread(_fresh, items, known, self._references)
            await self._references.equip(session, fresh)
        readings: dict[str, Reading | Rejection | None] = {item.source_id: None for item in items}
        return readings | await asyncio.to_thread(_read_all, fresh, self._references)

    async def _store(
        self, readings: Mapping[str, Reading | Rejection | None]
    ) -> dict[str, Outcome | Rejection]:
        """Store a batch in one transaction; item by item if one of them breaks a rule of the database."""
        outcomes: dict[str, Outcome | Rejection] = {
            key: one for key, one in readings.items() if isinstance(one, Rejection)
        }
        good = {key: one for key, one in readings.items() if not isinstance(one, Rejection)}
        async with self._database.transaction() as session:
            await note_progress(session, self._importing.report_id, self._account)
            try:
                async with session.begin_nested():
                    outcomes |= await store(session, self._importing, good)
            except StatementError as error:
                if _fault(error) is None:
                    raise
                outcomes |= await self._one_by_one(session, good)
        return outcomes

    async def _one_by_one(
        self, session: AsyncSession, readings: Mapping[str, Reading | None]
    ) -> dict[str, Outcome | Rejection]:
        outcomes: dict[str, Outcome | Rejection] = {}
        for source_id, reading in readings.items():
            try:
                async with session.begin_nested():
                    outcomes |= await store(session, self._importing, {source_id: reading})
            except StatementError as error:
                reason = _fault(error)
                if reason is None:
                    raise
                outcomes[source_id] = _unusable(source_id, reason)
        return outcomes

    def _settle(self, outcomes: Mapping[str, Outcome | Rejection]) -> None:
        for outcome in outcomes.values():
            if isinstance(outcome, Rejection):
                self._account.reject(outcome)
            else:
                self._account.settle([outcome])

    async def take_out(
        self, batch: FeedBatch, before: Mapping[str, uuid.UUID], floor_percent: int
    ) -> str | None:
        """Withdraw what is no longer listed; return why not, when the feed is not believed.

        An item that was rejected is still listed by its source.
        """
        listed = {posting.source_id for posting in batch.postings}
        listed |= {rejection.source_id for rejection in batch.rejections if rejection.source_id}
        gone = [posting_id for source_id, posting_id in before.items() if source_id not in listed]
        still = self._account.still_listed = len(before) - len(gone)
        reason = doubt(batch, before=len(before), still=still, floor_percent=floor_percent)
        if reason is not None:
            self._account.unlisted[reason.kept_as] += len(gone)
            return reason.sentence
        for start in range(0, len(gone), BATCH):
            ids = gone[start : start + BATCH]
            outcomes = await self._again_if_passing(partial(self._unlist, ids))
            self._account.unlisted.update(outcomes)
        return None

    async def _unlist(self, ids: Sequence[uuid.UUID]) -> Counter[Unlisted]:
        async with self._database.transaction() as session:
            await note_progress(session, self._importing.report_id, self._account)
            return await unlist(session, self._importing, ids)

    async def _again_if_passing(self, step: Callable[[], Awaitable[Result]]) -> Result:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await step()
            except DBAPIError as error:
                if _state(error) not in _PASSING or attempt == _ATTEMPTS:
                    raise
                log.info("import.tried_again", report_id=str(self._importing.report_id), why=_state(error))
        raise AssertionError  # the last attempt returns or raises

    async def count_grouped(self) -> int:
        """Return how many postings the feed lists that are hidden behind a near-duplicate."""
        async with self._database.transaction() as session:
            count = await session.scalar(
                select(func.count())
                .select_from(FeedListing)
                .join(Posting, Posting.id == FeedListing.posting_id)
                .where(
                    FeedListing.feed_id == self._importing.feed_id,
                    FeedListing.unlisted_at.is_(None),
                    Posting.state == PostingState.PUBLISHED,
                    Posting.shown.is_(False),
                )
            )
        return count or 0

    async def close(self, state: ImportState, message: str | None) -> None:
        """End the report and count the items for the metrics."""
        counts = self._account.counts().model_dump(exclude_defaults=True)
        for name in (*Outcome, Unlisted.WITHDRAWN):
            metrics.FEED_ITEMS.labels(self._importing.source, name.value).inc(counts.get(name.value, 0))
        async with self._database.transaction() as session:
            await close_report(
                session, self._importing.report_id, self._account, state=state, message=message
            )


def _fresh(
    items: Sequence[FeedPosting], known: Mapping[str, Known], references: References
) -> list[FeedPosting]:
    """Return the items for which something may have to be written."""
    fresh = []
    for item in items:
        stored = known.get(item.source_id)
        if stored is None or not stored.settled(references.digest(item.fingerprint())):
            fresh.append(item)
    return fresh


def _read_all(items: Sequence[FeedPosting], references: References) -> dict[str, Reading | Rejection]:
    readings: dict[str, Reading | Rejection] = {}
    for item in items:
        try:
            readings[item.source_id] = read_item(item, references)
        except (ValueError, ArithmeticError) as error:
            readings[item.source_id] = _unusable(item.source_id, type(error).__name__)
    return readings


def _state(error: StatementError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def _fault(error: StatementError) -> str | None:
    """Return what is wrong with an item that the database refused; None if the item is not at fault.

    Values are left out: they may be about persons.
    """
    if not isinstance(error, DBAPIError):
        return "a value cannot be stored"
    state = _state(error)
    if state is None or not state.startswith(_ITEM_FAULTS):
        return None
    cause = error.orig.__cause__ if error.orig is not None else None
    constraint = getattr(cause, "constraint_name", None) or getattr(cause, "column_name", None)
    return f"the database refuses it ({constraint or state})"


def _unusable(source_id: str, reason: str) -> Rejection:
    return Rejection(source_id=source_id, reason=reason)
