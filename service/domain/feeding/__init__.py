"""Feeding an engine outside PostgreSQL, in SQL: who does it, what is told next, what is known to be indexed.

Nothing here asks the engine: ``jobs.feeding`` does, between these short transactions. The rows are the truth,
whatever happens to whoever holds the feed.
"""

from service.domain.feeding.batches import (
    BATCH,
    Batch,
    acknowledge,
    next_batch,
    next_number,
    show_everywhere_again,
    tell_again,
)
from service.domain.feeding.drift import Drift, measure
from service.domain.feeding.holding import (
    COMPARE,
    LEASE_SECONDS,
    NOT_BUILT,
    REBUILD,
    Feed,
    Hold,
    Superseded,
    ask,
    change,
    check,
    close_feeds,
    ended_before,
    keep,
    let_go,
    new_holder,
    open_feed,
    present_transaction,
    read,
    take,
    want,
)
from service.domain.feeding.sources import SOURCES, Source

__all__ = [
    "BATCH",
    "COMPARE",
    "LEASE_SECONDS",
    "NOT_BUILT",
    "REBUILD",
    "SOURCES",
    "Batch",
    "Drift",
    "Feed",
    "Hold",
    "Source",
    "Superseded",
    "acknowledge",
    "ask",
    "change",
    "check",
    "close_feeds",
    "ended_before",
    "keep",
    "let_go",
    "measure",
    "new_holder",
    "next_batch",
    "next_number",
    "open_feed",
    "present_transaction",
    "read",
    "show_everywhere_again",
    "take",
    "tell_again",
    "want",
]
