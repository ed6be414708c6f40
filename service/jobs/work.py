"""What a handler is and what it is given.

A handler takes ids, reads the present state again, may run twice, and holds no transaction while it
waits for the network::

    @handler(timeout_seconds=60, coalesce=True, scope=Scope.TREE)
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
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self
from uuid import UUID

from service.core.database import AsyncSession, Database
from service.core.reach import NOWHERE, Reach
from service.core.settings import Settings
from service.domain import matches, tasks
from service.domain.tasks import Cadence, Daily, Every, Lease, LeaseLost, TaskFacts

__all__ = ["Daily", "Every", "Handler", "LeaseLost", "Scope", "TaskFacts", "Tick", "Work", "handler"]


class Scope(StrEnum):
    """How far a handler reaches into the database; the narrowest that does its work."""

    TERRITORY = "territory"
    """The task's territory and all inside it; without one, only what is public."""
    TREE = "tree"
    """Everything under the outermost territory that holds the task's: matching crosses communes."""
    EVERYWHERE = "everywhere"
    """The whole platform: ticks of the clock, and what is about persons rather than places."""


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

    async def within(self, scope: Scope, territory_id: UUID | None) -> Self:
        """Return this work with a database that reaches no further than ``scope`` around a territory."""
        if scope is Scope.EVERYWHERE:
            return self
        if territory_id is None:
            return replace(self, database=self.database.reaching(NOWHERE))
        if scope is Scope.TREE:
            async with self.database.transaction(NOWHERE) as session:
                territory_id = await matches.root_of(session, territory_id) or territory_id
        return replace(self, database=self.database.reaching(Reach(territories=frozenset({territory_id}))))


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
    scope: Scope = Scope.EVERYWHERE

    async def __call__(self, work: Work, task: TaskFacts) -> None:
        """Run the function itself, without attempts, timeout or lease."""
        await self.run(work, task)


def handler(
    *,
    max_attempts: int = 8,
    timeout_seconds: float = 300.0,
    coalesce: bool = False,
    scope: Scope,
) -> Callable[[HandlerFunction], Handler]:
    """Declare an async function ``(work, task)`` as a handler named like it.

    After ``max_attempts`` failures the task is dead and waits for a person (``ancrage tasks retry``).
    A run longer than ``timeout_seconds`` is cancelled and counts as a failure. With ``coalesce`` a waiting
    task gives way to a later one about the same subject: right for work that only reads the present state.
    ``work.database`` reaches no further than ``scope``.
    """

    def declare(function: HandlerFunction) -> Handler:
        name = getattr(function, "__name__", "")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(f"A handler is a named function in snake_case, not {function!r}")
        return Handler(name, function, max_attempts, timeout_seconds, coalesce, scope)

    return declare


@dataclass(frozen=True, slots=True)
class Tick:
    """Work the clock starts: how often, and which handler. Its task's ``kind`` is ``clock.ticked``."""

    cadence: Cadence
    handler: Handler
