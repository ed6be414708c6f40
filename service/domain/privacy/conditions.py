"""From a trace and a person to the condition that finds their rows."""

import contextlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, LargeBinary, Table, Text, and_, cast, false, func, literal, or_, select

from service.domain.privacy.traces import By, Ending, Trace, traces, traces_of, whole_of
from service.models import Person

GONE: Final = "…"
"""In the place of an address that was erased from a text."""
_ORDINARY: Final = re.compile(r"[0-9a-z]", re.IGNORECASE)
# What may not stand beside an address, or it is part of another one.
_BEFORE: Final = r"(?<![[:alnum:]._%+-])"
# A file may be named after an address; a domain ends in none of these.
_FILES: Final = "json|csv|xml|txt|zip|gz|xlsx?|ods"
_AFTER: Final = rf"(?![[:alnum:]_-]|\.(?!(?:{_FILES})(?![[:alnum:]]))[[:alnum:]])"


@dataclass(frozen=True, slots=True)
class Known:
    """By what somebody is known: their id, if they signed in once, and every spelling of their address."""

    person_id: uuid.UUID | None
    spellings: tuple[str, ...]

    @classmethod
    def of(cls, person: Person) -> Self:
        """Return by what a person is known."""
        return cls(person.id, spellings(person.email) if person.email else ())

    @property
    def pattern(self) -> str:
        """Return PostgreSQL's regular expression of the address, in lower case, standing alone."""
        return f"{_BEFORE}({'|'.join(_escaped(each) for each in self.spellings)}){_AFTER}"


def spellings(address: str) -> tuple[str, ...]:
    """Return a normalised address in every form it may be stored in: its domain in ASCII, and in letters."""
    local, _, domain = address.rpartition("@")
    found = [address]
    if "xn--" in domain:
        with contextlib.suppress(UnicodeError):
            found.append(f"{local}@{domain.encode('ascii').decode('idna')}".lower())
    return tuple(found)


def _escaped(text: str) -> str:
    return "".join(each if _ORDINARY.fullmatch(each) or not each.isascii() else f"\\{each}" for each in text)


def words_of(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the words in a column of text, JSON or bytes, in lower case."""
    if isinstance(column.type, LargeBinary):
        # Answers kept for repeated requests: JSON in UTF-8, accents and capitals as they were written.
        return func.lower(func.convert_from(column, "UTF8"))
    return func.lower(cast(column, Text))


def mentions(column: ColumnElement[Any], known: Known) -> ColumnElement[bool]:
    """Return the condition that the words of ``column`` hold the address."""
    words = words_of(column)
    sought = [
        words_of(literal(each.encode(), LargeBinary()))
        if isinstance(column.type, LargeBinary)
        else literal(each, Text())
        for each in known.spellings
    ]
    # The quick look first: few rows are worth the other.
    near = [func.strpos(words, each) > 0 for each in sought]
    if not near or isinstance(column.type, LargeBinary):
        return or_(false(), *near)
    return and_(or_(*near), words.regexp_match(known.pattern))


def without(text: str, known: Known) -> str:
    """Return ``text`` with the address replaced by an ellipsis."""
    alternatives = "|".join(re.escape(each) for each in known.spellings)
    if not alternatives:
        return text
    pattern = rf"(?<![\w.%+-])(?:{alternatives})(?![\w-]|\.(?!(?:{_FILES})\b)\w)"
    return re.sub(pattern, GONE, text, flags=re.IGNORECASE)


def is_about(trace: Trace, known: Known, *, before: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition that a row of the trace's table is about ``known``.

    With ``before``, of what is known by address alone only rows that are older.
    """
    column = trace.rows.c[trace.column]
    match trace.by:
        case By.SELF | By.PERSON:
            return column == known.person_id if known.person_id is not None else false()
        case By.ACTOR:
            return column == f"person:{known.person_id}" if known.person_id is not None else false()
        case By.OBJECT:
            return _done_for(trace, known, before)
        case By.ADDRESS:
            return and_(func.lower(column).in_(known.spellings), *_older(trace.rows, before))
        case By.MENTION:
            return and_(mentions(column, known), *_older(trace.rows, before))
        case By.PART:
            whole = whole_of(trace)
            rows = traces_of(whole)
            return column.in_(
                select(rows[0].rows.c.id).where(or_(*(is_about(each, known, before=before) for each in rows)))
            )


def _done_for(trace: Trace, known: Known, before: datetime | None) -> ColumnElement[bool]:
    """Return the condition that a program, or the platform, did something to a row that is theirs.

    What another person did is that person's.
    """
    objects = [
        trace.rows.c[trace.column].in_(select(each.rows.c.id).where(is_about(each, known, before=before)))
        for each in traces()
        if each.by in {By.ADDRESS, By.PERSON}
        and each.ending in {Ending.DELETE, Ending.BLANK}
        and "id" in each.rows.c
    ]
    return and_(trace.rows.c.actor.not_like("person:%"), or_(*objects))


def _older(table: Table, before: datetime | None) -> list[ColumnElement[bool]]:
    if before is None:
        return []
    name = next(
        name
        for name in ("updated_at", "created_at", "at", "started_at", "rendered_at")
        if name in table.columns
    )
    return [table.c[name] <= before]
