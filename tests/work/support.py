"""Recording events, and looking at what became of them."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import func, select, text

from service.core.database import Database
from service.core.ids import new_id
from service.domain import tasks
from service.domain.events import record
from service.domain.tasks import Claimed, Ending
from service.models import Event, Task
from tests.work.effects import KIND

PATIENCE_SECONDS = 20.0
# The lease of workers that tests kill, so that nobody waits half a minute for what they held.
LEASE_SECONDS = 1.0

Start = Callable[..., int]


async def record_events(
    database: Database,
    count: int = 1,
    *,
    kind: str = KIND,
    subject_ids: Sequence[uuid.UUID | None] = (),
    data: dict[str, Any] | None = None,
) -> list[uuid.UUID]:
    """Record events in one transaction, each about a subject of its own unless told; return their ids."""
    events: list[Event] = []
    async with database.transaction() as session:
        for number in range(count):
            subject_id = subject_ids[number % len(subject_ids)] if subject_ids else new_id()
            events.append(record(session, kind, actor="system:test", subject_id=subject_id, data=data))
            # One by one, so that sequences follow the order of recording.
            await session.flush()
    return [event.id for event in events]


async def ready_tasks(database: Database, count: int = 1, *, handler: str = "work", **options: Any) -> None:
    """Record events and fan them out to tasks of one handler."""
    await record_events(database, count, **options)
    async with database.transaction() as session:
        await tasks.fan_out(session, {KIND: [handler]})


async def claim(
    database: Database, limit: int = 1, *, leased_by: str = "one", lease_seconds: float = 60
) -> list[Claimed]:
    """Claim in a transaction of its own."""
    async with database.transaction() as session:
        return await tasks.claim(session, leased_by=leased_by, lease_seconds=lease_seconds, limit=limit)


async def end(database: Database, *endings: Ending) -> set[uuid.UUID]:
    """Record endings in a transaction of its own."""
    async with database.transaction() as session:
        return await tasks.end(session, endings)


async def all_tasks(database: Database) -> list[Task]:
    """Return every task in the order in which its event was taken up."""
    async with database.sessions() as session:
        return list(await session.scalars(select(Task).order_by(Task.id)))


async def the_task(database: Database) -> Task:
    """Return the only task there is."""
    (task,) = await all_tasks(database)
    return task


async def count_events(database: Database, kind: str) -> int:
    """Count the events of a kind."""
    async with database.sessions() as session:
        return await session.scalar(select(func.count()).where(Event.kind == kind)) or 0


async def states(database: Database) -> Counter[str]:
    """Count the tasks in each state."""
    return Counter(task.state.value for task in await all_tasks(database))


async def run_sql(database: Database, statement: str, **parameters: Any) -> list[Any]:
    """Execute a statement in a transaction of its own and return its rows, if it gives any."""
    async with database.transaction() as session:
        result = await session.execute(text(statement), parameters)
        return list(result.all()) if result.returns_rows else []  # type: ignore[attr-defined] # of a cursor


async def until(condition: Callable[[], Awaitable[bool]], *, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until the condition holds; a test that waits in vain fails."""
    async with asyncio.timeout(patience):
        while not await condition():  # noqa: ASYNC110 - another process may do it
            await asyncio.sleep(0.02)
