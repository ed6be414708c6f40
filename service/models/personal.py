"""Which columns hold personal data, as each says in ``info={"pii": category}``; None: looked at, and not.

A table about persons says it of every column, a table that only has some lists the others under ``plain`` in
its own info: so a column added later is looked at too, or the build fails. What is personal follows from here
into the export, the erasure, the retention rules and the register; see ``service.domain.privacy``.
"""

from typing import Final

from sqlalchemy import Column, Table

from service.models.base import Base

CATEGORIES: Final = frozenset(
    {
        "activity",  # when and how somebody used the platform
        "answer",  # answers kept for a repeated request
        "consent",
        "contact",  # addresses, telephone numbers, whom to ask for
        "identifier",  # numbers and keys by which others know them
        "identity",
        "network",
        "place",
        "preference",
        "request",  # what they asked about their data
        "role",
        "text",  # words about something else, which may mention somebody
        "work",
    }
)
_ALWAYS_PLAIN: Final = frozenset({"created_at", "updated_at", "version"})


def plain(names: str) -> frozenset[str]:
    """Return the set of column names a table declares as not personal."""
    return frozenset(names.split())


def is_said(column: Column[object]) -> bool:
    """Tell whether it was said of the column whether it is personal; keys need not say it."""
    return (
        "pii" in column.info
        or column.name in column.table.info.get("plain", ())
        or column.name in _ALWAYS_PLAIN
        or column.primary_key
        or bool(column.foreign_keys)
    )


def category_of(column: Column[object]) -> str | None:
    """Return the kind of personal data in the column, None when there is none."""
    category: str | None = column.info.get("pii")
    return category


def personal_columns(table: Table) -> list[Column[object]]:
    """Return the columns of ``table`` that hold personal data."""
    return [column for column in table.columns if category_of(column) is not None]


def personal_tables() -> list[Table]:
    """Return the tables that hold personal data, each after those it refers to."""
    return [table for table in Base.metadata.sorted_tables if personal_columns(table)]


def concerns_persons(table: Table) -> bool:
    """Tell whether rows of ``table`` are about persons: it holds personal data, or is part of what does."""
    if table.name == "person" or personal_columns(table):
        return True
    return any(
        key.column.table.name == "person"
        or (key.ondelete == "CASCADE" and concerns_persons(key.column.table))
        for key in table.foreign_keys
    )
