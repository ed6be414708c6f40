"""What became of every item of an import, to the unit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from service.schemas.feed import FeedBatch, FeedPosting, Rejection
from service.schemas.feeds import ImportCounts, ProblemKind

MOST_PROBLEMS: Final = 500
_MOST_NOTES: Final = 100


class Outcome(StrEnum):
    """What became of one item. The values are names of :class:`ImportCounts`."""

    IMPORTED = "imported"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    RELISTED = "relisted"
    HELD = "held"
    REJECTED = "rejected"


class Unlisted(StrEnum):
    """What became of a posting the feed no longer lists. The values are names of :class:`ImportCounts`."""

    WITHDRAWN = "withdrawn"
    LISTED_ELSEWHERE = "listed_elsewhere"
    ALREADY_CLOSED = "already_closed"
    KEPT_BY_FLOOR = "kept_by_floor"
    KEPT_INCOMPLETE = "kept_incomplete"


class AccountError(Exception):
    """The account of an import does not add up: a bug, never the feed's fault."""


@dataclass(slots=True)
class Account:
    """The running account of one import: counts, and a bounded list of what could not be used."""

    read: int = 0
    repeated: int = 0
    notes: int = 0
    grouped: int = 0
    listed_before: int = 0
    still_listed: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    unlisted: Counter[Unlisted] = field(default_factory=Counter)
    rejections: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def open(self, batch: FeedBatch) -> None:
        """Count what the parser made of the feed."""
        self.read = batch.received
        self.repeated = len(batch.repeated)
        for rejection in batch.rejections:
            self.reject(rejection)
        for posting in batch.postings:
            self._sample(posting)

    def reject(self, rejection: Rejection) -> None:
        """Count an item out, with the reason."""
        self.outcomes[Outcome.REJECTED] += 1
        if len(self.rejections) < MOST_PROBLEMS:
            self.rejections.append(_problem(ProblemKind.REJECTION, rejection))

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Count what became of items that were tried."""
        self.outcomes.update(outcomes)

    def _sample(self, posting: FeedPosting) -> None:
        self.notes += len(posting.notes)
        for note in posting.notes[: _MOST_NOTES - len(self.samples)]:
            rejection = Rejection(source_id=posting.source_id, reason=note.reason, pointer=note.pointer)
            self.samples.append(_problem(ProblemKind.NOTE, rejection))

    def problems(self) -> list[dict[str, Any]]:
        """Return what is stored of the items that could not be used: rejections first, then some notes."""
        return [*self.rejections, *self.samples][:MOST_PROBLEMS]

    def counts(self) -> ImportCounts:
        """Return the counts so far."""
        return ImportCounts(
            read=self.read,
            distinct=sum(self.outcomes.values()) - self.outcomes[Outcome.REJECTED],
            repeated=self.repeated,
            grouped=self.grouped,
            listed_before=self.listed_before,
            still_listed=self.still_listed,
            notes=self.notes,
            **{outcome.value: self.outcomes[outcome] for outcome in Outcome},
            **{unlisted.value: self.unlisted[unlisted] for unlisted in Unlisted},
        )

    def check(self) -> None:
        """Raise :class:`AccountError` unless every item read is accounted for exactly once."""
        accounted = sum(self.outcomes.values()) + self.repeated
        if accounted != self.read:
            raise AccountError(f"{self.read} items were read, {accounted} are accounted for")
        gone = self.listed_before - self.still_listed
        if gone != sum(self.unlisted.values()):
            raise AccountError(f"{gone} postings are gone, {sum(self.unlisted.values())} are accounted for")


def _problem(kind: ProblemKind, rejection: Rejection) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "source_id": rejection.source_id,
        "pointer": rejection.pointer,
        "reason": rejection.reason,
    }
