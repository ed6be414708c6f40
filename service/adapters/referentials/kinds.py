"""Knowing a file by the columns of its header, never by its name; reading its rows with nothing lost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from service.adapters.referentials.files import Table
from service.schemas.referential_files import FileReading


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of table: its columns, and the columns that show it is another kind.

    ``usual_name`` is how the publisher names the file, for messages. ``held`` false: known, and
    deliberately not imported for the reason given.
    """

    name: str
    columns: frozenset[str]
    usual_name: str = ""
    without: frozenset[str] = frozenset()
    held: bool = True
    reason: str = ""

    def fits(self, header: Sequence[str]) -> bool:
        """Tell whether a table with this header is of this kind."""
        names = set(header)
        return self.columns <= names and not self.without & names


def recognise(table: Table, kinds: Sequence[Kind]) -> Kind | None:
    """Return the kind of ``table``: the fitting one that asks for most columns."""
    fitting = [kind for kind in kinds if kind.fits(table.header)]
    return max(fitting, key=lambda kind: len(kind.columns), default=None)


@dataclass(slots=True)
class Reader:
    """Reads one table row by row and accounts for each row: kept, or left out for a reason."""

    table: Table
    taken_for: str
    kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def rows(self, columns: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """Yield each row as ``{name: cell}`` for ``columns`` (name → column heading).

        A column the table lacks gives empty cells. A row whose number of cells differs from the
        header's is left out.
        """
        width = len(self.table.header)
        positions = {name: position for position, name in enumerate(self.table.header)}
        places = [(name, positions.get(heading)) for name, heading in columns.items()]
        for row in self.table.rows:
            if len(row) != width:
                self.left_out["another number of cells than the header"] += 1
                continue
            yield {name: "" if place is None else row[place] for name, place in places}

    def keep(self) -> None:
        """Count the row as kept."""
        self.kept += 1

    def leave(self, reason: str) -> None:
        """Count the row as left out."""
        self.left_out[reason] += 1

    def reading(self) -> FileReading:
        """Return the account of the whole table."""
        return FileReading(
            name=self.table.name,
            taken_for=self.taken_for,
            rows=len(self.table.rows),
            kept=self.kept,
            left_out=dict(self.left_out),
        )
