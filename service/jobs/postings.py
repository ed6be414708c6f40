"""What follows a posting's life and the clock: expiry, an employer's new name, a new tension."""

from service.domain import postings, publication, territories
from service.domain.access import system
from service.jobs.work import Scope, TaskFacts, Work, handler

_BATCH = 500
_ACTOR = system("clock")


@handler(scope=Scope.EVERYWHERE)
async def expire_postings(work: Work, _task: TaskFacts) -> None:
    """Expire every published posting whose ``valid_through`` has passed, some hundreds per transaction."""
    while True:
        async with work.database.transaction() as session:
            if await postings.expire_due(session, _ACTOR, limit=_BATCH) < _BATCH:
                return


@handler(coalesce=True, scope=Scope.TERRITORY)
async def follow_employer(work: Work, task: TaskFacts) -> None:
    """Render an employer's public postings again after it changed."""
    if task.subject_id is None:
        return
    async with work.completing(task) as session:
        await postings.follow_employer(session, task.subject_id)


@handler(coalesce=True, timeout_seconds=1800, scope=Scope.EVERYWHERE)
async def measure_tensions(work: Work, _task: TaskFacts) -> None:
    """Bring every open posting in line with a referential that was imported: tension, labels."""
    after = None
    while True:
        async with work.database.transaction() as session:
            after = await publication.measure_again(session, after=after, limit=_BATCH)
        if after is None:
            return


@handler(coalesce=True, timeout_seconds=1800, scope=Scope.EVERYWHERE)
async def refresh_coverage(work: Work, task: TaskFacts) -> None:
    """Work out the communes of every territory again after the communes were imported."""
    async with work.completing(task) as session:
        await territories.refresh_coverage(session)
