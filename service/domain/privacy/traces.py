"""How each table holds data about somebody, on one page: how the rows are found, and how they end.

What refers to a person by a foreign key needs no line here: its rows are exported, and deleted with the
person. A line is for what is known by an address, what stays without its personal columns, and what is undone
by the verbs of its capability, because others rest on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final

from sqlalchemy import Table

from service.models import Base
from service.models.personal import personal_columns, personal_tables


class By(StrEnum):
    """How a row is known to be about somebody."""

    SELF = "self"
    """It is the person's own row."""
    PERSON = "person"
    """``column`` holds the person's id."""
    ADDRESS = "address"
    """``column`` holds their e-mail address."""
    ACTOR = "actor"
    """``column`` names them as ``person:<id>``: they did it."""
    OBJECT = "object"
    """A website, or the platform, did it for them: ``column`` refers to a row that is theirs."""
    MENTION = "mention"
    """The words in ``column`` hold their e-mail address."""
    PART = "part"
    """``column`` refers to a row that is about them."""


class Ending(StrEnum):
    """What becomes of a row when the person is erased."""

    DELETE = "delete"
    BLANK = "blank"
    """The row stays, without ``fields``."""
    SCRUB = "scrub"
    """The words stay, without the address."""
    VERB = "verb"
    """The verb of the capability does it: see ``erasure``."""
    FOLLOWS = "follows"
    """It goes, or is made again, with the row it is part of."""


class Special(StrEnum):
    """Values of columns that cannot be empty."""

    NOW = "now"


@dataclass(frozen=True, slots=True)
class Trace:
    """One way a table holds data about somebody.

    ``fields`` are the personal columns concerned, all of the table unless named; ``blanked`` those that
    blanking empties, all concerned unless named, to ``values`` where NULL is not allowed. ``shown`` are plain
    columns that make the export readable, ``secret`` personal ones it names without showing. ``exported`` is
    false where the row tells of somebody else.
    """

    table: str
    by: By
    column: str
    ending: Ending = Ending.DELETE
    fields: tuple[str, ...] = ()
    blanked: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    shown: tuple[str, ...] = ("created_at",)
    secret: tuple[str, ...] = ()
    exported: bool = True

    @property
    def rows(self) -> Table:
        """Return the table itself."""
        return Base.metadata.tables[self.table]

    @property
    def concerned(self) -> tuple[str, ...]:
        """Return the names of the personal columns this is about."""
        return self.fields or tuple(column.name for column in personal_columns(self.rows))

    @property
    def empty(self) -> dict[str, Any]:
        """Return what blanking sets: column names and values."""
        return {name: self.values.get(name) for name in self.blanked or self.concerned}


def _mention(
    table: str, column: str, ending: Ending = Ending.SCRUB, shown: tuple[str, ...] = (), **more: Any
) -> Trace:
    return Trace(table, By.MENTION, column, ending, (column,), shown=shown, **more)


_CONTACT: Final = ("contact_name", "contact_email", "contact_phone")
_CIRCUMSTANCES: Final = ("circumstances", "salt")
_REQUEST: Final = ("email", "message", "answer")

_TRAIL: Final = ("at", "action", "object_kind", "object_id")

