"""One run of one task: its time limit, its outcome, its measures. Shared by the runner and by tests."""

import asyncio
import time
from dataclasses import dataclass

import structlog

from service.core import metrics
from service.domain.tasks import Backoff, Claimed, Ending, LeaseLost, TaskFacts, describe
from service.jobs.work import Handler, Work

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went: ``done``, ``failed`` (to be retried), ``dead`` or ``lost``.

    ``ending`` is what remains to be recorded: None when the handler completed its task itself or lost it.
    """

    name: str
    ending: Ending | None = None
    error: BaseException | None = None


async def execute(work: Work, handler: Handler | None, claimed: Claimed, backoff: Backoff) -> Outcome:
    """Run the handler of a claimed task to its end, whatever it is; only cancellation is raised."""
    task = claimed.facts
    lag = (claimed.started_at - claimed.due_at).total_seconds()
    metrics.TASK_LAG_SECONDS.observe(max(0.0, lag))
    begun = time.monotonic()
    with structlog.contextvars.bound_contextvars(task_id=str(task.id), handler=claimed.handler):
        try:
            outcome = await _attempt(work, handler, claimed, backoff)
        finally:
            work.completed.discard(task.lease)
    seconds = time.monotonic() - begun
    metrics.TASK_SECONDS.labels(claimed.handler).observe(seconds)
    metrics.TASKS.labels(claimed.handler, outcome.name).inc()
    return outcome


async def _attempt(work: Work, handler: Handler | None, claimed: Claimed, backoff: Backoff) -> Outcome:
    task = claimed.facts
    if handler is None:
        error = f"There is no handler {claimed.handler}: it was renamed or removed while this task waited."
        log.error("task.dead", error=error)
        return Outcome("dead", Ending(task, error))
    try:
        async with asyncio.timeout(handler.timeout_seconds) as limit:
            await handler.run(await work.within(handler.scope, task.territory_id), task)
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is None or current.cancelling():
            raise
        # The handler awaited something that was cancelled; nobody asked the task itself to stop.
        return _failed(work, handler, task, error, describe(error), backoff)
    except LeaseLost as lost:
        log.warning("task.lost", error=str(lost))
        return Outcome("lost")
    except Exception as error:  # noqa: BLE001 - the boundary where a task's failure becomes a record
        late = isinstance(error, TimeoutError) and limit.expired()
        words = f"Stopped after {handler.timeout_seconds:g} s: {describe(error)}" if late else describe(error)
        return _failed(work, handler, task, error, words, backoff)
    return Outcome("done", None if task.lease in work.completed else Ending(task))


def _failed(
    work: Work, handler: Handler, task: TaskFacts, error: BaseException, words: str, backoff: Backoff
) -> Outcome:
    if task.lease in work.completed:
        # Its effect and its end are committed; what came after is a bug to see, not a reason to run again.
        log.error("task.failed_after_completing", error=words)
        return Outcome("done", error=error)
    if task.attempts >= handler.max_attempts:
        log.error("task.dead", error=words, attempts=task.attempts)
        return Outcome("dead", Ending(task, words), error)
    wait = backoff.wait(task.attempts)
    log.warning("task.failed", error=words, attempts=task.attempts, retry_in=round(wait, 1))
    return Outcome("failed", Ending(task, words, wait), error)
