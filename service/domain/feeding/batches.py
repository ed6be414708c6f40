"""What is told at once: a batch of pending documents, and what becomes of them afterwards."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import indexing, territories
from service.domain.feeding import holding
from service.domain.feeding.holding import Hold
from service.domain.feeding.sources import SOURCES
from service.models import SEARCH_VERSIONS, SearchPending, Territory
from service.schemas.search import SearchKind
from service.search.port import Facts

BATCH: Final = 1_000
"""Documents told at once, at most."""

_LONGEST_ERROR: Final = 500
# Rows that a transaction is changing just now stay anyway, and waiting for it could be mutual.
_TOLD = text("""
    DELETE FROM search_pending WHERE (kind, document_id) IN (
        SELECT pending.kind, pending.document_id
        FROM search_pending AS pending
        JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]))
            AS told (document_id, version) USING (document_id, version)
        WHERE pending.kind = :kind
        FOR UPDATE OF pending SKIP LOCKED
    )
""")
_REFUSED = text("""
    UPDATE search_pending SET attempts = attempts + 1, error = refused.error
    FROM (
        SELECT pending.document_id, told.error
        FROM search_pending AS pending
        JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:errors AS text[]))
            AS told (document_id, version, error)
            USING (document_id, version)
        WHERE pending.kind = :kind
        FOR UPDATE OF pending SKIP LOCKED
    ) AS refused
    WHERE search_pending.kind = :kind AND search_pending.document_id = refused.document_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Pending documents as they are now. ``number`` grows from batch to batch, whoever makes them.

    ``versions`` are those of the pending rows; ``facts`` of those that are public, ``gone`` the others;
    ``places`` the territories of all.
    """

    kind: SearchKind
    number: int
    versions: Mapping[uuid.UUID, int]
    facts: Sequence[Facts]
    gone: Sequence[uuid.UUID]
    places: Collection[uuid.UUID]


async def next_number(session: AsyncSession) -> int:
    """Return a number greater than that of every batch made before."""
    return (await session.execute(select(SEARCH_VERSIONS.next_value()))).scalar_one()


async def next_batch(session: AsyncSession, hold: Hold, limit: int = BATCH) -> Batch | None:
    """Return what is pending longest, as it is now; ``None`` when nothing is. Raises :class:`Superseded`.

    The pending rows are read before the documents: what commits in between has a version of its own.
    """
    await holding.keep(session, hold)
    rows = await session.execute(
        select(SearchPending.document_id, SearchPending.version)
        .where(SearchPending.kind == hold.kind, SearchPending.error.is_(None))
        .order_by(SearchPending.version)
        .limit(limit)
    )
    versions = {row.document_id: row.version for row in rows}
    if not versions:
        return None
    source = SOURCES[hold.kind]
    facts = await source.some(session, list(versions))
    shown = {each.id for each in facts}
    return Batch(
        kind=hold.kind,
        number=await next_number(session),
        versions=versions,
        facts=facts,
        gone=[each for each in versions if each not in shown],
        places=await source.places(session, list(versions)),
    )


async def acknowledge(
    session: AsyncSession, hold: Hold, batch: Batch, refused: Mapping[uuid.UUID, str], *, documents: int
) -> None:
    """Note that the engine has the batch but for what it ``refused``, and now holds so many ``documents``.

    Only rows that still have the version that was told are done with. Answers prepared from the engine's
    state before are outdated: the territories' versions grow. Raises :class:`Superseded`.
    """
    row = await holding.check(session, hold)
    row.acknowledged, row.documents = batch.number, documents
    await session.flush()
    # Before the pending rows: writers hold a territory first and a pending row after.
    await territories.bump_public_versions(session, sorted(batch.places))
    told = [each for each in batch.versions if each not in refused]
    named = {"kind": batch.kind.value, "ids": told, "versions": [batch.versions[each] for each in told]}
    await session.execute(_TOLD, named)
    if refused:
        named = {
            "kind": batch.kind.value,
            "ids": list(refused),
            "versions": [batch.versions[each] for each in refused],
        }
        errors = [message[:_LONGEST_ERROR] for message in refused.values()]
        await session.execute(_REFUSED, {**named, "errors": errors})


async def tell_again(session: AsyncSession, kind: SearchKind, ids: Collection[uuid.UUID]) -> None:
    """Note documents whose last word came, maybe, from a holder whose time was over."""
    await indexing.outdated(session, kind, ids)


async def refusals(session: AsyncSession, kind: SearchKind, limit: int) -> list[SearchPending]:
    """Return documents that the engine does not take as they are, the oldest first."""
    query = (
        select(SearchPending)
        .where(SearchPending.kind == kind, SearchPending.error.is_not(None))
        .order_by(SearchPending.version)
        .limit(limit)
    )
    return list(await session.scalars(query))


async def show_everywhere_again(session: AsyncSession) -> None:
    """Outdate every answer prepared from the index there was before: another has taken its place."""
    await territories.bump_public_versions(session, list(await session.scalars(select(Territory.id))))
