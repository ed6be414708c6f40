"""My data: everything the platform holds about a person, gathered along the traces."""

import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.reach import elevated
from service.domain import audit
from service.domain.access import Actor
from service.domain.labels import LANGUAGES
from service.domain.persons import get_me
from service.domain.privacy import words
from service.domain.privacy.conditions import Known, is_about
from service.domain.privacy.reading import list_purposes
from service.domain.privacy.traces import SECRET_MEMBERS, By, Ending, Trace, traces
from service.models import Person
from service.models.personal import category_of
from service.schemas.privacy import ExportField, ExportRead, ExportSection

_AROUND: Final = 80
"""Characters of a text shown on either side of an address it mentions."""
_NAMES: Final = ("name", "title", "label")
_HIDDEN: Final = "…"
_AS: Final[Mapping[type, Callable[[Any], Any]]] = {Decimal: float, uuid.UUID: str}


async def export(session: AsyncSession, actor: Actor, *, language: str) -> ExportRead:
    """Return everything about the acting person, in words of ``language``. It is noted in the audit trail."""
    person = await get_me(session, actor, "me.export")
    audit.note(
        session,
        actor=actor.name,
        action="person.exported",
        object_kind="person",
        object_id=person.id,
    )
    # A person's data lie in tables of other tenants and of the platform; each row here is about them.
    async with elevated(session):
        sections = await sections_about(session, person, language)
    return ExportRead(
        made_at=now(),
        person_id=person.id,
        language="en" if language == "en" else "fr",
        about=words.ABOUT[LANGUAGES.index(language)],
        purposes=list_purposes(language),
        sections=sections,
    )


async def sections_about(session: AsyncSession, person: Person, language: str) -> list[ExportSection]:
    """Return what each table holds about a person, those without rows too."""
    known = Known.of(person)
    seen: set[tuple[str, tuple[Any, ...]]] = set()
    sections = []
    for trace in traces():
        if trace.exported:
            fields = _fields(trace)
            rows = await _rows(session, trace, known, fields, seen)
            sections.append(_section(trace, fields, rows, language))
    return sections


Fields = Sequence[tuple[str, str | None, ColumnElement[Any]]]
"""Name, category, and what to select."""


def _fields(trace: Trace) -> Fields:
    """Return the columns to show: the personal ones, those that make them readable, what they refer to."""
    table = trace.rows
    found: list[tuple[str, str | None, ColumnElement[Any]]] = [
        (name, category_of(table.c[name]), table.c[name])
        for name in trace.concerned
        if name not in trace.secret
    ]
    found += [(name, None, table.c[name]) for name in trace.shown if name not in trace.concerned]
    if trace.by is not By.MENTION:
        found += [
            (column.name.removesuffix("_id"), None, named)
            for column in table.columns
            if column.name not in trace.concerned and (named := _named(column)) is not None
        ]
    return found


def _named(column: Column[Any]) -> ColumnElement[Any] | None:
    """Return the name of the row a foreign key refers to, when such rows have names."""
    for key in column.foreign_keys:
        table = key.column.table
        name = next((name for name in _NAMES if name in table.c), None)
        if name is not None:
            named = table.alias()
            return (
                select(named.c[name]).where(named.c[key.column.name] == column).correlate(column.table)
            ).scalar_subquery()
    return None


async def _rows(
    session: AsyncSession,
    trace: Trace,
    known: Known,
    fields: Fields,
    seen: set[tuple[str, tuple[Any, ...]]],
) -> list[dict[str, Any]]:
    """Return the rows about ``known`` that no trace has shown so far."""
    table = trace.rows
    key = list(table.primary_key.columns)
    shown = [_shown(trace, name, what, known) for name, _, what in fields]
    query = select(*key, *shown).where(is_about(trace, known)).order_by(*key)
    found = []
    for row in await session.execute(query):
        values = tuple(row)
        about = (f"{table.name} {trace.column if trace.by is By.MENTION else ''}", values[: len(key)])
        if about in seen:
            continue
        seen.add(about)
        found.append(
            {name: _plain(value) for (name, *_), value in zip(fields, values[len(key) :], strict=True)}
        )
    return found


def _shown(trace: Trace, name: str, what: ColumnElement[Any], known: Known) -> ColumnElement[Any]:
    """Return the column as it is shown: of a text about something else, only the passage."""
    if trace.by is not By.MENTION or name != trace.column:
        return what
    text = cast(what, Text)
    start = func.regexp_instr(text, known.pattern, 1, 1, 0, "i")
    return func.substr(text, func.greatest(start - _AROUND, 1), 2 * _AROUND + len(known.spellings[0]))


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, the secrets inside it hidden."""
    if isinstance(value, dict):
        return {name: _HIDDEN if name in SECRET_MEMBERS else _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    kind = next((kind for kind in _AS if isinstance(value, kind)), None)
    return value if kind is None else _AS[kind](value)


def _section(trace: Trace, fields: Fields, rows: list[dict[str, Any]], language: str) -> ExportSection:
    return ExportSection(
        name=trace.table,
        title=words.say(words.TABLES, trace.table, language),
        known_by=words.say(words.KNOWN_BY, trace.by, language),
        fields=[
            ExportField(name=name, label=words.say(words.COLUMNS, name, language), category=category)
            for name, category, _ in fields
        ],
        rows=rows,
        not_shown=[words.say(words.COLUMNS, name, language) for name in _secrets(trace)],
    )


def _secrets(trace: Trace) -> list[str]:
    """Return the names of columns that hold digests and tokens: they are there, and stay closed."""
    digests = [column.name for column in trace.rows.columns if column.name.endswith("digest")]
    return [*trace.secret, *(digests if trace.ending is not Ending.VERB else [])]
