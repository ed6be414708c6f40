"""Reading the audit trail every day, and telling its heads to the logs, which are kept elsewhere."""

import structlog

from service.core import metrics
from service.domain import audit
from service.jobs.work import Scope, TaskFacts, Work, handler

log = structlog.get_logger(__name__)


@handler(timeout_seconds=6 * 3600, coalesce=True, scope=Scope.EVERYWHERE)
async def verify_audit(work: Work, _task: TaskFacts) -> None:
    """Read every chain of the trail; log its head, and an error and a metric for what is broken."""
    async with work.database.transaction() as session:
        chains = await audit.list_chains(session)
    broken = 0
    for chain_id, name in chains.items():
        async with work.database.transaction() as session:
            found = await audit.verify(session, chain_id)
        broken += found.broken
        for each in found.breaks:
            log.error("audit.broken", chain=name, sequence=each.sequence, what=str(each))
        log.info("audit.head", chain=name, length=found.length, digest=found.digest.hex())
    metrics.AUDIT_BREAKS.set(broken)
