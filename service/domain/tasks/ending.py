"""How a run ends: its effect and its end together, or a failure that says when to try again."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.reach import elevated
from service.domain.tasks.facts import Lease, LeaseLost, TaskFacts
from service.domain.tasks.rows import still_leased
from service.models import Task, TaskState

# Every task ends by it: a finished text costs a fifth of a statement composed each time.
_FINISH = text("""
    UPDATE task
    SET state = 'done', leased_until = NULL, last_error = NULL, finished_at = statement_timestamp()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:leased_by AS text[]), CAST(:attempts AS integer[]))
        AS lease (id, leased_by, attempts)
    WHERE state = 'running'
        AND task.id = lease.id AND task.leased_by = lease.leased_by AND task.attempts = lease.attempts
    RETURNING task.id
""")


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a run: done, or an ``error`` and when to retry: in seconds, or None for never."""

    task: TaskFacts
    error: str | None = None
    retry_in: float | None = None


@asynccontextmanager
async def completing(
    database: Database, task: TaskFacts, completed: set[Lease]
) -> AsyncIterator[AsyncSession]:
    """Yield a session whose commit also ends the task, if it is still this worker's; then note its lease.

    Raises :class:`LeaseLost` on entry otherwise. The task's row is locked first, so that nobody takes the
    task back while the block runs, however late its lease.
    """
    async with database.transaction() as session:
        # The handler may reach one territory only; its task is the platform's.
        async with elevated(session):
            finished = await finish(session, [task])
        if not finished:
            raise LeaseLost(
                f"Task {task.id} is no longer leased to {task.leased_by} (attempt {task.attempts})."
            )
        yield session
    completed.add(task.lease)


async def finish(session: AsyncSession, ended: Sequence[TaskFacts]) -> set[uuid.UUID]:
    """Mark tasks done that are still leased to the worker and attempt that ran them; return their ids."""
    if not ended:
        return set()
    rows = await session.execute(
        _FINISH,
        {
            "ids": [task.id for task in ended],
            "leased_by": [task.leased_by for task in ended],
            "attempts": [task.attempts for task in ended],
        },
    )
    return set(rows.scalars())


async def end(session: AsyncSession, endings: Sequence[Ending]) -> set[uuid.UUID]:
    """Record how runs ended; return the ids of the tasks that were still this worker's.

    The rest were lost to another worker meanwhile, and are its to end.
    """
    kept = await finish(session, [ending.task for ending in endings if ending.error is None])
    for ending in endings:
        if ending.error is None:
            continue
        task, moment = ending.task, func.statement_timestamp()
        dead = ending.retry_in is None
        row = await session.scalar(
            update(Task)
            .where(still_leased([task]))
            .values(
                state=TaskState.DEAD if dead else TaskState.READY,
                run_after=moment + timedelta(seconds=ending.retry_in or 0),
                leased_until=None,
                last_error=ending.error,
                finished_at=moment if dead else None,
            )
            .returning(Task.id)
            .execution_options(synchronize_session=False)
        )
        if row is not None:
            kept.add(row)
    return kept


async def release(session: AsyncSession, tasks: Sequence[TaskFacts]) -> int:
    """Give back tasks interrupted by the worker's own stop, without counting the attempt; return how many."""
    if not tasks:
        return 0
    held = select(Task.id).where(still_leased(tasks)).with_for_update(of=Task, skip_locked=True).cte()
    released = await session.scalars(
        update(Task)
        .where(Task.id.in_(select(held.c.id)))
        .values(state=TaskState.READY, attempts=Task.attempts - 1, leased_until=None, leased_by=None)
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return len(released.all())
