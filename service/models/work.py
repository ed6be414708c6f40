"""Background work: events that happened, tasks to do about them, clock ticks. The row is the truth."""

import datetime
import enum
import uuid
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id, text_enum
from service.models.personal import plain
from service.models.tenancy import PLATFORM, Tenancy


class TaskState(enum.StrEnum):
    """Life of a task: ready → running → done, back to ready after a failure, dead after the last.

    ``superseded``: a later task of the same handler and subject does its work. ``dropped``: an operator gave
    it up.
    """

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    SUPERSEDED = "superseded"
    DEAD = "dead"
    DROPPED = "dropped"


class Event(Base):
    """Something that happened, recorded in the transaction in which it happened."""

    __tablename__ = "event"
    # Whoever records an event may well not read it.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - as SQLAlchemy declares it

    id: Mapped[Id]
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    kind: Mapped[str] = mapped_column(comment="noun.past_participle")
    territory_id: Mapped[uuid.UUID | None]
    subject_id: Mapped[uuid.UUID | None]
    data: Mapped[dict[str, Any]]
    actor: Mapped[str]
    request_id: Mapped[str | None]
    occurred_at: Mapped[Created]
    fanned_out_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index("ix_event_pending", "sequence", postgresql_where=text("fanned_out_at IS NULL")),
        Index("ix_event_territory", "territory_id", "sequence"),
        Index("ix_event_subject", "subject_id"),
        {"info": {"tenancy": Tenancy(territory="territory_id", addable=True)}},
    )


class Task(Base):
    """One handler to run for one event (or for one tick of the clock), at least once.

    ``event_id`` is the event's id, or the tick's own id for scheduled work; with ``handler`` it is unique, so
    fanning out twice does nothing. ``kind``, ``subject_id``, ``territory_id`` and ``data`` are the event's,
    ``run_after`` begins as the moment it occurred. Tasks of one handler about one subject run one at a time.
    """

    __tablename__ = "task"

    id: Mapped[Id]
    event_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    handler: Mapped[str]
    subject_id: Mapped[uuid.UUID | None]
    territory_id: Mapped[uuid.UUID | None]
    data: Mapped[dict[str, Any]]
    state: Mapped[TaskState] = mapped_column(text_enum(TaskState, "task_state"), default=TaskState.READY)
    attempts: Mapped[int] = mapped_column(default=0)
    run_after: Mapped[Created]
    leased_until: Mapped[datetime.datetime | None]
    leased_by: Mapped[str | None] = mapped_column(comment="Kept after the end: who ran it last")
    last_error: Mapped[str | None] = mapped_column(info={"pii": "text"})
    created_at: Mapped[Created]
    started_at: Mapped[datetime.datetime | None]
    finished_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        UniqueConstraint("event_id", "handler"),
        Index("ix_task_ready", "run_after", "id", postgresql_where=text("state = 'ready'")),
        Index("ix_task_waiting", "handler", "subject_id", postgresql_where=text("state = 'ready'")),
        Index("ix_task_running", "leased_until", postgresql_where=text("state = 'running'")),
        Index(
            "ix_task_alone", "handler", "subject_id", unique=True, postgresql_where=text("state = 'running'")
        ),
        Index("ix_task_dead", "finished_at", postgresql_where=text("state = 'dead'")),
        {
            "info": {
                "tenancy": PLATFORM,
                "plain": plain(
                    "event_id kind handler subject_id territory_id data state attempts run_after "
                    "leased_until leased_by started_at finished_at"
                ),
            }
        },
    )


class Schedule(Base):
    """A repeated piece of work and when it is next due; several schedulers run a tick once."""

    __tablename__ = "schedule"
    __table_args__ = ({"info": {"tenancy": PLATFORM}},)

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime.datetime]
    last_tick_at: Mapped[datetime.datetime | None]
