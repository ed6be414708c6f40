"""Conditions on task rows that several verbs share."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, and_, func, literal, literal_column
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from service.domain.tasks.facts import TaskFacts
from service.models import Task

# Written into the statement: behind a parameter PostgreSQL would not see that a partial index applies.
READY: ColumnElement[Any] = literal_column("'ready'", Task.state.type)
RUNNING: ColumnElement[Any] = literal_column("'running'", Task.state.type)
DEAD: ColumnElement[Any] = literal_column("'dead'", Task.state.type)


def still_leased(tasks: Sequence[TaskFacts]) -> ColumnElement[bool]:
    """Return the condition that the row is one of ``tasks``, running under the same lease and attempt."""
    leases = (
        func.unnest(
            literal([task.id for task in tasks], ARRAY(UUID(as_uuid=True))),
            literal([task.leased_by for task in tasks], ARRAY(Text())),
            literal([task.attempts for task in tasks], ARRAY(Integer())),
        )
        .table_valued("id", "leased_by", "attempts")
        .render_derived("lease")
    )
    return and_(
        Task.state == RUNNING,
        Task.id == leases.c.id,
        Task.leased_by == leases.c.leased_by,
        Task.attempts == leases.c.attempts,
    )
