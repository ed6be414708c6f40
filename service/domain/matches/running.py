"""Matching a whole tree of territories: read, compute, write, and begin again if someone was faster.

Whether one posting changed or everything is checked, the work is the same: find what differs from what
was last matched, find whose lists that may change, compute those lists exactly, write what differs.
When much differs, or when the day, the engine or ROME is another, every list is computed. What an
incremental run leaves behind is therefore what a full run would have written.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from weakref import WeakValueDictionary

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.domain.matches import reading, writing
from service.domain.matches.board import Board, Change, Lists, Stored
from service.domain.matches.comparing import Plan, Wording, compare
from service.domain.matches.reading import Basis, Rome
from service.domain.matches.writing import MovedOnError
from service.matching.facts import MatchingContext
from service.matching.weights import ENGINE_VERSION

BATCH: Final = 1_000
"""Matches written in one transaction: some tenths of a second."""

MANY_CHANGED: Final = 10
"""From one changed subject in ten on, every list is computed: that is quicker than finding out which."""

MANY_AFFECTED: Final = 4
"""From one affected list in four on, every list is computed: all together cost less than one by one."""

_ATTEMPTS: Final = 8

Finishing = Callable[[], AbstractAsyncContextManager[AsyncSession]]
Due = Callable[[AsyncSession], Awaitable[bool]]
Tell = Callable[[str, int, int], None]
"""``scored`` or ``written``, how many so far, how many in all."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. ``everything``: all lists were computed, not only those that might differ."""

    everything: bool = False
    pairs_scored: int = 0
    written: int = 0
    superseded: int = 0
    moved: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class _Situation:
    """What one attempt read."""

    root_id: uuid.UUID
    basis: Basis
    rome: Rome
    as_of: date
    lineages: dict[uuid.UUID, frozenset[uuid.UUID]]
    entries: dict[uuid.UUID, str]
    candidate_rows: list[Any] = field(default_factory=list)
    posting_rows: list[Any] = field(default_factory=list)

    def board(self) -> Board:
        context = MatchingContext(graph=self.rome.graph, rarity=self.rome.rarity, as_of=self.as_of)
        return Board(
            self.lineages,
            reading.candidates(self.candidate_rows),
            reading.postings(self.posting_rows),
            context,
        )

    def change(self, board: Board) -> Change:
        gone = self.entries.keys() - board.candidates.facts.keys() - board.postings.facts.keys()

        def differing(digests: dict[uuid.UUID, str]) -> frozenset[uuid.UUID]:
            return frozenset(gone).union(
                subject for subject, digest in digests.items() if self.entries.get(subject) != digest
            )

        return Change(differing(board.candidates.digests), differing(board.postings.digests))

    @property
    def stale(self) -> bool:
        """Tell whether the current matches were computed on another day, by another engine or ROME."""
        return not self.basis.holds(self.rome.digest, self.as_of)


async def match_tree(
    database: Database,
    root_id: uuid.UUID,
    *,
    checking: uuid.UUID | None = None,
    due: Due | None = None,
    finishing: Finishing | None = None,
    tell: Tell | None = None,
) -> Outcome:
    """Bring the current matches under the outermost territory ``root_id`` in line with the facts.

    ``checking``: a territory of the tree whose matches are all scored again, changed or not. ``due`` is
    asked once nobody else runs: false ends the run. ``finishing`` opens the transaction of the last
    write, which holds all of them when they are few. Raises :class:`MovedOnError` when others were
    faster time and again.
    """
    finish = finishing or database.transaction
    wording = Wording()
    async with _alone(database, root_id):
        if due is not None:
            async with database.transaction() as session:
                if not await due(session):
                    return Outcome()
        for attempt in range(_ATTEMPTS):
            try:
                return await _run(database, root_id, checking, finish, tell, wording)
            except MovedOnError:
                if attempt == _ATTEMPTS - 1:
                    raise
    raise MovedOnError


async def _run(
    database: Database,
    root_id: uuid.UUID,
    checking: uuid.UUID | None,
    finish: Finishing,
    tell: Tell | None,
    wording: Wording,
) -> Outcome:
    async with database.transaction() as session:
        situation = await _read(session, root_id)
    board = await asyncio.to_thread(situation.board)
    change = await asyncio.to_thread(situation.change, board)
    forced = board.inside(checking) if checking is not None else Change(frozenset(), frozenset())
    everything = situation.stale or _size(change, forced) * MANY_CHANGED > len(board)
    owners: Change | None = None
    if not everything:
        async with database.transaction() as session:
            stored = await writing.read_stored(session, situation.lineages, change)
        owners = await asyncio.to_thread(_owners, board, change, forced, stored)
        if _size(owners) * MANY_AFFECTED > len(board):
            everything, owners = True, None
    progress = None if tell is None else (lambda done, total: tell("scored", done, total))
    lists: Lists = await asyncio.to_thread(
        lambda: board.everything(progress) if owners is None else board.some(owners)
    )
    async with database.transaction() as session:
        rows = await writing.read_current(session, situation.lineages, owners)
    checked = None if situation.stale else _union(change, forced)
    plan = await asyncio.to_thread(compare, board, lists, rows, checked)
    await _write(database, finish, situation, board, change, plan, wording, tell)
    return Outcome(
        everything=everything,
        pairs_scored=lists.pairs_scored,
        written=plan.inserted,
        superseded=plan.superseded,
        moved=plan.moved,
        unchanged=plan.unchanged,
    )