_DECLARED: Final[tuple[Trace, ...]] = (
    # First, while the rows it is known by are there: asking for a code is done before anybody is signed in.
    Trace("audit_entry", By.OBJECT, "object_id", Ending.BLANK, blanked=_CIRCUMSTANCES, shown=_TRAIL),
    Trace(
        "person",
        By.SELF,
        "id",
        Ending.BLANK,
        # Who they were is gone; that somebody was there stays counted.
        values={"language": "fr", "last_seen_at": Special.NOW},
    ),
    # The parent of somebody under 15.
    Trace("person", By.ADDRESS, "guardian_email", Ending.BLANK, ("guardian_email",), shown=()),
    Trace("invitation", By.ADDRESS, "email"),
    Trace("sign_in", By.ADDRESS, "email"),
    Trace("mail", By.ADDRESS, "to_address"),
    # That there was a request, and when it was answered, is proof that outlives what it said.
    Trace("privacy_request", By.PERSON, "person_id", Ending.BLANK, blanked=_REQUEST),
    Trace("privacy_request", By.ADDRESS, "email", Ending.BLANK, blanked=_REQUEST),
    # Matches must be made again without the profile, so its own verb erases it.
    Trace("candidate_profile", By.PERSON, "person_id", Ending.VERB, shown=("created_at", "updated_at")),
    # Those who manage an organisation or read a posting learn that its contact is gone.
    Trace("employer", By.ADDRESS, "contact_email", Ending.VERB, _CONTACT, shown=("name",)),
    Trace("partner", By.ADDRESS, "contact_email", Ending.VERB, _CONTACT, shown=("name",)),
    Trace(
        "posting",
        By.ADDRESS,
        "apply_email",
        Ending.VERB,
        ("apply_email", "apply_contact", "apply_phone"),
        shown=("title", "published_at", "closed_at"),
    ),
    _mention("employer", "description", Ending.VERB, ("name",)),
    _mention("partner", "description", Ending.VERB, ("name",)),
    _mention("posting", "description", Ending.VERB, ("title",)),
    _mention("posting", "source_data", Ending.VERB, ("title",)),
    _mention("territory", "contacts", Ending.VERB, ("name",)),
    _mention("posting_change", "changes", shown=("at",)),
    _mention("import_report", "origin", shown=("started_at",)),
    _mention("import_report", "problems", shown=("started_at",)),
    _mention("import_report", "message", shown=("started_at",)),
    _mention("task", "last_error"),
    # The trail stays; from where they acted, and what others gave as a reason, does not.
    Trace("audit_entry", By.ACTOR, "actor", Ending.BLANK, blanked=_CIRCUMSTANCES, shown=_TRAIL),
    _mention("audit_entry", "circumstances", Ending.BLANK, blanked=_CIRCUMSTANCES, exported=False),
    # What the public reads is rendered again when the posting is changed.
    Trace("posting_document", By.PART, "posting_id", Ending.FOLLOWS, shown=("language",)),
    Trace("idempotency_record", By.PERSON, "owner_id"),
    _mention("idempotency_record", "body", Ending.DELETE, exported=False),
)
_SECRET: Final[Mapping[str, tuple[str, ...]]] = {"person_session": ("id_token",)}
"""Personal columns that are keys to something: named in the export, never shown."""
SECRET_MEMBERS: Final = frozenset({"id_token"})
"""The same, inside JSON."""


@cache
def traces() -> tuple[Trace, ...]:
    """Return every trace: those declared here, and those that follow from foreign keys."""
    found = list(_DECLARED)
    known = {(trace.table, trace.column) for trace in found}
    keys = [
        (table.name, key.parent.name, key)
        for table in personal_tables()
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
    ]
    found += [
        Trace(table, By.PERSON, column, shown=_made(table), secret=_SECRET.get(table, ()))
        for table, column, key in keys
        if key.column.table.name == "person" and (table, column) not in known
    ]
    owned = {trace.table for trace in found if trace.by is By.PERSON}
    found += [
        Trace(table, By.PART, column, Ending.FOLLOWS, shown=())
        for table, column, key in keys
        if key.ondelete == "CASCADE" and key.column.table.name in owned and table not in owned
    ]
    return tuple(found)


def _made(table: str) -> tuple[str, ...]:
    return ("created_at",) if "created_at" in Base.metadata.tables[table].c else ()


def traces_of(table: str) -> Sequence[Trace]:
    """Return the traces of one table."""
    return [trace for trace in traces() if trace.table == table]


def whole_of(trace: Trace) -> str:
    """Return the name of the table that a :attr:`By.PART` row is part of."""
    (key,) = trace.rows.c[trace.column].foreign_keys
    return str(key.column.table.name)
