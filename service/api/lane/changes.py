"""What this process has heard of changes, in the order in which it heard them."""

from typing import Final

ANYTHING: Final = "*"
"""Every change there is: for what many things have a part in."""


class Changes:
    """Counts what was heard. What was read since a count is out of date once something is heard after it.

    ``count`` is taken before anything is read from the database. Whatever is committed after that reading is
    heard after it, so it is heard after the count: what was read too early never passes for new.
    """

    def __init__(self) -> None:
        self.count = 1
        self._last: dict[str, int] = {}
        self._deaf_until = 0

    def heard(self, name: str) -> None:
        """Note that ``name`` has changed."""
        self.count += 1
        self._last[name] = self._last[ANYTHING] = self.count

    def lost(self) -> None:
        """Note that anything may have changed unheard."""
        self.count += 1
        self._deaf_until = self.count
        self._last.clear()

    def since(self, count: int, name: str) -> bool:
        """Tell whether ``name`` may have changed after ``count`` was taken."""
        return count < self._deaf_until or self._last.get(name, 0) > count
