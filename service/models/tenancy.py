"""Whose a row is: declared by its table, kept by PostgreSQL whatever a query forgets.

Every table names its :class:`Tenancy` in ``info={"tenancy": …}``; :func:`service.models.walls.statements`
turns it into row-level security. The session says who acts (``core.reach``); a row that is not theirs does
not exist for them. What the platform does for itself is not held by these walls.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Whose rows are. Each way that is given opens a row; who acts everywhere opens all.

    ``territory``, ``employer``, ``partner``, ``person``, ``client``: the column that holds the owner's id.
    ``outermost``: the column that holds the id of the outermost territory: open to who acts anywhere in it.
    ``territories``: an array column, open to who acts in all of them.
    ``lineage``: the table is the territories' own.
    ``through``: pairs ``(column, table)``: open to whose the row is that the column refers to.
    ``email``: the column that holds an address, open to the person whose address it is.
    ``readable``: an SQL condition under which anybody may read a row, though not write it.
    ``addable``: anybody may add a row; reading it back needs one of the ways above.
    ``reserved``: only the platform writes: rows that give rights, which nobody may give themselves, and the
    audit trail.
    """

    territory: str | None = None
    outermost: str | None = None
    territories: str | None = None
    employer: str | None = None
    partner: str | None = None
    person: str | None = None
    client: str | None = None
    email: str | None = None
    lineage: bool = False
    through: tuple[tuple[str, str], ...] = ()
    readable: str | None = None
    addable: bool = False
    reserved: bool = False


EVERYBODY = Tenancy(readable="true")
"""Public facts: anybody reads, only the platform writes."""

SHARED = Tenancy(readable="true", addable=True)
"""Public facts that grow as tenants write; nobody but the platform changes or removes them."""

PLATFORM = Tenancy()
"""The platform's own: nobody who acts for a territory or for themselves sees a row."""
