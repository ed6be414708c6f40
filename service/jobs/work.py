"""What a handler is and what it is given.

A handler takes ids, reads the present state again, may run twice, and holds no transaction while it
waits for the network::

    @handler(timeout_seconds=60, coalesce=True)
    async def match_posting(work: Work, task: TaskFacts) -> None:
        async with work.database.transaction() as session:
            facts = await read(session, task.subject_id)
        scores = await compute(facts)
        async with work.completing(task) as session:
            await store(session, scores)
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from service.core.database import AsyncSession, Database
from service.core.settings import Settings
from service.domain import tasks
from service.domain.tasks import Cadence, Daily, Every, Lease, LeaseLost, TaskFacts

__all__ = ["Daily", "Every", "Handler", "LeaseLost", "TaskFacts", "Tick", "Work", "handler"]


@dataclass(frozen=True, slots=True)
class Work:
    """What every handler gets: the database and the settings of the process it runs in."""

    database: Database
    settings: Settings
    completed: set[Lease] = field(default_factory=set, repr=False)

    def completing(self, task: TaskFacts) -> AbstractAsyncContextManager[AsyncSession]:
        """Yield a session whose commit holds the handler's last effect and the task's end, both or neither.

        The effect is then applied exactly once, however often the task is run. Raises
        :class:`LeaseLost` on entry when the task is no longer this worker's: let it pass. The block must not
        wait for the network.
        """
        return tasks.completing(self.database, task, self.completed)


HandlerFunction = Callable[[Work, TaskFacts], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handler:
    """A kind of background work; made by :func:`handler`, listed in :data:`service.jobs.HANDLERS`.

    ``name`` is what task rows carry: renaming a handler leaves its waiting tasks without one.
    """

    name: str
    run: HandlerFunction
    max_attempts: int = 8
    timeout_seconds: float = 300.0
    coalesce: bool = False

    async def __call__(self, work: Work, task: TaskFacts) -> None:
        """Run the function itself, without attempts, timeout or lease."""
        await self.run(work, task)


def handler(
    *, max_attempts: int = 8, timeout_seconds: float = 300.0, coalesce: bool = False
) -> Callable[[HandlerFunction], Handler]:
    """Declare an async function ``(work, task)`` as a handler named like it.

    After ``max_attempts`` failures the task is dead and waits for a person (``ancrage tasks retry``).
    A run longer than ``timeout_seconds`` is cancelled and counts as a failure. With ``coalesce`` a waiting
    task gives way to a later one about the same subject: right for work that only reads the present state.
    """

    def declare(function: HandlerFunction) -> Handler:
        name = getattr(function, "__name__", "")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"A handler is a named function in snake_case, not {function!r}")
        return Handler(name, function, max_attempts, timeout_seconds, coalesce)

    return declare


@dataclass(frozen=True, slots=True)
class Tick:
    """Work the clock starts: how often, and which handler. Its task's ``kind`` is ``clock.ticked``."""

    cadence: Cadence
    handler: Handler
