"""What a running task knows about itself, and how long to wait after a failure."""

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_dice = secrets.SystemRandom()


# A task's id and who leased it, for which claim: tells apart two runs of one task even within a process.
Lease = tuple[uuid.UUID, str]


class LeaseLost(Exception):  # noqa: N818 - what happened, not a fault of the handler
    """The task is no longer this worker's: it stalled past its lease and another may have run it."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """The task a handler runs for: what happened, to what, where. Everything else is read again.

    ``kind`` is the event's (``posting.published``) or ``clock.ticked``; ``data`` the event's plain facts,
    or ``{"schedule": name, "due_at": moment}`` for a tick. ``attempts`` counts this run: 1 the first time.
    """

    id: uuid.UUID
    event_id: uuid.UUID
    kind: str
    subject_id: uuid.UUID | None = None
    territory_id: uuid.UUID | None = None
    data: dict[str, Any] = field(default_factory=dict)
    attempts: int = 1
    leased_by: str = ""

    @property
    def lease(self) -> Lease:
        """What this run holds."""
        return self.id, self.leased_by


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task just leased: which handler is to run, and since when it could have."""

    facts: TaskFacts
    handler: str
    due_at: datetime
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting time before another attempt: anything up to ``base_seconds`` doubled at each failure."""

    base_seconds: float = 2.0
    cap_seconds: float = 600.0

    def longest(self, attempts: int) -> float:
        """Return the longest wait, in seconds, after ``attempts`` failed attempts."""
        return min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempts - 1, 30))

    def wait(self, attempts: int) -> float:
        """Return a wait in seconds, evenly spread (full jitter): what failed together comes back apart."""
        return _dice.uniform(0, self.longest(attempts))
