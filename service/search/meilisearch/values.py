"""How values stand in the index, so that comparing them there is comparing them exactly.

Meilisearch folds case and compatibility forms of what it filters by, and reads filters as text. Values of
fewer letters go as they are; any other is spelt in hexadecimal. So no two values are taken for one another,
and none can end a quotation.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final

from service.schemas.search import PostingFacet

EVERYTHING: Final = "#every"
"""A word that every document holds and that nobody can type: a query for it ranks what no other does."""

ELSEWHERE: Final = "#in"
"""A word that nobody can type either, before texts that are no title."""

ENDLESS: Final = 1 << 53
"""Of a date in microseconds: never. No greater whole number is sure to be kept."""

GREATEST: Final = (1 << 31) - 1
"""Of a salary, as in PostgreSQL's column."""

CODE: Final = re.compile(r"[0-9A-Z]{1,40}")
"""What codes of referentials are made of."""

NAME: Final = re.compile(r"[0-9a-z]+(?:[-_][0-9a-z]+){0,9}")
"""What names of sources and of our own vocabularies are made of."""

_SPELT: Final = "~"
_HASHED: Final = "~~"
_LONGEST: Final = 200  # Bytes. Meilisearch keeps 468 of a value.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HELD: Final = re.compile("[^\0\ud800-\udfff]*")

SHAPES: Final = {
    PostingFacet.CONTRACT: NAME,
    PostingFacet.SECTOR: CODE,
    PostingFacet.OCCUPATION: CODE,
    PostingFacet.COMMUNE: CODE,
    PostingFacet.IN_TENSION: NAME,
    PostingFacet.REMOTE: NAME,
    PostingFacet.WORKING_TIME: NAME,
}
"""What the values of each facet are made of."""


def held(value: str) -> bool:
    """Tell whether a database could hold ``value`` at all."""
    return _HELD.fullmatch(value) is not None


def kept(value: str, shape: re.Pattern[str]) -> str:
    """Return how ``value`` stands in the index; ``shape`` is what the attribute's usual values match."""
    if shape.fullmatch(value):
        return value
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) > _LONGEST:
        return _HASHED + sha256(raw).hexdigest()
    return _SPELT + raw.hex()


def read(value: str) -> str | None:
    """Return the value that stands in the index as ``value``; ``None`` if it was too long to be kept."""
    if value.startswith(_HASHED):
        return None
    if value.startswith(_SPELT):
        return bytes.fromhex(value[len(_SPELT) :]).decode("utf-8", "surrogatepass")
    return value


def microseconds(moment: datetime) -> int:
    """Return a moment in microseconds since 1970, exact in a float64; at most :data:`ENDLESS`."""
    return max(-ENDLESS, min((utc(moment) - _EPOCH) // _MICROSECOND, ENDLESS))


def utc(moment: datetime) -> datetime:
    """Return a moment in UTC; without a time zone it is UTC, beyond the calendar it is its edge."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST


def instant(moment: datetime) -> str:
    """Return a moment in letters that sort as moments do."""
    return utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds")


def newest(published_at: datetime, identity: uuid.UUID) -> str:
    """Return what documents are sorted by when the newest come first: each has its own."""
    return f"{instant(published_at)}/{identity}"


def read_newest(value: str) -> tuple[datetime, uuid.UUID]:
    """Return the date and id that :func:`newest` was made of. Raises ``ValueError``."""
    moment, _, identity = value.partition("/")
    return datetime.fromisoformat(moment).replace(tzinfo=UTC), uuid.UUID(identity)


def salary(amount: Decimal) -> int:
    """Return whole euros, as PostgreSQL's column holds them."""
    return max(-GREATEST, min(int(amount), GREATEST))
