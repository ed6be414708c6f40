"""Where a hit stands in a list that Meilisearch gave, so that the next page can be asked for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, Self

from service.core.errors import BadCursor
from service.schemas.search import SortValues

MARK: Final = "m"
"""First of the values of every place in a list that Meilisearch gave."""

_NOT_OURS = "`after` does not come from a page of this search."
_MOST_LOST = 1 << 12  # A bit for each word of a query.
_MOST_LEVELS = 5
_DEEPEST = 1 << 31
_MARGIN = 200  # Hits looked at before and after where a page was to begin.


@dataclass(frozen=True, slots=True)
class DatePlace:
    """In a list by date: the hit's own date and id, from which PostgreSQL can go on too.

    Values: ``("m", level, lost, published_at, id)``; ``level`` and ``lost`` are those of the PostgreSQL
    engine's ``Position``, and say which words were given up.
    """

    level: int
    lost: int
    published_at: datetime
    id: uuid.UUID

    def values(self) -> SortValues:
        """Return what :func:`read` reads."""
        return MARK, self.level, self.lost, self.published_at.isoformat(), str(self.id)


@dataclass(frozen=True, slots=True)
class RankPlace:
    """In a list by relevance: how many hits have been shown, and the last of them.

    Values: ``("m", level, lost, shown, id, spelt)``. ``spelt``: the words were looked for as they are typed,
    without asking the vocabulary what else they may mean.
    """

    level: int
    lost: int
    shown: int
    id: uuid.UUID
    spelt: bool

    def values(self) -> SortValues:
        """Return what :func:`read` reads."""
        return MARK, self.level, self.lost, self.shown, str(self.id), int(self.spelt)

    @property
    def key(self) -> uuid.UUID:
        """What the hit is known by among the others of its list."""
        return self.id


class Shown(Protocol):
    """How many hits of a list by relevance have been shown, and what the last of them is known by."""

    @property
    def shown(self) -> int:
        """How many."""

    @property
    def key(self) -> object:
        """The last of them."""


@dataclass(frozen=True, slots=True)
class Window:
    """The hits by relevance that are asked for, to find a page of ``limit`` in: ``count`` after ``offset``.

    The last hit of the page before is among them, so that what came or went meanwhile neither repeats a hit
    nor hides one: ``wide``, also when more than a page's worth did.
    """

    offset: int
    count: int
    limit: int
    place: Shown | None
    wide: bool

    @classmethod
    def over(cls, place: Shown | None, limit: int, deepest: int, *, wide: bool) -> Self:
        """Return the window on the page after ``place``, of hits not beyond ``deepest``."""
        margin = _MARGIN if wide else 0
        offset = max(0, place.shown - 1 - margin) if place else 0
        count = (place.shown if place else 0) - offset + limit + margin
        return cls(offset, max(0, min(count, deepest - offset)), limit, place, wide)

    def page(self, keys: Sequence[object]) -> tuple[int, int] | None:
        """Return where in ``keys``, those of the window, the page begins and ends; None: look wider."""
        if self.place is None:
            return 0, min(self.limit, len(keys))
        there = self.place.key in keys
        # If it is gone, what came after it stands in its place.
        start = keys.index(self.place.key) + 1 if there else max(0, self.place.shown - 1 - self.offset)
        end = min(start + self.limit, len(keys))
        short = end - start < self.limit and len(keys) == self.count
        return None if not self.wide and self.place.shown and (short or not there) else (start, end)


def read(values: SortValues) -> DatePlace | RankPlace:
    """Return the place ``values`` was made from. Raises :class:`BadCursor` if it was not."""
    try:
        return _read(values)
    except ValueError as error:
        raise BadCursor(_NOT_OURS) from error


def _read(values: SortValues) -> DatePlace | RankPlace:
    mark, level, lost, where, identity, *rest = values
    ours = (_whole(level, _MOST_LEVELS), _whole(lost, _MOST_LOST))
    hit = uuid.UUID(str(identity))
    if mark != MARK:
        raise ValueError(mark)
    if isinstance(where, int):
        [spelt] = rest
        return RankPlace(*ours, _whole(where, _DEEPEST), hit, spelt=bool(_whole(spelt, 2)))
    published_at = datetime.fromisoformat(where)
    if rest or published_at.tzinfo is None:
        raise ValueError(where)
    return DatePlace(*ours, published_at, hit)


def _whole(value: int | str, end: int) -> int:
    if not isinstance(value, int) or not 0 <= value < end:
        raise ValueError(value)
    return value
