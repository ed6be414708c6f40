"""Work the clock starts. When it is next due is a row, so that any number of schedulers run a tick once."""

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.ids import new_id
from service.models import Schedule, Task, TaskState

TICKED = "clock.ticked"
# The fixed name space of ticks' ids, so that every scheduler gives the same tick the same id.
_NAMESPACE = uuid.UUID("6e1c2f5e-3f0a-5a8e-9c43-8f1d6f0a7b21")


class Cadence(Protocol):
    """How often something is due."""

    def after(self, due: datetime.datetime, moment: datetime.datetime) -> datetime.datetime:
        """Return the first due moment later than ``moment``, given that ``due`` was one."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, ``seconds`` apart."""

    seconds: float

    def after(self, due: datetime.datetime, moment: datetime.datetime) -> datetime.datetime:
        """Keep the rhythm begun at ``due``; ticks missed meanwhile are skipped."""
        if due > moment:
            return due
        period = timedelta(seconds=self.seconds)
        return due + period * ((moment - due) // period + 1)


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day at a wall-clock time, in summer as in winter."""

    hour: int
    minute: int = 0
    zone: str = "Europe/Paris"

    def after(self, due: datetime.datetime, moment: datetime.datetime) -> datetime.datetime:  # noqa: ARG002 - the wall clock alone decides
        """Return the next such time of day."""
        local = moment.astimezone(ZoneInfo(self.zone))
        today = local.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0, fold=0)
        # Adding a day to a local time keeps the wall clock over a change of hour.
        chosen = today if today.astimezone(datetime.UTC) > moment else today + timedelta(days=1)
        return chosen.astimezone(datetime.UTC)


async def plan(session: AsyncSession, cadences: Mapping[str, Cadence], moment: datetime.datetime) -> None:
    """Make the missing rows of the schedule, each first due at its next time after ``moment``.

    A row that waits longer than its cadence now says (it was changed to be more frequent) is brought forward.
    """
    if not cadences:
        return
    rows = [{"name": name, "due_at": cadence.after(moment, moment)} for name, cadence in cadences.items()]
    statement = insert(Schedule).values(rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Schedule.name],
            set_={"due_at": statement.excluded.due_at},
            where=Schedule.due_at > statement.excluded.due_at,
        )
    )


async def tick(
    session: AsyncSession, schedule: Mapping[str, tuple[Cadence, str]], moment: datetime.datetime
) -> int:
    """Make a task for everything due at ``moment``, and say when it is due again; return how many.

    ``schedule`` gives for each name its cadence and its handler's name. Rows another scheduler holds are its
    business. After a long stop a name ticks once, however many times it was missed.
    """
    if not schedule:
        return 0
    due = (
        await session.execute(
            select(Schedule.name, Schedule.due_at)
            .where(Schedule.name.in_(schedule), Schedule.due_at <= moment)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for name, due_at in due:
        cadence, handler = schedule[name]
        await session.execute(
            insert(Task)
            .values(
                id=new_id(),
                event_id=uuid.uuid5(_NAMESPACE, f"{name} {due_at.astimezone(datetime.UTC).isoformat()}"),
                kind=TICKED,
                handler=handler,
                # Ticks of one name are about the same thing: they neither overlap nor pile up.
                subject_id=uuid.uuid5(_NAMESPACE, name),
                data={"schedule": name, "due_at": due_at.isoformat()},
                state=TaskState.READY,
                attempts=0,
                run_after=func.least(due_at, func.statement_timestamp()),
            )
            .on_conflict_do_nothing(index_elements=[Task.event_id, Task.handler])
        )
        await session.execute(
            update(Schedule)
            .where(Schedule.name == name)
            .values(due_at=cadence.after(due_at, moment), last_tick_at=moment)
        )
    return len(due)
