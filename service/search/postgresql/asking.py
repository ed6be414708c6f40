"""From a query to the values its statements bind, and from the last hit to where the next page begins."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from math import asin, cos, degrees, radians, sin
from typing import Any, Self

from service.core.clock import now
from service.core.errors import BadCursor
from service.schemas.search import Around, PostingFilters, SearchQuery, SortValues
from service.search.postgresql.conditions import COUNTED
from service.search.postgresql.reading import Reading
from service.search.postgresql.writing import GREATEST

_EARTH_RADIUS = 6371.0088  # km, as in the statements
_POLE = 90.0  # degrees
_NOT_OURS = "`after` does not come from a page of this search."
_HELD = re.compile("[^\0\ud800-\udfff]*")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a hit stands: which words were given up to find it, then what hits are sorted by.

    ``level`` and ``lost`` are what is asked of :meth:`Reading.levels`. They travel with the position, so that
    a list goes on as it began, whatever has been published meanwhile.
    """

    level: int
    lost: int
    score: int
    published_at: datetime
    posting_id: uuid.UUID

    @classmethod
    def read(cls, values: SortValues) -> Self:
        """Return the position ``values`` was made from. Raises :class:`BadCursor` if it was not."""
        try:
            level, lost, score, published_at, posting_id = values
            position = cls(
                _small(level),
                _small(lost),
                _small(score),
                datetime.fromisoformat(str(published_at)),
                uuid.UUID(str(posting_id)),
            )
        except ValueError as error:
            raise BadCursor(_NOT_OURS) from error
        if position.published_at.tzinfo is None:
            raise BadCursor(_NOT_OURS)
        return position

    def values(self) -> SortValues:
        """Return what :meth:`read` reads."""
        return self.level, self.lost, self.score, self.published_at.isoformat(), str(self.posting_id)

    def parameters(self) -> dict[str, Any]:
        """Return the values that the condition on the next page binds."""
        return {
            "after_score": self.score,
            "after_date": self.published_at,
            "after_id": self.posting_id,
        }

    def of(self, levels: Mapping[int, str]) -> Mapping[int, str]:
        """Return the one level of ``levels`` this position is on. Raises :class:`BadCursor` if none is."""
        if self.level not in levels:
            raise BadCursor(_NOT_OURS)
        return {self.level: levels[self.level]}


def _small(value: int | str) -> int:
    if not isinstance(value, int) or not 0 <= value <= GREATEST:
        raise ValueError(value)
    return value


def filters_in_use(filters: PostingFilters) -> dict[str, Any]:
    """Return, by name, the filters that leave something out."""
    return {
        name: value
        for name in PostingFilters.__slots__
        if (value := getattr(filters, name)) is not None and value != ()
    }


def filter_values(query: SearchQuery, in_use: dict[str, Any]) -> dict[str, Any]:
    """Return the values that the conditions on territories, dates and filters bind."""
    values: dict[str, Any] = {"now": now(), "territories": list(query.territory_ids)}
    if query.territory_ids:
        values["territory"] = query.territory_ids[0]
    for name, value in in_use.items():
        if isinstance(value, Around):
            values |= circle(value)
        else:
            values[name] = _bindable(value)
    for facet in query.facets:
        name = COUNTED[facet].filter
        if name in in_use:
            values[f"chosen_{name}"] = _as_texts(values[name])
    return values


def _bindable(value: Any) -> Any:
    """Return the value PostgreSQL compares with: one it could not even hold equals nothing."""
    if isinstance(value, tuple):
        return [one for one in value if not isinstance(one, str) or _HELD.fullmatch(one)]
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, Decimal):
        return max(-GREATEST, min(int(value), GREATEST))
    return value


def _instant(moment: datetime) -> datetime:
    """Return a moment in UTC; without a time zone it is UTC, beyond the calendar it is its edge."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        if moment.year == 1:
            return datetime.min.replace(tzinfo=UTC)
        return datetime.max.replace(tzinfo=UTC)


def _as_texts(value: Any) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(one) for one in value]


def circle(around: Around) -> dict[str, Any]:
    """Return the circle and the box around it, in degrees."""
    angle = min(around.kilometres / _EARTH_RADIUS, radians(180))
    height = degrees(angle)
    south, north = around.latitude - height, around.latitude + height
    west, east = -180.0, 180.0
    # A circle that holds a pole has every longitude; one across the 180th meridian is not boxed.
    if south > -_POLE and north < _POLE:
        width = degrees(asin(min(1.0, sin(angle) / cos(radians(around.latitude)))))
        if around.longitude - width >= west and around.longitude + width <= east:
            west, east = around.longitude - width, around.longitude + width
    return {
        "latitude": around.latitude,
        "longitude": around.longitude,
        "kilometres": around.kilometres,
        "south": south,
        "north": north,
        "west": west,
        "east": east,
    }


def word_values(reading: Reading) -> dict[str, Any]:
    """Return the values that the score binds: queries, and of how many operands each is made."""
    lessers = {number: word.lesser() for number, word in enumerate(reading.ranked)}
    queries: dict[str, Iterable[str]] = {
        "plain": [word.exact for number, word in enumerate(reading.ranked) if not lessers[number]],
        # The title's words as stems, and as they are written.
        "title": chain(
            chain.from_iterable((word.exact, *lessers[number]) for number, word in enumerate(reading.ranked)),
            (f"'={word.typed.folded}'" for word in reading.ranked),
        ),
    }
    for number, word in enumerate(reading.ranked):
        queries |= {f"exact_{number}": [word.exact], f"lesser_{number}": lessers[number]}
    values: dict[str, Any] = {"key": reading.key}
    for name, query in queries.items():
        operands = dict.fromkeys(query)
        values |= {name: " | ".join(operands), f"operands_{name}": float(len(operands))}
    return values
