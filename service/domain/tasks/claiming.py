"""From events to tasks, and from waiting tasks to leased ones."""

import datetime
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from service.core.ids import new_id
from service.domain.tasks.facts import Backoff, Claimed, Lease, TaskFacts
from service.domain.tasks.rows import READY, RUNNING, still_leased
from service.models import Event, Schedule, Task, TaskState

# One number for the lock under which tasks are claimed, one worker at a time, for a millisecond.
_CLAIM_LOCK = 0x616E6374
# Among how many due tasks per wanted one those about distinct subjects are looked for.
_CHOICE = 4


async def fan_out(
    session: AsyncSession,
    routes: Mapping[str, Sequence[str]],
    *,
    coalescing: Collection[str] = (),
    limit: int = 500,
) -> int:
    """Turn up to ``limit`` pending events, oldest first, into tasks; return how many events were taken.

    ``routes`` lists the handlers' names of each kind of event; an event without any is only marked. Events
    another worker holds are skipped, never waited for; one that commits late is found whatever its sequence.
    A waiting task of a handler in ``coalescing`` gives way to a later one about the same subject.
    """
    events = (
        await session.execute(
            select(
                Event.id,
                Event.kind,
                Event.subject_id,
                Event.territory_id,
                Event.data,
                Event.occurred_at,
                func.statement_timestamp().label("taken_at"),
            )
            .where(Event.fanned_out_at.is_(None))
            .order_by(Event.sequence)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()
    if not events:
        return 0
    rows = [_row(event, handler) for event in events for handler in routes.get(event.kind, ())]
    newest = {
        (row["handler"], row["subject_id"]): row["id"]
        for row in rows
        if row["handler"] in coalescing and row["subject_id"] is not None
    }
    for row in rows:
        if newest.get((row["handler"], row["subject_id"]), row["id"]) != row["id"]:
            row.update(state=TaskState.SUPERSEDED, finished_at=events[0].taken_at)
    if newest:
        await _supersede(session, list(newest))
    if rows:
        await session.execute(
            insert(Task).on_conflict_do_nothing(index_elements=[Task.event_id, Task.handler]), rows
        )
    await session.execute(
        update(Event)
        .where(Event.id.in_([event.id for event in events]))
        .values(fanned_out_at=func.statement_timestamp())
        .execution_options(synchronize_session=False)
    )
    return len(events)


def _row(event: Row[Any], handler: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "event_id": event.id,
        "kind": event.kind,
        "handler": handler,
        "subject_id": event.subject_id,
        "territory_id": event.territory_id,
        "data": event.data,
        "state": TaskState.READY,
        "attempts": 0,
        # A writer whose clock is ahead does not make its tasks wait.
        "run_after": min(event.occurred_at, event.taken_at),
        "finished_at": None,
    }


async def _supersede(session: AsyncSession, about: Sequence[tuple[str, uuid.UUID]]) -> None:
    """End the waiting tasks of these handlers and subjects; what another worker is claiming may run."""
    waiting = (
        select(Task.id)
        .where(Task.state == READY, tuple_(Task.handler, Task.subject_id).in_(about))
        .with_for_update(skip_locked=True)
        .cte()
    )
    await session.execute(
        update(Task)
        .where(Task.id.in_(select(waiting.c.id)))
        .values(state=TaskState.SUPERSEDED, finished_at=func.statement_timestamp())
        .execution_options(synchronize_session=False)
    )


async def claim(session: AsyncSession, *, leased_by: str, lease_seconds: float, limit: int) -> list[Claimed]:
    """Lease up to ``limit`` due tasks, longest due first, to ``leased_by``; each counts an attempt.

    ``leased_by`` names the worker and this very claim, so that a run outlived by its lease is never taken for
    a later run of the same task.

    No two tasks of one handler about one subject are leased at the same time. To keep that without conflicts
    workers claim one after the other, until the end of this transaction: it must be short.
    """
    # Should this worker vanish with its machine right now, the others wait five seconds, not two hours.
    await session.execute(
        select(
            func.set_config("idle_in_transaction_session_timeout", "5s", True),  # noqa: FBT003 - SQL knows no keywords
            func.pg_advisory_xact_lock(_CLAIM_LOCK),
        )
    )
    running = aliased(Task)
    due = (
        select(Task.id, Task.handler, Task.subject_id, Task.run_after)
        .where(
            Task.state == READY,
            Task.run_after <= func.statement_timestamp(),
            ~select(running.id)
            .where(
                running.state == RUNNING,
                running.handler == Task.handler,
                running.subject_id == Task.subject_id,
            )
            .exists(),
        )
        .order_by(Task.run_after, Task.id)
        .limit(limit * _CHOICE)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    placed = select(
        due.c.id,
        due.c.run_after,
        func.row_number()
        .over(
            partition_by=(due.c.handler, func.coalesce(due.c.subject_id, due.c.id)),
            order_by=(due.c.run_after, due.c.id),
        )
        .label("place"),
    ).subquery("placed")
    chosen = (
        select(placed.c.id)
        .where(placed.c.place == 1)
        .order_by(placed.c.run_after, placed.c.id)
        .limit(limit)
        .cte("chosen")
    )
    moment = func.statement_timestamp()
    rows = (
        await session.execute(
            update(Task)
            .where(Task.id == chosen.c.id)
            .values(
                state=TaskState.RUNNING,
                attempts=Task.attempts + 1,
                leased_by=leased_by,
                leased_until=moment + timedelta(seconds=lease_seconds),
                started_at=moment,
                finished_at=None,
            )
            .returning(
                Task.id,
                Task.event_id,
                Task.kind,
                Task.handler,
                Task.subject_id,
                Task.territory_id,
                Task.data,
                Task.attempts,
                Task.run_after,
                Task.started_at,
            )
            .execution_options(synchronize_session=False)
        )
    ).all()
    return [
        Claimed(
            facts=TaskFacts(
                id=row.id,
                event_id=row.event_id,
                kind=row.kind,
                subject_id=row.subject_id,
                territory_id=row.territory_id,
                data=row.data,
                attempts=row.attempts,
                leased_by=leased_by,
            ),
            handler=row.handler,
            due_at=row.run_after,
            started_at=row.started_at,
        )
        for row in sorted(rows, key=lambda row: (row.run_after, row.id))
    ]


async def extend_leases(
    session: AsyncSession, tasks: Sequence[TaskFacts], *, lease_seconds: float
) -> set[Lease]:
    """Extend the leases of running tasks; return those this worker has lost.

    A row that is just being completed is left alone: whoever holds it decides.
    """
    if not tasks:
        return set()
    held = select(Task.id).where(still_leased(tasks)).with_for_update(of=Task, skip_locked=True).cte()
    await session.execute(
        update(Task)
        .where(Task.id.in_(select(held.c.id)))
        .values(leased_until=func.statement_timestamp() + timedelta(seconds=lease_seconds))
        .execution_options(synchronize_session=False)
    )
    rows = await session.execute(
        select(Task.id, Task.leased_by, Task.attempts).where(Task.id.in_([task.id for task in tasks]))
    )
    present = {row.id: (row.leased_by, row.attempts) for row in rows}
    return {task.lease for task in tasks if present.get(task.id) != (task.leased_by, task.attempts)}


async def reclaim(
    session: AsyncSession,
    max_attempts: Mapping[str, int],
    *,
    backoff: Backoff,
    limit: int = 100,
) -> tuple[int, int]:
    """Take back tasks whose lease has run out; return how many are ready again and how many are dead.

    The lost run counts as an attempt, so that a task that kills its worker ends dead (``max_attempts`` by
    handler) and does not kill worker after worker.
    """
    lost = (
        await session.execute(
            select(Task.id, Task.handler, Task.attempts, Task.leased_by)
            .where(Task.state == RUNNING, Task.leased_until < func.statement_timestamp())
            .order_by(Task.leased_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()
    dead = 0
    for row in lost:
        last = row.attempts >= max_attempts.get(row.handler, 1)
        dead += last
        moment = func.statement_timestamp()
        await session.execute(
            update(Task)
            .where(Task.id == row.id)
            .values(
                state=TaskState.DEAD if last else TaskState.READY,
                run_after=moment + timedelta(seconds=backoff.wait(row.attempts)),
                leased_until=None,
                leased_by=None,
                last_error=f"The worker {row.leased_by} died or stalled during attempt {row.attempts}.",
                finished_at=moment if last else None,
            )
            .execution_options(synchronize_session=False)
        )
    return len(lost) - dead, dead


async def next_due(session: AsyncSession, names: Collection[str], moment: datetime.datetime) -> float | None:
    """Return in how many seconds a waiting task or one of these names of the schedule is due, if any is.

    Tasks already due are not meant: those that could be claimed have been.
    """
    task_due = (
        select(func.extract("epoch", func.min(Task.run_after) - func.statement_timestamp()))
        .where(Task.state == READY, Task.run_after > func.statement_timestamp())
        .scalar_subquery()
    )
    tick_due = select(func.min(Schedule.due_at)).where(Schedule.name.in_(names)).scalar_subquery()
    row = (await session.execute(select(task_due, tick_due))).one()
    waits = [float(row[0])] if row[0] is not None else []
    if row[1] is not None:
        waits.append((row[1] - moment).total_seconds())
    return max(0.0, min(waits)) if waits else None
