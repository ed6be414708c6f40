"""The worker's loop, the same inside the API's process and in one of its own.

It looks for work when woken and every few seconds, so that a lost wake-up costs a moment and nothing else.
"""

import asyncio
import itertools
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self

import structlog

from service.core import metrics
from service.core.cancelling import cancel
from service.core.clock import now
from service.core.database import AsyncSession
from service.domain import tasks
from service.domain.tasks import Backoff, Claimed, Ending, Lease, TaskFacts
from service.jobs import HANDLERS, SCHEDULE
from service.jobs.execution import execute
from service.jobs.work import Handler, Tick, Work

# How many events one turn takes up at most, so that the tasks of the first ones need not wait for all.
_EVENTS_PER_TURN = 500
# A moment due sooner than this is waited for no less, so that clocks apart cannot make the loop spin.
_SHORTEST_WAIT_SECONDS = 0.02
# Nothing extends the leases of tasks run by drain(); the handlers' own time limits are shorter.
_DRAIN_LEASE_SECONDS = 4 * 3600.0
# How long a cancelled handler may take to let go before its lease is left to run out.
_CANCELLED_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Programme:
    """What is to be done about what: the handlers and the schedule, in the forms the verbs need."""

    def __init__(self, handlers: Mapping[str, Sequence[Handler]], schedule: Mapping[str, Tick]) -> None:
        self.handlers: dict[str, Handler] = {}
        listed = [handler for several in handlers.values() for handler in several]
        for handler in (*listed, *(entry.handler for entry in schedule.values())):
            if self.handlers.setdefault(handler.name, handler) is not handler:
                raise ValueError(f"Two handlers are named {handler.name}")
        self.routes = {kind: [handler.name for handler in several] for kind, several in handlers.items()}
        self.coalescing = {name for name, handler in self.handlers.items() if handler.coalesce}
        self.max_attempts = {name: handler.max_attempts for name, handler in self.handlers.items()}
        self.cadences = {name: entry.cadence for name, entry in schedule.items()}
        self.ticks = {name: (entry.cadence, entry.handler.name) for name, entry in schedule.items()}


