"""Who tells an engine outside what changed: one holder at a time, for as long as its lease."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.events import record
from service.domain.indexing import FEED_SUBJECT, OUTDATED
from service.models import SearchFeed, SearchPending
from service.schemas.search import SearchKind

LEASE_SECONDS: Final = 40.0
"""How long a holder that says nothing keeps the feed. Longer than any one call to the engine may take."""

REBUILD: Final = "rebuild"
COMPARE: Final = "compare"
NOT_BUILT: Final = "It was not built yet."


class Superseded(Exception):  # noqa: N818 - it says what became of the holder
    """Another holder tells the engine now: whatever this one was about to tell is the other's to tell."""


@dataclass(frozen=True, slots=True)
class Hold:
    """That the feed of a kind is held: ``epoch`` is of this holding alone."""

    kind: SearchKind
    holder: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """How an engine outside stands with one kind: what :class:`~service.models.SearchFeed` says."""

    kind: SearchKind
    ready: bool
    trouble: str | None
    wanted: str | None
    created_at: str | None
    next_created_at: str | None
    settings_digest: str | None
    documents: int
    acknowledged: int
    last_task: int
    epoch: int
    held: bool
    checked_at: datetime | None
    rebuilt_at: datetime | None
    pending: int
    refused: int


_COPIED: Final = (
    "ready",
    "trouble",
    "wanted",
    "created_at",
    "next_created_at",
    "settings_digest",
    "documents",
    "acknowledged",
    "last_task",
    "epoch",
    "checked_at",
    "rebuilt_at",
)


async def read(session: AsyncSession, kind: SearchKind) -> Feed | None:
    """Return how the engine stands with ``kind``; ``None`` while no such engine is in use."""
    row = await session.scalar(
        select(SearchFeed).where(SearchFeed.kind == kind).execution_options(populate_existing=True)
    )
    if row is None:
        return None
    mine = SearchPending.kind == kind
    counted = await session.execute(
        select(
            func.count().filter(SearchPending.error.is_(None)),
            func.count().filter(SearchPending.error.is_not(None)),
        ).where(mine)
    )
    pending, refused = counted.one()
    held = row.held_until is not None and row.held_until > await _moment(session)
    return Feed(
        kind=kind,
        held=held,
        pending=pending,
        refused=refused,
        **{name: getattr(row, name) for name in _COPIED},
    )


async def _moment(session: AsyncSession) -> datetime:
    """Return the database's moment, which all machines share."""
    moment = await session.scalar(select(func.clock_timestamp()))
    assert isinstance(moment, datetime)  # noqa: S101 - for mypy
    return moment


async def _locked(session: AsyncSession, kind: SearchKind) -> SearchFeed | None:
    row: SearchFeed | None = await session.scalar(
        select(SearchFeed)
        .where(SearchFeed.kind == kind)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return row


async def take(session: AsyncSession, kind: SearchKind, holder: str) -> Hold | None:
    """Become the one who tells the engine; ``None`` while another is, or while no engine is in use."""
    row = await _locked(session, kind)
    if row is None:
        return None
    moment = await _moment(session)
    if row.holder not in {None, holder} and row.held_until is not None and row.held_until > moment:
        return None
    if row.holder != holder:
        row.epoch += 1
    row.holder, row.held_until = holder, moment + timedelta(seconds=LEASE_SECONDS)
    await session.flush()
    return Hold(kind, holder, row.epoch)


async def check(session: AsyncSession, hold: Hold) -> SearchFeed:
    """Return the feed's row, locked until the end of the transaction. Raises :class:`Superseded`."""
    row = await _locked(session, hold.kind)
    if row is None or (row.holder, row.epoch) != (hold.holder, hold.epoch):
        raise Superseded(f"The feed of {hold.kind} is no longer held by {hold.holder}.")
    return row


async def keep(session: AsyncSession, hold: Hold) -> None:
    """Hold on for another lease. Raises :class:`Superseded`."""
    row = await check(session, hold)
    row.held_until = await _moment(session) + timedelta(seconds=LEASE_SECONDS)


async def change(session: AsyncSession, hold: Hold, **values: Any) -> None:
    """Write down how the engine stands. Raises :class:`Superseded`."""
    row = await check(session, hold)
    for name, value in values.items():
        setattr(row, name, value)
    await session.flush()


async def let_go(session: AsyncSession, hold: Hold) -> None:
    """Let others hold the feed, and have it taken up again at once if something came in meanwhile.

    Whoever was refused the feed before this commit may have left with rows still pending: they are seen here.
    """
    try:
        row = await check(session, hold)
    except Superseded:
        return
    row.holder = row.held_until = None
    await session.flush()
    waiting = select(SearchPending.document_id).where(
        SearchPending.kind == hold.kind, SearchPending.error.is_(None)
    )
    if row.trouble is None and (row.wanted or await session.scalar(waiting.limit(1))):
        ask(session)


async def want(session: AsyncSession, kind: SearchKind, what: str) -> None:
    """Have the next feed begin by comparing or rebuilding, and try again what the engine refused."""
    row = await _locked(session, kind)
    if row is None:
        return
    if row.wanted != REBUILD:
        row.wanted = what
    refused = SearchPending.error.is_not(None)
    await session.execute(update(SearchPending).where(SearchPending.kind == kind, refused).values(error=None))
    ask(session)


def ask(session: AsyncSession) -> None:
    """Have a worker look after the feed."""
    record(session, OUTDATED, actor="system:search", subject_id=FEED_SUBJECT, audited=False)


async def open_feed(session: AsyncSession, kind: SearchKind) -> bool:
    """Begin to note what an engine outside is to be told of ``kind``; tell whether that is new."""
    made = await session.execute(
        text(
            "INSERT INTO search_feed (kind, trouble, wanted) VALUES (:kind, :trouble, :wanted)"
            " ON CONFLICT (kind) DO NOTHING RETURNING kind"
        ),
        {"kind": kind.value, "trouble": NOT_BUILT, "wanted": REBUILD},
    )
    return made.first() is not None


async def close_feeds(session: AsyncSession) -> None:
    """Note nothing any more: no engine outside is in use."""
    await session.execute(text("DELETE FROM search_feed"))
    await session.execute(text("DELETE FROM search_pending"))


async def present_transaction(session: AsyncSession) -> int:
    """Return a number greater than that of every transaction begun before."""
    number = await session.scalar(select(text("pg_current_xact_id()::text")))
    return int(str(number))


async def ended_before(session: AsyncSession, number: int) -> bool:
    """Tell whether every transaction with a smaller number has ended.

    One that wrote before the feed was opened did not know that its change was to be noted: what is built from
    the database before its commit would lack that change for good.
    """
    oldest = await session.scalar(select(text("pg_snapshot_xmin(pg_current_snapshot())::text")))
    return int(str(oldest)) >= number


def new_holder() -> str:
    """Return a name for one holding, unlike any other."""
    return f"feeder:{uuid.uuid4()}"