async def _read(session: AsyncSession, root_id: uuid.UUID) -> _Situation:
    moment = now()
    # The basis first: whatever is written after this moment makes the whole attempt void.
    situation = _Situation(
        root_id=root_id,
        basis=await reading.read_basis(session, root_id),
        rome=await reading.read_rome(session),
        as_of=reading.day_of(moment),
        lineages=await reading.read_lineages(session, root_id),
        entries=await reading.read_entries(session, root_id),
    )
    async for part in writing.fetch(session, reading.select_candidates(root_id)):
        situation.candidate_rows += part
    async for part in writing.fetch(session, reading.select_postings(root_id, moment)):
        situation.posting_rows += part
    return situation


def _owners(board: Board, change: Change, forced: Change, stored: Stored) -> Change:
    return _union(board.affected(change, stored), forced)


def _union(one: Change, other: Change) -> Change:
    return Change(one.candidates | other.candidates, one.postings | other.postings)


def _size(*changes: Change) -> int:
    return sum(len(change.candidates) + len(change.postings) for change in changes)


async def _write(
    database: Database,
    finish: Finishing,
    situation: _Situation,
    board: Board,
    change: Change,
    plan: Plan,
    wording: Wording,
    tell: Tell | None,
) -> None:
    """Write ``plan`` in batches, the last one with the end of the run."""
    root_id, revision = situation.root_id, situation.basis.revision
    batches = [plan.steps[start : start + BATCH] for start in range(0, len(plan.steps), BATCH)] or [[]]
    for number, steps in enumerate(batches, start=1):
        pairs = [step.pair for step in steps if step.pair is not None]
        rows: list[dict[str, Any]] = []
        if pairs:
            async with database.transaction() as session:
                labels = await writing.read_labels(session, board, pairs)
            rows = await asyncio.to_thread(writing.render, board, steps, labels, wording)
        if number < len(batches):
            async with database.transaction() as session:
                # Until the end is reached lists may be half written: the next run must look at all.
                await writing.take_turn(session, root_id, revision, as_of=None)
                await writing.write(session, steps, rows)
            revision += 1
        else:
            async with finish() as session:
                if steps or change or situation.stale:
                    await _conclude(session, situation, board, change, revision)
                    await writing.write(session, steps, rows)
        if tell is not None and plan.steps:
            tell("written", min(number * BATCH, len(plan.steps)), len(plan.steps))


async def _conclude(
    session: AsyncSession, situation: _Situation, board: Board, change: Change, revision: int
) -> None:
    await writing.take_turn(
        session,
        situation.root_id,
        revision,
        as_of=situation.as_of,
        engine_version=ENGINE_VERSION,
        context_digest=situation.rome.digest,
        matched_at=now(),
    )
    digests = board.candidates.digests | board.postings.digests
    changed = change.candidates | change.postings
    await writing.write_entries(
        session,
        situation.root_id,
        {subject: digests[subject] for subject in sorted(changed & digests.keys())},
        changed - digests.keys(),
    )


_turns: WeakValueDictionary[uuid.UUID, asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def _alone(database: Database, root_id: uuid.UUID) -> AsyncIterator[None]:
    """Keep every other process, and every other task of this one, from matching the same tree.

    This only spares work: what keeps two runs apart is :func:`writing.take_turn`. Within the process
    tasks queue up here, so that at most one of them waits on a database connection. The connection
    holds the lock without a transaction.
    """
    turn = _turns.setdefault(root_id, asyncio.Lock())
    key = func.hashtextextended(f"ancrage.matching.{root_id}", 0)
    async with turn, _connection(database) as connection:
        await connection.execute(select(func.pg_advisory_lock(key)))
        try:
            yield
        finally:
            await connection.execute(select(func.pg_advisory_unlock(key)))


@asynccontextmanager
async def _connection(database: Database) -> AsyncIterator[AsyncConnection]:
    if isinstance(database.bind, AsyncConnection):
        yield database.bind
        return
    async with database.bind.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")
