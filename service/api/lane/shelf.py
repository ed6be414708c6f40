"""Answers in memory, within a number of bytes: what was not asked for longest goes first."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Gauge

Key = tuple[object, ...]
Headers = list[tuple[bytes, bytes]]

BYTES = Gauge("ancrage_prepared_bytes", "Memory that prepared answers take, as far as it is counted.")
ENTRIES = Gauge("ancrage_prepared_entries", "Prepared answers in memory.")
# Of the objects around the bytes: dictionary entry, key, lists, tuples.
_AROUND: Final = 1_500
# One answer takes this share of the memory at most.
_SHARE: Final = 16


@dataclass(slots=True)
class Prepared:
    """An answer ready to be sent, in full and as "not modified".

    ``count`` is that of :class:`Changes` before it was worked out.
    """

    body: bytes
    headers: Headers
    unchanged: Headers
    etag: str
    route: str
    of: str
    until: datetime | None
    count: int
    size: int = 0


class Shelf:
    """At most ``most`` bytes of prepared answers."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0
        self._kept: OrderedDict[Key, Prepared] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Prepared | None:
        """Return the answer to ``key``, which was asked just now."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Key, prepared: Prepared) -> None:
        """Keep an answer, unless it alone would take too much; drop others to make room."""
        prepared.size = _AROUND + len(prepared.body) + 2 * _weight(prepared.headers) + _length(key)
        self.drop(key)
        if prepared.size * _SHARE > self.most:
            return
        while self.size + prepared.size > self.most:
            _, oldest = self._kept.popitem(last=False)
            self.size -= oldest.size
        self._kept[key] = prepared
        self.size += prepared.size

    def drop(self, key: Key) -> None:
        """Forget the answer to ``key``."""
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.size -= gone.size

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.size = 0

    def measure(self) -> None:
        """Tell Prometheus."""
        BYTES.set(self.size)
        ENTRIES.set(len(self._kept))


def _weight(headers: Headers) -> int:
    return sum(len(name) + len(value) + 120 for name, value in headers)


def _length(key: Key) -> int:
    return sum(len(part) + 50 for part in key if isinstance(part, bytes | str))
