"""How far a transaction reaches: what PostgreSQL's row-level security lets it see and write.

The second wall behind ``domain.access``: a query that forgets its own filter finds nothing that is not the
actor's. The platform's own work reaches everywhere, as the owner of the tables; everything done for somebody
runs as :data:`ROLE`, which owns nothing and cannot bypass row-level security.
"""

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ROLE = "ancrage_application"
_KEPT = "reach"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose rows a transaction sees and writes, beside what is public.

    ``territories`` count with all inside them, ``exact_territories`` alone. ``email`` is the verified address
    of ``person``.
    """

    everywhere: bool = False
    territories: frozenset[uuid.UUID] = frozenset()
    exact_territories: frozenset[uuid.UUID] = frozenset()
    employers: frozenset[uuid.UUID] = frozenset()
    partners: frozenset[uuid.UUID] = frozenset()
    person: uuid.UUID | None = None
    client: uuid.UUID | None = None
    email: str | None = None


EVERYWHERE = Reach(everywhere=True)
NOWHERE = Reach()
"""Only what is public: where every request begins."""

_SETTINGS = ("territories", "exact_territories", "employers", "partners", "person", "client", "email")
_NARROW = text(
    "SELECT "
    + ", ".join(f"set_config('ancrage.{name}', :{name}, true)" for name in _SETTINGS)
    + f", set_config('role', '{ROLE}', true)"
)
_WIDEN = text("SELECT set_config('role', 'none', true)")
_NOTHING = dict.fromkeys(_SETTINGS[:4], "{}") | dict.fromkeys(_SETTINGS[4:], "")
NARROWED = (
    "SELECT "
    + ", ".join(f"set_config('ancrage.{name}', '{value}', false)" for name, value in _NOTHING.items())
    + f", set_config('role', '{ROLE}', false)"
)
"""Lets a whole connection reach nowhere, transaction or not."""


def _array(ids: Iterable[uuid.UUID]) -> str:
    return "{" + ",".join(sorted(str(each) for each in ids)) + "}"


async def apply(session: AsyncSession, reach: Reach) -> None:
    """Let the rest of the session's transaction reach as far as ``reach``, no further."""
    session.info[_KEPT] = reach
    if reach.everywhere:
        await session.execute(_WIDEN)
        return
    await session.execute(
        _NARROW,
        {
            "territories": _array(reach.territories),
            "exact_territories": _array(reach.exact_territories),
            "employers": _array(reach.employers),
            "partners": _array(reach.partners),
            "person": str(reach.person or ""),
            "client": str(reach.client or ""),
            "email": reach.email or "",
        },
    )


def current(session: AsyncSession) -> Reach:
    """Return how far the session's transaction reaches."""
    reach: Reach = session.info.get(_KEPT, EVERYWHERE)
    return reach


@asynccontextmanager
async def elevated(session: AsyncSession) -> AsyncIterator[None]:
    """Reach everywhere inside the block, for what the platform must do on somebody's behalf.

    For what no actor may do by themselves: reading the row a presented secret belongs to, raising the
    version of the territories above. Keep the block to those statements. Changes waiting in the session are
    written before, at the reach they were made with.
    """
    before = current(session)
    if before.everywhere:
        yield
        return
    await session.flush()
    await apply(session, EVERYWHERE)
    yield
    await session.flush()
    # After an error the transaction is lost as a whole, and its reach with it.
    await apply(session, before)
