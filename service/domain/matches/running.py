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
from datetime import date, datetime
from typing import Any, Final
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.domain.matches import facts, reading, writing
from service.domain.matches.board import Board, Change, Lists
from service.domain.matches.comparing import Plan, Wording, compare
from service.domain.matches.facts import Subjects, day_of
from service.domain.matches.reading import Basis, Query, Rome
from service.domain.matches.writing import MovedOnError, among
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts
from service.matching.weights import ENGINE_VERSION
from service.models import CandidateProfile, Posting

BATCH: Final = 1_000
"""Matches written in one transaction: some tenths of a second."""

MANY_CHANGED: Final = 10
"""From one changed subject in ten on, every list is computed: that is quicker than finding out which."""

MANY_AFFECTED: Final = 4
"""From one affected list in four on, every list is computed: all together cost less than one by one."""

_ATTEMPTS: Final = 8

log = structlog.get_logger(__name__)

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
    """What one attempt is about: the tree, its present context, and what its matches rest on."""

    root_id: uuid.UUID
    moment: datetime
    basis: Basis
    rome: Rome
    lineages: dict[uuid.UUID, frozenset[uuid.UUID]]
    candidates: Subjects[CandidateFacts] = field(default_factory=lambda: Subjects({}, {}, {}))
    postings: Subjects[PostingFacts] = field(default_factory=lambda: Subjects({}, {}, {}))

    @property
    def as_of(self) -> date:
        """The day in France."""
        return day_of(self.moment)

    @property
    def stale(self) -> bool:
        """Tell whether the current matches were computed on another day, by another engine or ROME."""
        return not self.basis.holds(self.rome.digest, self.as_of)

    def board(self) -> Board:
        """Return the board of everybody read so far."""
        context = MatchingContext(graph=self.rome.graph, rarity=self.rome.rarity, as_of=self.as_of)
        return Board(self.lineages, self.candidates, self.postings, context)

    @property
    def all_candidates(self) -> Query:
        """The query for every candidate of the tree."""
        return reading.select_candidates(self.root_id)

    @property
    def all_postings(self) -> Query:
        """The query for every open posting of the tree."""
        return reading.select_postings(self.root_id, self.moment)

    async def load(self, database: Database, candidates: Query | None, postings: Query | None) -> None:
        """Read subjects and keep their facts."""
        async with database.transaction() as session:
            people = [] if candidates is None else await writing.fetch(session, candidates)
            work = [] if postings is None else await writing.fetch(session, postings)
        self.candidates.add(await asyncio.to_thread(facts.candidates, people))
        self.postings.add(await asyncio.to_thread(facts.postings, work))

    async def load_some(self, database: Database, wanted: Change) -> None:
        """Read some subjects by id."""
        await self.load(
            database,
            self.all_candidates.where(among(CandidateProfile.id, wanted.candidates)),
            self.all_postings.where(among(Posting.id, wanted.postings)),
        )

    async def load_concerned(self, database: Database, subjects: Change) -> None:
        """Read everybody whom one of ``subjects``, all read already, may concern."""
        people = [self.candidates.facts[one] for one in subjects.candidates & self.candidates.facts.keys()]
        work = [self.postings.facts[one] for one in subjects.postings & self.postings.facts.keys()]
        await self.load(
            database,
            reading.concerned_candidates(self.root_id, self.rome, work) if work else None,
            reading.concerned_postings(self.root_id, self.moment, self.rome, people) if people else None,
        )


async def match_tree(
    database: Database,
    root_id: uuid.UUID,
    *,
    everything: bool = False,
    due: Due | None = None,
    finishing: Finishing | None = None,
    tell: Tell | None = None,
) -> Outcome:
    """Bring the current matches under the outermost territory ``root_id`` in line with the facts.

    ``everything``: compute every list and check every match, changed or not. ``due`` is asked once nobody
    else runs: false ends the run. ``finishing`` opens the transaction of the last write, which holds all
    of them when they are few. Raises :class:`MovedOnError` when others were faster time and again.
    """
    finish = finishing or database.transaction
    async with _alone(database, root_id):
        if due is not None:
            async with database.transaction() as session:
                if not await due(session):
                    return Outcome()
        for _ in range(_ATTEMPTS - 1):
            try:
                return await _run(database, root_id, finish, tell, everything=everything)
            except MovedOnError:
                continue
        return await _run(database, root_id, finish, tell, everything=everything)


async def _run(
    database: Database, root_id: uuid.UUID, finish: Finishing, tell: Tell | None, *, everything: bool
) -> Outcome:
    async with database.transaction() as session:
        # The basis first: whatever is written after this moment makes the whole attempt void.
        basis = await reading.read_basis(session, root_id)
        rome = await reading.read_rome(session)
        lineages = await reading.read_lineages(session, root_id)
        situation = _Situation(root_id, now(), basis, rome, lineages)
        change, total = await reading.read_change(session, root_id, situation.moment)
    everything = everything or situation.stale
    owners: Change | None = None
    if not everything and len(change) * MANY_CHANGED <= total:
        owners = await _owners(database, situation, change)
        if len(owners) * MANY_AFFECTED > total:
            owners = None
    if owners is None:
        await situation.load(database, situation.all_candidates, situation.all_postings)
    else:
        await situation.load_some(database, owners)
        await situation.load_concerned(database, owners)
    board = situation.board()
    progress = None if tell is None else (lambda done, of: tell("scored", done, of))
    lists: Lists = await asyncio.to_thread(
        lambda: board.everything(progress) if owners is None else board.some(owners)
    )
    async with database.transaction() as session:
        rows = await writing.read_current(session, situation.lineages, owners)
    plan = await asyncio.to_thread(compare, board, lists, rows, None if everything else change)
    await _write(database, finish, situation, board, change, plan, tell)
    return Outcome(
        everything=owners is None,
        pairs_scored=lists.pairs_scored,
        written=plan.inserted,
        superseded=plan.superseded,
        moved=plan.moved,
        unchanged=plan.unchanged,
    )


async def _owners(database: Database, situation: _Situation, change: Change) -> Change:
    """Return whose lists may differ because of ``change``."""
    await situation.load_some(database, change)
    await situation.load_concerned(database, change)
    async with database.transaction() as session:
        stored = await writing.read_stored(session, situation.lineages, change)
    return await asyncio.to_thread(situation.board().affected, change, stored)


async def _write(
    database: Database,
    finish: Finishing,
    situation: _Situation,
    board: Board,
    change: Change,
    plan: Plan,
    tell: Tell | None,
) -> None:
    """Write ``plan`` in batches, the last one with the end of the run."""
    wording = Wording()
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
            try:
                await connection.execute(select(func.pg_advisory_unlock(key)))
            except DBAPIError:
                # The lock went with its connection; what was written does not hang on it.
                log.warning("matching.lock_lost", territory_id=str(root_id))


@asynccontextmanager
async def _connection(database: Database) -> AsyncIterator[AsyncConnection]:
    if isinstance(database.bind, AsyncConnection):
        yield database.bind
        return
    async with database.bind.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")
