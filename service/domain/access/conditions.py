"""The first wall: which rows an actor may read or change, as conditions every query starts from."""

import uuid
from collections.abc import Iterator
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import Forbidden, NotFound, Problem, Unauthenticated
from service.domain.access.actor import Actor, Grant
from service.domain.access.rules import PUBLISHABLE, roles_allowing, scopes_allowing
from service.models import Base, Territory
from service.models.walls import tenancy_of

Row = TypeVar("Row", bound=Base)


def allowed(actor: Actor, permission: str, model: type[Base]) -> ColumnElement[bool]:
    """Return the condition that the actor holds ``permission`` at a row of ``model``.

    Whose a row is stands in the table's :class:`~service.models.tenancy.Tenancy`.
    """
    if actor.may_everywhere(permission):
        return true()
    found = [condition for grant in actor.holding(permission) for condition in _places(actor, grant, model)]
    return or_(*found) if found else false()


def _places(actor: Actor, grant: Grant, model: type[Base]) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that a row of ``model`` is at a place of ``grant``."""
    columns = model.__table__.c
    tenancy = tenancy_of(model.__table__)  # type: ignore[arg-type] # every model is a table
    territory = columns.id if tenancy.lineage else columns[tenancy.territory] if tenancy.territory else None
    inside = select(Territory.id).where(Territory.lineage.overlap(list(grant.territories)))
    if territory is not None and grant.territories:
        yield territory.in_(inside)
    if territory is not None and grant.exact_territories:
        yield territory.in_(grant.exact_territories)
    if tenancy.territories and grant.territories:
        yield columns[tenancy.territories].contained_by(
            func.array(inside.scalar_subquery(), type_=columns[tenancy.territories].type)
        )
    for column, ids in ((tenancy.employer, grant.employers), (tenancy.partner, grant.partners)):
        if column and ids:
            yield columns[column].in_(ids)
    if grant.own:
        for column, own in ((tenancy.person, actor.person_id), (tenancy.email, actor.email)):
            if column and own is not None:
                yield columns[column] == own


def readable(actor: Actor, permission: str, model: type[Row]) -> Select[Row]:
    """Return the rows of ``model`` at which the actor holds ``permission`` (``resource.read``)."""
    return select(model).where(allowed(actor, permission, model))


async def obtain(
    session: AsyncSession,
    actor: Actor,
    model: type[Row],
    row_id: uuid.UUID,
    permission: str,
    *,
    reading: str,
    missing: str,
) -> Row:
    """Return one row at which the actor holds ``permission``.

    It is locked for a change; not for a read, an erasure, or to create something beside it.

    Raises :class:`NotFound` with the words ``missing`` for a row that is not there or that the actor, without
    ``reading``, may not know of; :class:`Forbidden` for one they may read and no more.
    """
    may = allowed(actor, permission, model)
    query = select(model, may.label("may")).where(
        model.__table__.c.id == row_id, or_(may, allowed(actor, reading, model))
    )
    # What is erased is locked by its erasure, after what hangs on it.
    if not permission.endswith((".read", ".create", ".delete")):
        # The key stays as it is: rows that refer to it may be written meanwhile.
        query = query.with_for_update(key_share=True, of=model)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFound(missing)
    if not found.may:
        raise refusal(actor, permission, "here")
    row: Row = found[0]
    return row


def refusal(actor: Actor, permission: str, where: str = "") -> Problem:
    """Return why the actor may not: who would, and what to send instead."""
    scopes, roles = scopes_allowing(permission), roles_allowing(permission)
    ways = []
    if permission in PUBLISHABLE:
        ways.append("a website's publishable key, in the header `Ancrage-Key`")
    if scopes:
        ways.append(f"an API client's secret key with the scope {' or '.join(scopes)}")
    if "person" in roles:
        ways.append("the token of anybody who signed in")
    elif roles:
        ways.append(f"the token of a person who is {' or '.join(roles)}")
    needed = ", or ".join(ways)
    if actor.anonymous:
        return Unauthenticated(f"Send {needed}. Keys and tokens go as `Authorization: Bearer …`.")
    who = "This key" if actor.person_id is None else "Your role"
    place = f" {where}" if where else ""
    return Forbidden(f"{who} does not allow `{permission}`{place}. It takes {needed}.")


def require(actor: Actor, permission: str) -> None:
    """Raise :class:`Unauthenticated` or :class:`Forbidden` unless ``permission`` is held somewhere."""
    if not actor.may(permission):
        raise refusal(actor, permission)


async def require_territory(session: AsyncSession, actor: Actor, permission: str, slug: str) -> Territory:
    """Return the territory ``slug`` if the actor holds ``permission`` in it.

    Otherwise it does not exist for them, unless they hold another one there: then they are told.
    """
    territory = await session.scalar(select(Territory).where(Territory.slug == slug))
    if territory is not None:
        if actor.may_at(permission, lineage=territory.lineage):
            return territory
        if actor.permissions_at(lineage=territory.lineage):
            raise refusal(actor, permission, f"in `{slug}`")
    raise NotFound(f"There is no territory `{slug}` among those you act for.")
