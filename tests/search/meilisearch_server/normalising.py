"""Makes exchanges alike from run to run: ids, digests and the present moment get names of their own."""

import re
import time
from hashlib import blake2b

# Ids with their dashes; digests and other long hexadecimal names without.
_CHOSEN = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])"
)
_MICROSECONDS = re.compile(r"(?<!\d)\d{16}(?!\d)")
_TASK = re.compile(r'(?<="taskUid":)\d+|(?<="uid":)\d+')
_TASK_PATH = re.compile(r"(?<=/tasks/)\d+")
_DATES = "enqueuedAt|startedAt|finishedAt|createdAt|updatedAt"
_VARYING = (
    (re.compile(rf'"({_DATES})":"[^"]*"'), r'"\1":"2026-01-01T00:00:00.000000Z"'),
    (re.compile(r'"duration":"[^"]*"'), '"duration":"PT0S"'),
    (re.compile(r'"(batchUid|processingTimeMs)":\d+'), r'"\1":0'),
    (re.compile(r',"requestUid":"[^"]*"'), ""),
)
_NOW = "1111111111111111"
_NOW_MEANS = 300  # Seconds around the present moment.


class Names:
    """The names that one test's ids get, in the order in which it first says them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._meant: dict[str, str] = {}
        self._tasks: dict[str, str] = {}

    def asked(self, text: str) -> str:
        """Return a request's text with names in place of what differs from run to run."""
        return _MICROSECONDS.sub(_moment, _CHOSEN.sub(lambda found: self._name(found[0]), text))

    def answered(self, text: str) -> str:
        """Return an answer's text as it is kept."""
        text = _CHOSEN.sub(lambda found: self._names.get(found[0], found[0]), text)
        for pattern, replacement in _VARYING:
            text = pattern.sub(replacement, text)
        return _TASK.sub(lambda found: self._task(found[0]), text)

    def path(self, path: str) -> str:
        """Return a request's path with names, of tasks too."""
        return _TASK_PATH.sub(lambda found: self._task(found[0]), self.asked(path))

    def told_again(self, text: str) -> str:
        """Return a kept answer with the ids of this run."""
        return _CHOSEN.sub(lambda found: self._meant.get(found[0], found[0]), text)

    def _name(self, chosen: str) -> str:
        if chosen not in self._names:
            number = len(self._names) + 1
            name = f"00000000-0000-7000-8000-{number:012x}" if "-" in chosen else f"{number:032x}"
            self._names[chosen] = name
            self._meant[name] = chosen
        return self._names[chosen]

    def _task(self, number: str) -> str:
        return self._tasks.setdefault(number, str(len(self._tasks) + 1))


def _moment(found: re.Match[str]) -> str:
    return _NOW if abs(int(found[0]) / 1e6 - time.time()) < _NOW_MEANS else found[0]


def fingerprint(text: str) -> str:
    """Return what tells one request's body from another."""
    return blake2b(text.encode(), digest_size=9).hexdigest() if text else ""
