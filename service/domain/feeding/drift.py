"""How far an index has drifted from the database."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.domain.feeding.sources import SOURCES
from service.models import SearchPending
from service.schemas.search import SearchKind
from service.search.port import Facts

_PAGE = 1_000

Digests = Callable[[Sequence[Facts]], Awaitable[Mapping[uuid.UUID, str]]]
"""From facts to the digests of the documents made of them, by id."""


@dataclass(slots=True)
class Drift:
    """Ids of documents that the index lacks, has though the public may not see them, or has otherwise.

    Documents that the engine is still to be told of are in none of them: they are ``awaited``. ``foreign``
    ones are none of ours: somebody else put them there.
    """

    missing: set[uuid.UUID] = field(default_factory=set)
    extra: set[uuid.UUID] = field(default_factory=set)
    different: set[uuid.UUID] = field(default_factory=set)
    documents: int = 0
    awaited: int = 0
    refused: int = 0
    foreign: int = 0

    @property
    def ids(self) -> set[uuid.UUID]:
        """Every document of ours that drifted."""
        return self.missing | self.extra | self.different

    def __len__(self) -> int:
        """Return how many documents drifted."""
        return len(self.missing) + len(self.extra) + len(self.different) + self.foreign


async def measure(
    database: Database,
    kind: SearchKind,
    held: Mapping[uuid.UUID, str],
    digests: Digests,
) -> Drift:
    """Compare what the engine ``held`` (digests by id) with what it should hold now.

    Nobody may have told the engine anything since ``held`` was read: what changed since is then pending.
    """
    drift = Drift(documents=len(held))
    left = set(held)
    after: uuid.UUID | None = None
    while True:
        async with database.transaction() as session:
            page = await SOURCES[kind].following(session, after, _PAGE)
        for each, digest in (await digests(page)).items():
            left.discard(each)
            if each not in held:
                drift.missing.add(each)
            elif held[each] != digest:
                drift.different.add(each)
        if len(page) < _PAGE:
            break
        after = page[-1].id
    drift.extra = left
    async with database.transaction() as session:
        awaited = await _awaited(session, kind)
    for several in (drift.missing, drift.extra, drift.different):
        several.difference_update(awaited)
    drift.awaited = sum(error is None for error in awaited.values())
    drift.refused = len(awaited) - drift.awaited
    return drift


async def _awaited(session: AsyncSession, kind: SearchKind) -> dict[uuid.UUID, str | None]:
    rows = await session.execute(
        select(SearchPending.document_id, SearchPending.error).where(SearchPending.kind == kind)
    )
    return {row.document_id: row.error for row in rows}
