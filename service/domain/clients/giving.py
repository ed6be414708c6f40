"""What one may give to a program: never more than one holds, at no other place, for no longer."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import FieldError, Forbidden, Invalid
from service.domain.access import (
    PUBLISHABLE,
    SCOPES,
    Actor,
    refusal,
    require_territory,
    wearing,
)
from service.models import Person, RoleGrant, Territory

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_BY_WHOM: Final = "api_client.create"


@dataclass(frozen=True, slots=True)
class Gift:
    """A scope at a territory and all inside it; without ``scope``, what a publishable key opens."""

    territory: Territory
    scope: str | None = None

    def held_by(self, actor: Actor) -> bool:
        """Tell whether ``actor`` holds there, and in all inside, everything that is given."""
        held = actor.permissions_at(lineage=self.territory.lineage, inside=True)
        given = SCOPES.get(self.scope, frozenset[str]()) if self.scope else frozenset[str]()
        # What the key in a page may start, anybody may who opens the page: it is nobody's to withhold.
        return _BY_WHOM in held and given <= held | PUBLISHABLE


def gifts(territories: Sequence[Territory], scopes: Collection[str]) -> list[Gift]:
    """Return all that a client with these territories and scopes is given."""
    return [Gift(territory, scope) for territory in territories for scope in (*sorted(scopes), None)]


def check_scopes(scopes: Collection[str]) -> None:
    """Raise :class:`Invalid` for a scope that does not exist."""
    known = ", ".join(sorted(SCOPES))
    unknown = [(index, scope) for index, scope in enumerate(scopes) if scope not in SCOPES]
    if unknown:
        errors = [
            FieldError(f"/scopes/{index}", f"There is no such scope. Known: {known}.", "unknown_scope")
            for index, _ in unknown
        ]
        raise Invalid(
            f"Unknown scope {', '.join(scope for _, scope in unknown)}. Known: {known}.", errors=errors
        )


async def require_territories(
    session: AsyncSession, actor: Actor, permission: str, slugs: Sequence[str]
) -> list[Territory]:
    """Return territories in which the actor holds ``permission``, all that is inside them included.

    Raises :class:`NotFound` for one they may not know of, :class:`Forbidden` for one they may only see.
    """
    found = []
    for slug in dict.fromkeys(slugs):
        territory = await require_territory(session, actor, permission, slug)
        if permission not in actor.permissions_at(lineage=territory.lineage, inside=True):
            raise refusal(actor, permission, f"in all that is inside `{slug}`")
        found.append(territory)
    return found


async def require_giving(
    session: AsyncSession, actor: Actor, given: Collection[Gift], *, until: datetime
) -> None:
    """Raise :class:`Forbidden` unless the actor holds all that is given, and will until ``until``.

    A role that ends must not leave a key behind that outlasts it.
    """
    if not given:
        return
    if lacking := [gift for gift in given if not gift.held_by(actor)]:
        raise Forbidden(
            f"Nobody gives a program more than they hold: not yours to give is {_words(lacking)}."
        )
    if actor.person_id is None:
        return
    end = await _held_until(session, actor.person_id, given)
    if end < until:
        raise Forbidden(
            f"Your role there ends at {end.isoformat(timespec='seconds')}: a key that you give must end by "
            "then. Say when it expires, or ask somebody whose role does not end."
        )


def _words(lacking: Collection[Gift]) -> str:
    named = (
        f"`{gift.scope}` in `{gift.territory.slug}`" if gift.scope else f"a key in `{gift.territory.slug}`"
        for gift in lacking
    )
    return ", ".join(named)


async def _held_until(session: AsyncSession, person_id: uuid.UUID, given: Collection[Gift]) -> datetime:
    """Return until when the person holds all that is given, if no role of theirs is changed."""
    person = (await session.scalars(select(Person).where(Person.id == person_id))).one()
    mine = (
        await session.scalars(
            select(RoleGrant).where(RoleGrant.person_id == person_id, RoleGrant.revoked_at.is_(None))
        )
    ).all()
    for end in sorted(_ends(mine), reverse=True):
        lasting = wearing(person, [role for role in mine if (role.expires_at or FOREVER) >= end])
        if all(gift.held_by(lasting) for gift in given):
            return end
    return now()


def _ends(roles: Collection[RoleGrant]) -> Iterator[datetime]:
    yield from {role.expires_at or FOREVER for role in roles}
