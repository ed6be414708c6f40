"""Background work in SQL: from events to tasks, from tasks to their end. The row is the truth.

Moments that several machines compare (leases, when a task may run) are the database's clock; only the
schedule reads :mod:`service.core.clock`, so that a test can move it.
"""

from service.domain.tasks.claiming import claim, extend_leases, fan_out, next_due, reclaim
from service.domain.tasks.ending import Ending, completing, end, finish, release
from service.domain.tasks.facts import Backoff, Claimed, Lease, LeaseLost, TaskFacts
from service.domain.tasks.failure import describe
from service.domain.tasks.schedule import Cadence, Daily, Every, plan, tick
from service.domain.tasks.tending import Deletable, delete_old, depths, drop, list_tasks, observe, retry

__all__ = [
    "Backoff",
    "Cadence",
    "Claimed",
    "Daily",
    "Deletable",
    "Ending",
    "Every",
    "Lease",
    "LeaseLost",
    "TaskFacts",
    "claim",
    "completing",
    "delete_old",
    "depths",
    "describe",
    "drop",
    "end",
    "extend_leases",
    "fan_out",
    "finish",
    "list_tasks",
    "next_due",
    "observe",
    "plan",
    "reclaim",
    "release",
    "retry",
    "tick",
]
