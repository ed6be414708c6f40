"""What an operator does with tasks: look, retry, drop; and what housekeeping deletes."""

import math
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, func, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from service.core import metrics
from service.core.database import Database
from service.domain.tasks.rows import DEAD, READY, RUNNING
from service.models import Event, IdempotencyRecord, Task, TaskState

ENDED = (TaskState.DONE, TaskState.SUPERSEDED, TaskState.DROPPED)
Deletable = Literal["answers", "tasks", "events"]


async def list_tasks(
    session: AsyncSession, *, state: TaskState | None = None, handler: str | None = None, limit: int = 50
) -> Sequence[Task]:
    """Return up to ``limit`` tasks, the latest first."""
    query = select(Task).order_by(Task.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Task.state == state)
    if handler is not None:
        query = query.where(Task.handler == handler)
    return (await session.scalars(query)).all()


async def retry(
    session: AsyncSession,
    *,
    ids: Sequence[uuid.UUID] = (),
    state: TaskState | None = None,
    handler: str | None = None,
) -> int:
    """Make tasks ready again at once, all attempts before them; return how many.

    Either those named by ``ids``, in any state but running, or all in ``state`` (of ``handler``, if given).
    """
    return await _change(
        session,
        and_(_chosen(ids, state, handler), Task.state != TaskState.RUNNING),
        state=TaskState.READY,
        attempts=0,
        run_after=func.statement_timestamp(),
        leased_by=None,
        started_at=None,
        finished_at=None,
    )


async def drop(
    session: AsyncSession,
    *,
    ids: Sequence[uuid.UUID] = (),
    state: TaskState | None = None,
    handler: str | None = None,
) -> int:
    """Give up tasks that are ready or dead; return how many. Chosen as in :func:`retry`."""
    return await _change(
        session,
        and_(_chosen(ids, state, handler), Task.state.in_([TaskState.READY, TaskState.DEAD])),
        state=TaskState.DROPPED,
        finished_at=func.statement_timestamp(),
    )


def _chosen(ids: Sequence[uuid.UUID], state: TaskState | None, handler: str | None) -> ColumnElement[bool]:
    if not ids and state is None:
        raise ValueError("Say which tasks: by id, or all in a state.")
    conditions: list[ColumnElement[bool]] = []
    if ids:
        conditions.append(Task.id.in_(ids))
    if state is not None:
        conditions.append(Task.state == state)
    if handler is not None:
        conditions.append(Task.handler == handler)
    return and_(*conditions)


async def _change(session: AsyncSession, condition: ColumnElement[bool], **values: object) -> int:
    chosen = select(Task.id).where(condition).with_for_update(skip_locked=True).cte()
    changed = await session.scalars(
        update(Task)
        .where(Task.id.in_(select(chosen.c.id)))
        .values(**values)
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return len(changed.all())


async def delete_old(session: AsyncSession, what: Deletable, *, older_than: timedelta, limit: int) -> int:
    """Delete up to ``limit`` rows of a kind older than that; return how many were deleted.

    ``answers`` kept for an Idempotency-Key, ``tasks`` that ended other than dead, ``events`` fanned out.
    """
    edge = func.statement_timestamp() - older_than
    key: tuple[InstrumentedAttribute[Any], ...]
    if what == "answers":
        key, old = (IdempotencyRecord.owner_id, IdempotencyRecord.key), IdempotencyRecord.created_at < edge
    elif what == "tasks":
        key, old = (Task.id,), and_(Task.state.in_(ENDED), Task.finished_at < edge)
    else:
        key, old = (Event.id,), and_(Event.fanned_out_at.is_not(None), Event.occurred_at < edge)
    batch = select(*key).where(old).limit(limit).with_for_update(skip_locked=True).cte()
    deleted = await session.execute(
        delete(key[0].class_)
        .where(tuple_(*key).in_(select(batch)))
        .returning(key[0])
        .execution_options(synchronize_session=False)
    )
    return len(deleted.all())


async def depths(session: AsyncSession) -> dict[str, int]:
    """Return how many tasks are ``ready``, ``running`` and ``dead``, and how many events are ``pending``."""
    query = select(
        *(
            select(func.count()).select_from(Task).where(Task.state == state).scalar_subquery().label(name)
            for name, state in (("ready", READY), ("running", RUNNING), ("dead", DEAD))
        ),
        select(func.count())
        .select_from(Event)
        .where(Event.fanned_out_at.is_(None))
        .scalar_subquery()
        .label("pending"),
    )
    return dict((await session.execute(query)).one()._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


async def observe(database: Database) -> None:
    """Set the gauges of the queue, for a scrape of ``/metrics``; not a number while the database is away."""
    try:
        async with database.sessions() as session:
            counts: dict[str, float] = {**await depths(session)}
    except (SQLAlchemyError, OSError):
        counts = dict.fromkeys(("ready", "running", "dead", "pending"), math.nan)
    for state, count in counts.items():
        metrics.QUEUE_DEPTH.labels(state).set(count)
