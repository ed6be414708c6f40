"""Matching in the background: whatever opens, changes or closes brings the suggestions in line."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

import structlog

from service.core.database import AsyncSession
from service.domain import matches
from service.domain.matches import candidate_is_due, posting_is_due
from service.jobs.work import Scope, TaskFacts, Work, handler

IsDue = Callable[[AsyncSession, UUID, UUID], Awaitable[bool]]

log = structlog.get_logger(__name__)

# A whole région may be computed and written in one run.
_LONG = 3600.0


@handler(timeout_seconds=_LONG, coalesce=True, scope=Scope.TREE)
async def match_posting(work: Work, task: TaskFacts) -> None:
    """Match a posting that opened, changed or closed, with whatever else waits under the same territory.

    Of a thousand postings imported at once the first task thus matches nearly all, and the others find
    that there is nothing left to do.
    """
    await _match_if_due(work, task, posting_is_due)


@handler(timeout_seconds=_LONG, coalesce=True, scope=Scope.TREE)
async def match_candidate(work: Work, task: TaskFacts) -> None:
    """Match a profile that came, changed, was paused or was erased, with whatever else waits."""
    await _match_if_due(work, task, candidate_is_due)


@handler(timeout_seconds=_LONG, coalesce=True, scope=Scope.TREE)
async def match_territory(work: Work, task: TaskFacts) -> None:
    """Match what a territory's features now let in, or leave out."""
    if task.territory_id is None:
        return
    async with work.database.transaction() as session:
        root_id = await matches.root_of(session, task.territory_id)
    if root_id is not None:
        await matches.match_tree(work.database, root_id, finishing=partial(work.completing, task))


@handler(timeout_seconds=6 * _LONG, coalesce=True, scope=Scope.EVERYWHERE)
async def match_everything(work: Work, _task: TaskFacts) -> None:
    """Match every territory again: a new day, a new ROME or new places may change any suggestion."""
    async with work.database.transaction() as session:
        roots = await matches.list_roots(session)
    for root_id in roots:
        tree = await work.within(Scope.TREE, root_id)
        outcome = await matches.match_tree(tree.database, root_id)
        log.info(
            "matching.done",
            territory_id=str(root_id),
            written=outcome.written,
            superseded=outcome.superseded,
            unchanged=outcome.unchanged,
        )


async def _match_if_due(work: Work, task: TaskFacts, is_due: IsDue) -> None:
    if task.territory_id is None or task.subject_id is None:
        return
    async with work.database.transaction() as session:
        root_id = await matches.root_of(session, task.territory_id)
        waiting = root_id is not None and await is_due(session, root_id, task.subject_id)
    if not waiting or root_id is None:
        return
    await matches.match_tree(
        work.database,
        root_id,
        due=partial(_still_due, is_due, root_id, task.subject_id),
        finishing=partial(work.completing, task),
    )


async def _still_due(is_due: IsDue, root_id: UUID, subject_id: UUID, session: AsyncSession) -> bool:
    return await is_due(session, root_id, subject_id)
