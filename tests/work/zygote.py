"""Processes that do nothing but work, to be killed: forked from one that has already imported the code.

Run as a program it reads a JSON object of options per line, forks a worker for each and answers with its
process id. When its input ends it kills those that still run.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

from service.core.clock import now
from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain.events import record
from service.domain.tasks import Backoff
from service.jobs.runner import Runner
from service.jobs.work import Work
from service.worker import run_worker
from tests.work.effects import HANDLERS, KIND
from tests.work.support import count_events

# Waits after failures are shortened, as leases are: a minute of the real thing takes a second here.
BACKOFF = Backoff(base_seconds=0.1)


async def work_in_process(settings: Settings, events: int) -> None:
    """Record events one by one, as requests do, with the worker beside, as in the API's own process."""
    database = Database(create_engine(settings.database_url or "", pool_size=10))
    runner = Runner(Work(database, settings), handlers=HANDLERS, schedule={}, backoff=BACKOFF)
    database.wake = runner.wake
    async with runner.running():
        while await count_events(database, KIND) < events:
            async with database.transaction() as session:
                record(
                    session, KIND, actor="system:test", subject_id=new_id(), data={"at": now().isoformat()}
                )
        # Until it is killed.
        await asyncio.Event().wait()


def work(options: dict[str, Any]) -> None:
    """Work as the options say: alone and recording ``events``, or woken through ``redis_url``."""
    settings = Settings.model_construct(**{**Settings.model_construct().model_dump(), **options["settings"]})
    os.environ.update(options["environment"])
    if settings.redis_url:
        asyncio.run(run_worker(settings, handlers=HANDLERS, schedule={}, backoff=BACKOFF))
    else:
        asyncio.run(work_in_process(settings, options["events"]))


def main() -> None:
    """Fork workers until the input ends."""
    # Whoever dies is not waited for: the system forgets it at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children = []
    for line in sys.stdin:
        if child := os.fork():
            children.append(child)
            sys.stdout.write(f"{child}\n")
            sys.stdout.flush()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(2, 1)
        os.close(0)
        code = 1
        try:
            work(json.loads(line))
            code = 0
        finally:
            os._exit(code)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
