"""Deleting what has served: old answers to repeated requests, finished tasks, old events."""

from datetime import timedelta

import structlog

from service.domain import tasks
from service.jobs.work import Scope, TaskFacts, Work, handler

KEPT: dict[tasks.Deletable, timedelta] = {
    "answers": timedelta(hours=24),
    "tasks": timedelta(days=14),
    "events": timedelta(days=400),
}
# Small enough that a batch never holds its locks for long.
BATCH = 2_000

log = structlog.get_logger(__name__)


@handler(timeout_seconds=3600, coalesce=True, scope=Scope.EVERYWHERE)
async def delete_expired(work: Work, _task: TaskFacts) -> None:
    """Delete answers kept for an Idempotency-Key over 24 h, ended tasks over 14 days, events over 400 days.

    Dead tasks wait for a person and stay; so do events that no worker has taken up yet.
    """
    for what, kept in KEPT.items():
        total = 0
        while True:
            async with work.database.transaction() as session:
                deleted = await tasks.delete_old(session, what, older_than=kept, limit=BATCH)
            total += deleted
            if deleted < BATCH:
                break
        log.info("housekeeping.deleted", what=what, count=total)
