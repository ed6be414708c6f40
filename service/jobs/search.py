"""Keeping the search index good over time."""

from service.jobs.work import Scope, TaskFacts, Work, handler
from service.search import transactional_engine


@handler(scope=Scope.EVERYWHERE)
async def maintain_search(work: Work, task: TaskFacts) -> None:
    """Let the engine forget words that no posting holds any more, and the like."""
    async with work.completing(task) as session:
        await transactional_engine().maintain(session)
