"""From where and why something is asked: known at the edge, kept by the audit trail."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Circumstances:
    """``network`` is the caller's address; ``reason`` what they gave in the header ``Ancrage-Reason``."""

    network: str | None = None
    user_agent: str | None = None
    reason: str | None = None


UNKNOWN = Circumstances()
circumstances: ContextVar[Circumstances] = ContextVar("circumstances", default=UNKNOWN)
"""Of the request being served; :data:`UNKNOWN` in commands and background work."""
