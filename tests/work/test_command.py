"""``ancrage tasks``, as its user runs it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import Database
from service.core.ids import new_id
from service.domain.tasks import Ending
from tests.work.support import all_tasks, claim, end, ready_tasks, states

Tasks = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tasks(work_engine: AsyncEngine) -> Tasks:
    """Return ``tasks(*arguments)``, which runs the command and returns its exit code, output and messages."""
    url = work_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        ended = subprocess.run(
            [sys.executable, "-c", "from service.cli.tasks import app; app()", *arguments],
            env={**os.environ, "DATABASE_URL": url, "LOG_FORMAT": "json", "REDIS_URL": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


async def test_an_operator_finds_retries_and_drops_what_is_dead(database: Database, tasks: Tasks) -> None:
    await ready_tasks(database, 3)
    claimed = await claim(database, limit=3)
    await end(
        database, *(Ending(item.facts, "ConnectionError: no answer\n  file:1 where") for item in claimed)
    )
    await ready_tasks(database, 1, handler="other")
    ids = [str(task.id) for task in await all_tasks(database)]

    code, output, messages = await asyncio.to_thread(tasks, "list", "--state", "dead")
    assert code == 0
    lines = output.splitlines()
    assert [line.split()[:4] for line in lines] == [[ident, "dead", "1", "work"] for ident in ids[2::-1]]
    assert all(line.endswith("ConnectionError: no answer") for line in lines)
    assert messages == "1 ready, 0 running, 3 dead, 0 pending\n"

    code, output, messages = await asyncio.to_thread(tasks, "retry", ids[0])
    assert (code, output, messages) == (0, "", "1 task is ready again.\n")
    code, output, messages = await asyncio.to_thread(tasks, "drop", "--state", "dead", "--handler", "work")
    assert (code, output, messages) == (0, "", "2 tasks are dropped.\n")
    assert await states(database) == {"ready": 2, "dropped": 2}


async def test_what_cannot_be_done_is_said_and_fails(database: Database, tasks: Tasks) -> None:
    await ready_tasks(database, 1)
    code, _, messages = await asyncio.to_thread(tasks, "drop")
    assert code == 1
    assert "say which tasks" in messages
    code, _, messages = await asyncio.to_thread(tasks, "retry", str(new_id()))
    assert code == 1
    assert "1 of them could not be" in messages
    assert await states(database) == {"ready": 1}
