"""From events to tasks, and from waiting tasks to leased ones."""

import datetime
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.ids import new_id
from service.domain.tasks.facts import Backoff, Claimed, Lease, TaskFacts
from service.domain.tasks.rows import READY, RUNNING, still_leased
from service.models import Event, Schedule, Task, TaskState

# One number for the lock under which tasks are claimed, one worker at a time, for a millisecond.
_CLAIM_LOCK = 0x616E6374
_ENTER = text(
    # Should this worker vanish with its machine right now, the others wait half a minute, not two hours.
    "SELECT set_config('idle_in_transaction_session_timeout', '30s', true),"
    # What a crash of the server may then forget of the last moment is done again: that costs only time, and
    # an effect that was committed is on disk with all that came before it.
    " set_config('synchronous_commit', 'off', true),"
    f" pg_advisory_xact_lock({_CLAIM_LOCK})"
)
# Among how many due tasks per wanted one those about distinct subjects are looked for.
_CHOICE = 4
_CLAIM = text("""
    WITH due AS (
        SELECT id, handler, subject_id, run_after
        FROM task
        WHERE state = 'ready' AND run_after <= statement_timestamp()
            AND NOT EXISTS (
                SELECT FROM task AS running
                WHERE running.state = 'running'
                    AND running.handler = task.handler AND running.subject_id = task.subject_id
            )
        ORDER BY run_after, id
        LIMIT :choice
        FOR UPDATE SKIP LOCKED
    ), placed AS (
        SELECT id, run_after, row_number() OVER (
            PARTITION BY handler, coalesce(subject_id, id) ORDER BY run_after, id
        ) AS place
        FROM due
    ), chosen AS (
        SELECT id FROM placed WHERE place = 1 ORDER BY run_after, id LIMIT :limit
    )
    UPDATE task
    SET state = 'running', attempts = attempts + 1, leased_by = :leased_by,
        leased_until = statement_timestamp() + :lease, started_at = statement_timestamp(), finished_at = NULL
    FROM chosen
    WHERE task.id = chosen.id
    RETURNING task.id, event_id, kind, handler, subject_id, territory_id, data, attempts,
        run_after, started_at
""").columns(data=JSONB)


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
    await session.execute(_ENTER)
    rows = (
        await session.execute(
            _CLAIM,
            {
                "leased_by": leased_by,
                "lease": timedelta(seconds=lease_seconds),
                "limit": limit,
                "choice": limit * _CHOICE,
            },
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
