"""Deleting what signing in leaves behind."""

import structlog

from service.domain import sessions
from service.jobs.work import Scope, TaskFacts, Work, handler

# Small enough that a batch never holds its locks for long.
BATCH = 2_000

log = structlog.get_logger(__name__)


@handler(timeout_seconds=3600, coalesce=True, scope=Scope.EVERYWHERE)
async def forget_sign_ins(work: Work, _task: TaskFacts) -> None:
    """Delete sign-ins and visits to providers after a day, tokens and sessions some time after their end."""
    total = 0
    while True:
        async with work.database.transaction() as session:
            deleted = await sessions.delete_old(session, BATCH)
        total += deleted
        if deleted == 0:
            break
    log.info("sign_ins.deleted", count=total)