class Runner:
    """Takes events up, runs tasks, keeps their leases, ticks the clock; until :meth:`stop`.

    ``worker_concurrency`` tasks run at the same time, none is held back behind them: a task is leased when it
    starts. ``grace_seconds`` is how long running tasks may take to end after :meth:`stop`; those that take
    longer are cancelled and given back without counting the attempt.
    """

    def __init__(
        self,
        work: Work,
        *,
        handlers: Mapping[str, Sequence[Handler]] = HANDLERS,
        schedule: Mapping[str, Tick] = SCHEDULE,
        backoff: Backoff | None = None,
        grace_seconds: float = 10.0,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._work = work
        self._programme = Programme(handlers, schedule)
        self._backoff = backoff or Backoff()
        self._grace_seconds = grace_seconds
        self._attention = asyncio.Event()
        self._claims = itertools.count(1)
        self._running: dict[Lease, tuple[TaskFacts, asyncio.Task[None]]] = {}
        self._endings: list[Ending] = []
        self._interrupted: list[TaskFacts] = []
        self._lost: set[Lease] = set()
        self._stopping = False
        self._planned = False
        self._events_may_wait = True
        self._next_round = 0.0
        self._failing = False

    def wake(self) -> None:
        """Look for events at once: they have just been committed. Call it from the loop's own thread."""
        self._events_may_wait = True
        self._attention.set()

    def stop(self) -> None:
        """Begin to stop: nothing more is started, and :meth:`run` returns when what runs has ended."""
        self._stopping = True
        self._attention.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Run beside the block, and stop gracefully when it ends."""
        loop = asyncio.create_task(self.run(), name="worker")
        try:
            yield self
        finally:
            self.stop()
            await loop

    async def run(self) -> None:
        """Work until :meth:`stop`. A database that is down is waited for."""
        heart = asyncio.create_task(self._beat(), name="worker heartbeat")
        log.info("worker.started", worker=self.name, concurrency=self._work.settings.worker_concurrency)
        try:
            while not self._stopping:
                self._attention.clear()
                await self._guarded_turn()
                await self._wait_for_attention(self._next_round)
            await self._let_end()
        finally:
            await cancel([heart])
            await self._give_back()
            log.info("worker.stopped", worker=self.name)

    async def _wait_for_attention(self, until: float) -> None:
        """Wait until something is to be done, or until the loop's clock shows ``until``."""
        try:
            async with asyncio.timeout_at(until):
                await self._attention.wait()
        except TimeoutError:
            return

    async def _guarded_turn(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._turn()
        except Exception as error:  # noqa: BLE001 - the worker outlives whatever the database does
            if not self._failing:
                log.warning("worker.failing", error=tasks.describe(error))
            self._failing = True
            self._events_may_wait = True
            # Not sooner than the next round, even when tasks end meanwhile.
            await asyncio.sleep(self._work.settings.worker_poll_seconds)
            self._next_round = loop.time()
        else:
            if self._failing:
                log.info("worker.recovered")
            self._failing = False
            metrics.WORKER_LAST_TURN.set_to_current_time()

    async def _turn(self) -> None:
        """In one transaction: record what ended, take up events, lease what is due; then start it."""
        loop = asyncio.get_running_loop()
        going_round = loop.time() >= self._next_round and not self._stopping
        taking_events = (self._events_may_wait or going_round) and not self._stopping
        free = 0 if self._stopping else self._work.settings.worker_concurrency - len(self._running)
        endings, self._endings = self._endings, []
        claimed: list[Claimed] = []
        taken, due_in = 0, None
        # Before looking, so that a wake-up during the look is not forgotten.
        self._events_may_wait = False
        try:
            async with self._work.database.transaction() as session:
                kept = await tasks.end(session, endings)
                if going_round:
                    await self._go_round(session)
                if taking_events:
                    taken = await self._take_events(session)
                if free:
                    claimed = await self._claim(session, free)
                    due_in = None if claimed else await self._next_due(session)
        except BaseException:
            self._endings = endings + self._endings
            raise
        for ending in endings:
            if ending.task.id not in kept:
                log.warning("task.lost", task_id=str(ending.task.id))
        self._start(claimed)
        if going_round:
            self._planned = True
            self._next_round = loop.time() + self._work.settings.worker_poll_seconds
        if due_in is not None:
            self._next_round = min(self._next_round, loop.time() + max(due_in, _SHORTEST_WAIT_SECONDS))
        metrics.EVENTS_FANNED_OUT.inc(taken)
        self._events_may_wait |= taken == _EVENTS_PER_TURN
        # Fewer than asked for may mean that the due tasks seen first are about subjects already at work.
        if self._events_may_wait or 0 < len(claimed) < free:
            self._attention.set()

    def _start(self, claimed: Sequence[Claimed]) -> None:
        for item in claimed:
            run = asyncio.create_task(self._run(item), name=f"task {item.handler}")
            self._running[item.facts.lease] = (item.facts, run)
        metrics.WORKER_RUNNING.set(len(self._running))

    async def _go_round(self, session: AsyncSession) -> None:
        """Do what no wake-up tells of: leases that ran out, ticks that are due."""
        programme = self._programme
        if not self._planned:
            await tasks.plan(session, programme.cadences, now())
        ready, dead = await tasks.reclaim(session, programme.max_attempts, backoff=self._backoff)
        if ready or dead:
            log.warning("tasks.reclaimed", ready=ready, dead=dead)
            metrics.TASKS_RECLAIMED.labels("ready").inc(ready)
            metrics.TASKS_RECLAIMED.labels("dead").inc(dead)
        await tasks.tick(session, programme.ticks, now())

    async def _take_events(self, session: AsyncSession) -> int:
        programme = self._programme
        return await tasks.fan_out(
            session, programme.routes, coalescing=programme.coalescing, limit=_EVENTS_PER_TURN
        )

    async def _claim(self, session: AsyncSession, limit: int) -> list[Claimed]:
        return await tasks.claim(
            session,
            leased_by=f"{self.name}#{next(self._claims)}",
            lease_seconds=self._work.settings.worker_lease_seconds,
            limit=limit,
        )

    async def _next_due(self, session: AsyncSession) -> float | None:
        return await tasks.next_due(session, list(self._programme.ticks), now())

    async def _run(self, claimed: Claimed) -> None:
        task = claimed.facts
        handler = self._programme.handlers.get(claimed.handler)
        try:
            outcome = await execute(self._work, handler, claimed, self._backoff)
        except asyncio.CancelledError:
            if task.lease not in self._lost:
                self._interrupted.append(task)
            metrics.TASKS.labels(claimed.handler, "lost" if task.lease in self._lost else "released").inc()
            raise
        else:
            if outcome.ending is not None:
                self._endings.append(outcome.ending)
        finally:
            del self._running[task.lease]
            self._lost.discard(task.lease)
            self._attention.set()

    async def _beat(self) -> None:
        """Extend the leases of what runs, three times per lease; cancel what was lost all the same."""
        seconds = self._work.settings.worker_lease_seconds
        while True:
            await asyncio.sleep(seconds / 3)
            held = [facts for facts, _ in self._running.values()]
            if not held:
                continue
            try:
                async with self._work.database.transaction() as session:
                    lost = await tasks.extend_leases(session, held, lease_seconds=seconds)
            except Exception as error:  # noqa: BLE001 - the next beat may reach the database again
                log.warning("worker.heartbeat_failed", error=tasks.describe(error))
                continue
            for lease in lost & self._running.keys():
                log.warning("task.lost", task_id=str(lease[0]))
                self._lost.add(lease)
                self._running[lease][1].cancel()

    async def _let_end(self) -> None:
        """Let what runs end, for the time of grace, and record it."""
        deadline = asyncio.get_running_loop().time() + self._grace_seconds
        while self._running and asyncio.get_running_loop().time() < deadline:
            self._attention.clear()
            if self._endings:
                await self._guarded_turn()
            if self._running:
                await self._wait_for_attention(deadline)

    async def _give_back(self) -> None:
        """Cancel what still runs and give it back, so that another worker need not wait for the lease."""
        await cancel([run for _, run in self._running.values()], within=_CANCELLED_SECONDS)
        if not (self._endings or self._interrupted):
            return
        try:
            async with self._work.database.transaction() as session:
                await tasks.end(session, self._endings)
                released = await tasks.release(session, self._interrupted)
        except Exception as error:  # noqa: BLE001 - the leases run out by themselves
            log.warning("worker.release_failed", error=tasks.describe(error))
        else:
            log.info("worker.released", tasks=released)


async def drain(
    work: Work,
    *,
    handlers: Mapping[str, Sequence[Handler]] = HANDLERS,
    schedule: Mapping[str, Tick] | None = None,
) -> int:
    """Do everything that is due, one task after the other, until nothing is; return how many were run.

    For commands and tests that want the effects before going on; a database bound to one connection will do.
    The clock ticks once, at the beginning, for what ``schedule`` names. A failure is recorded as the worker
    would, and raised.
    """
    programme = Programme(handlers, schedule or {})
    name = f"drain:{os.getpid()}:{secrets.token_hex(3)}"
    async with work.database.transaction() as session:
        await tasks.plan(session, programme.cadences, now())
        await tasks.tick(session, programme.ticks, now())
    for count in itertools.count():
        async with work.database.transaction() as session:
            while await tasks.fan_out(session, programme.routes, coalescing=programme.coalescing):
                pass
            claimed = await tasks.claim(
                session, leased_by=f"{name}#{count}", lease_seconds=_DRAIN_LEASE_SECONDS, limit=1
            )
        if not claimed:
            return count
        outcome = await execute(work, programme.handlers.get(claimed[0].handler), claimed[0], Backoff())
        if outcome.ending is not None:
            async with work.database.transaction() as session:
                await tasks.end(session, [outcome.ending])
        if outcome.error is not None:
            raise outcome.error
    raise AssertionError  # itertools.count does not end
