"""Keeping the search indexes good over time, and an engine outside PostgreSQL in line with it."""

import structlog

from service.domain import feeding
from service.domain.feeding import SOURCES
from service.jobs.feeding import Held, open_outside, tend
from service.jobs.work import Scope, TaskFacts, Work, handler
from service.search import transactional_engine
from service.search.port import Unavailable

# A rebuild of everything is done by one run.
_LONGEST_SECONDS = 3600.0
# How often a failure is met by another attempt of the same task; then by the patrol, twice a minute.
_ATTEMPTS = 4

log = structlog.get_logger(__name__)


@handler(scope=Scope.EVERYWHERE)
async def maintain_search(work: Work, task: TaskFacts) -> None:
    """Let the engine forget words that no posting holds any more, and the like."""
    async with work.completing(task) as session:
        await transactional_engine().maintain(session)


@handler(coalesce=True, timeout_seconds=_LONGEST_SECONDS, scope=Scope.EVERYWHERE)
async def feed_search(work: Work, task: TaskFacts) -> None:
    """Tell the engine outside what changed, and follow it until it is indexed.

    An engine in trouble is left to the patrol: what is pending stays so.
    """
    engine = open_outside(work.settings)
    if engine is None:
        return
    failed: Unavailable | None = None
    for kind in SOURCES:
        async with work.database.transaction() as session:
            feed = await feeding.read(session, kind)
        if feed is None or (feed.trouble is not None and task.attempts == 1):
            continue
        try:
            await tend(work.database, engine, kind)
        except Held:
            # Whoever holds the feed asks again when letting go; should it have died, the patrol does.
            continue
        except Unavailable as unavailable:
            failed = failed or unavailable
    if failed is not None and task.attempts < _ATTEMPTS:
        raise failed


@handler(timeout_seconds=_LONGEST_SECONDS, scope=Scope.EVERYWHERE)
async def patrol_search(work: Work, task: TaskFacts) -> None:
    """See whether the engine outside is there, whole and in line, and bring it back if it is not."""
    engine = open_outside(work.settings)
    if engine is None:
        async with work.completing(task) as session:
            await feeding.close_feeds(session)
        return
    for kind in SOURCES:
        async with work.database.transaction() as session:
            if await feeding.open_feed(session, kind):
                log.info("search.feed_opened", kind=kind)
        try:
            await tend(work.database, engine, kind)
        except (Held, Unavailable) as reason:
            log.info("search.patrol_left", kind=kind, reason=str(reason))


@handler(scope=Scope.EVERYWHERE)
async def verify_search(work: Work, task: TaskFacts) -> None:
    """Have every document of the engine outside compared with the database, and refused ones tried again."""
    async with work.completing(task) as session:
        for kind in SOURCES:
            await feeding.want(session, kind, feeding.COMPARE)
