"""Loading a whole table of a referential at once: staged by COPY, compared, then merged.

One merge is four set operations on a temporary table, so a referential of 100,000 rows takes
seconds, and what has not changed is not written at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict
from service.models import Base

# A release that would drop more than this share of what is in force is taken for a partial file.
LARGEST_LOSS = 0.2


@dataclass(frozen=True, slots=True)
class Effect:
    """What a merge did to one table. ``read`` rows = ``added + changed + revived + unchanged``.

    ``obsoleted`` rows are no longer in the release and are kept, marked; ``removed`` are links no
    longer in it and deleted, since nothing points to them.
    """

    read: int = 0
    added: int = 0
    changed: int = 0
    revived: int = 0
    unchanged: int = 0
    obsoleted: int = 0
    removed: int = 0

    @property
    def nothing(self) -> bool:
        """Whether the table stayed as it was."""
        return self.read == self.unchanged and not self.obsoleted and not self.removed

    def as_dict(self) -> dict[str, int]:
        """Return the counts for a report."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Target:
    """A table to load, and which of its columns the rows hold, in the rows' order.

    ``what`` names its rows in messages. ``scope`` limits the comparison to the rows with these values
    (one source, one year); the rows do not hold them. ``only_added`` are columns set on new rows alone.
    ``nullable_keys`` are keys in which two NULLs are the same.
    """

    model: type[Base]
    what: str
    keys: tuple[str, ...]
    values: tuple[str, ...] = ()
    only_added: tuple[str, ...] = ()
    nullable_keys: tuple[str, ...] = ()
    scope: Mapping[str, Any] | None = None

    @property
    def table(self) -> Table:
        """The table itself."""
        table = self.model.__table__
        assert isinstance(table, Table)  # noqa: S101 - every model here is mapped to a table
        return table

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the rows hold."""
        return (*self.keys, *self.nullable_keys, *self.values, *self.only_added)


async def merge(
    session: AsyncSession, target: Target, rows: Iterable[Sequence[Any]], *, force: bool = False
) -> Effect:
    """Make the table hold ``rows`` (tuples in the order of ``target.columns``) and return what that took.

    Raises :class:`Conflict` when more than a fifth of the rows in force would go, unless ``force``.
    """
    merging = _Merge(session, target)
    read = await merging.stage(rows)
    await merging.guard(force=force)
    return await merging.run(read)


class _Merge:
    def __init__(self, session: AsyncSession, target: Target) -> None:
        self.session = session
        self.target = target
        self.table = target.table
        columns = [Column(name, self.table.c[name].type) for name in target.columns]
        name = f"stage_{self.table.name}"
        self.stage_table = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])
        self.lasting = "obsolete_since" in self.table.c

    async def stage(self, rows: Iterable[Sequence[Any]]) -> int:
        """Copy the rows into the temporary table; return their number."""
        connection = await self.session.connection()
        await connection.run_sync(self.stage_table.drop, checkfirst=True)
        await connection.run_sync(self.stage_table.create, checkfirst=False)
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None  # noqa: S101 - an open connection has one
        status: str = await driver.copy_records_to_table(
            self.stage_table.name, records=rows, columns=list(self.target.columns)
        )
        await self.session.execute(text(f"ANALYZE {self.stage_table.name}"))
        return int(status.removeprefix("COPY "))

    async def guard(self, *, force: bool) -> None:
        """Refuse a release that holds too little to be whole."""
        in_force = await self._count(self._in_scope(), self._in_force())
        lost = await self._count(self._in_scope(), self._in_force(), ~exists(self._staged()))
        if lost > in_force * LARGEST_LOSS and not force:
            raise Conflict(
                f"These files lack {lost:,} of the {in_force:,} {self.target.what} in force "
                f"({lost / in_force:.0%}). More than {LARGEST_LOSS:.0%} looks like a partial file, so "
                "nothing was imported. Give the whole release, or confirm with --force."
            )

    async def run(self, read: int) -> Effect:
        """Merge the staged rows and drop the temporary table."""
        revived = changed = 0
        if self.lasting:
            revived = await self._update(self.table.c.obsolete_since.is_not(None))
        if self.target.values:
            changed = await self._update(self._differs())
        added = await self._insert()
        gone = await self._remove()
        await (await self.session.connection()).run_sync(self.stage_table.drop)
        return Effect(
            read=read,
            added=added,
            changed=changed,
            revived=revived,
            unchanged=read - added - changed - revived,
            obsoleted=gone if self.lasting else 0,
            removed=0 if self.lasting else gone,
        )

    def _in_scope(self) -> ColumnElement[bool]:
        scope = self.target.scope or {}
        return and_(literal(value=True), *(self.table.c[name] == value for name, value in scope.items()))

    def _in_force(self) -> ColumnElement[bool]:
        return self.table.c.obsolete_since.is_(None) if self.lasting else literal(value=True)

    def _same_key(self) -> ColumnElement[bool]:
        stage, table = self.stage_table, self.table
        return and_(
            self._in_scope(),
            *(table.c[name] == stage.c[name] for name in self.target.keys),
            *(table.c[name].is_not_distinct_from(stage.c[name]) for name in self.target.nullable_keys),
        )

    def _staged(self) -> Any:
        return select(literal(1)).select_from(self.stage_table).where(self._same_key()).correlate(self.table)

    def _differs(self) -> ColumnElement[bool]:
        stage, table = self.stage_table, self.table
        return or_(*(table.c[name].is_distinct_from(stage.c[name]) for name in self.target.values))

    async def _count(self, *conditions: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(self.table).where(*conditions)
        return await self.session.scalar(statement) or 0

    async def _affected(self, statement: Any) -> int:
        result: Any = await self.session.execute(statement, execution_options={"synchronize_session": False})
        return int(result.rowcount)

    async def _update(self, which: ColumnElement[bool]) -> int:
        values: dict[str, Any] = {name: self.stage_table.c[name] for name in self.target.values}
        if self.lasting:
            values["obsolete_since"] = None
        return await self._affected(update(self.table).where(self._same_key(), which).values(values))

    async def _insert(self) -> int:
        scope = self.target.scope or {}
        known = select(literal(1)).select_from(self.table).where(self._same_key()).correlate(self.stage_table)
        columns = [*(self.stage_table.c[name] for name in self.target.columns)]
        constants = [literal(value, self.table.c[name].type).label(name) for name, value in scope.items()]
        chosen = select(*columns, *constants).where(~exists(known))
        names = [*self.target.columns, *scope]
        return await self._affected(insert(self.table).from_select(names, chosen, include_defaults=False))

    async def _remove(self) -> int:
        gone = and_(self._in_scope(), self._in_force(), ~exists(self._staged()))
        if self.lasting:
            return await self._affected(update(self.table).where(gone).values(obsolete_since=now()))
        return await self._affected(delete(self.table).where(gone))
