"""Handlers with effects that tests can count, and what a worker's process in a test runs."""

import asyncio
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import text

from service.domain.events import record
from service.jobs.work import Handler, Scope, TaskFacts, Work, handler

KIND = "thing.happened"
FOLLOWED = "thing.followed"

TABLES = """
CREATE TABLE IF NOT EXISTS effect (event_id uuid NOT NULL, handler text NOT NULL, attempts int NOT NULL)
"""


async def apply_effect(work: Work, task: TaskFacts, name: str) -> None:
    """Insert a row that nothing but the task's own transaction keeps from coming twice."""
    async with work.completing(task) as session:
        await session.execute(
            text("INSERT INTO effect VALUES (:event_id, :handler, :attempts)"),
            {"event_id": task.event_id, "handler": name, "attempts": task.attempts},
        )
        # A kill may come between the effect and the commit.
        await asyncio.sleep(random.random() * 0.01)  # noqa: S311 - spreads the kills
        if task.kind == KIND:
            record(session, FOLLOWED, actor="system:test", subject_id=task.subject_id)


# Killed fifty times, a task may be unlucky more often than in life.
@handler(max_attempts=100, scope=Scope.EVERYWHERE)
async def count_once(work: Work, task: TaskFacts) -> None:
    await asyncio.sleep(random.random() * 0.01)  # noqa: S311 - spreads the kills
    await apply_effect(work, task, "count_once")
    # A kill may also come after the commit.
    await asyncio.sleep(random.random() * 0.01)  # noqa: S311 - spreads the kills


@handler(max_attempts=100, scope=Scope.EVERYWHERE)
async def tell_outside(_work: Work, task: TaskFacts) -> None:
    """Append a line to a file: an effect outside the database, which may come twice."""
    path = Path(os.environ["ANCRAGE_TEST_OUTSIDE"])
    with path.open("ab") as file:  # noqa: ASYNC230 - one line, written at once
        file.write(f"{task.event_id}\n".encode())
    await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - spreads the kills


@handler(max_attempts=100, scope=Scope.EVERYWHERE)
async def follow(work: Work, task: TaskFacts) -> None:
    await apply_effect(work, task, "follow")


HANDLERS: Mapping[str, Sequence[Handler]] = {KIND: (count_once, tell_outside), FOLLOWED: (follow,)}
