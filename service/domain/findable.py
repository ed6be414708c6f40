"""What the public can find besides postings: its rows in the index, written with the thing itself.

A verb that changes such a thing calls :func:`show` or :func:`hide` in its transaction (docs/search-kinds.md).
"""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import indexing
from service.models import SearchDocument
from service.schemas.search import DocumentFacts, SearchKind
from service.search import transactional_engine


async def show(session: AsyncSession, documents: Sequence[DocumentFacts]) -> list[DocumentFacts]:
    """Make these things of one kind findable, by exactly these facts; return those that changed."""
    if not documents:
        return []
    kind = documents[0].kind
    known = {facts.id: facts for facts in await some(session, kind, [facts.id for facts in documents])}
    changed = [facts for facts in documents if known.get(facts.id) != facts]
    await transactional_engine().index(session, changed)
    await indexing.outdated(session, kind, [facts.id for facts in changed])
    return changed


async def hide(session: AsyncSession, kind: SearchKind, ids: Collection[uuid.UUID]) -> None:
    """Make these things unfindable."""
    await transactional_engine().remove(session, kind, list(ids))
    await indexing.outdated(session, kind, ids)


def _stored(kind: SearchKind) -> Select[SearchDocument]:
    return select(SearchDocument).where(SearchDocument.kind == kind).order_by(SearchDocument.document_id)


async def _facts(session: AsyncSession, query: Select[SearchDocument]) -> list[DocumentFacts]:
    rows = await session.scalars(query.execution_options(populate_existing=True))
    return [
        DocumentFacts(
            kind=SearchKind(row.kind),
            id=row.document_id,
            territory_id=row.territory_id,
            title=row.title,
            published_at=row.published_at,
            description=row.description,
            valid_through=row.valid_through,
            names=tuple(row.names),
            places=tuple(row.places),
            details=tuple(row.details),
        )
        for row in rows
    ]


async def some(session: AsyncSession, kind: SearchKind, ids: Collection[uuid.UUID]) -> list[DocumentFacts]:
    """Return the facts of those of these things that are findable now. Waits for nobody."""
    return await _facts(session, _stored(kind).where(SearchDocument.document_id.in_(ids)))


async def following(
    session: AsyncSession, kind: SearchKind, after: uuid.UUID | None, limit: int
) -> list[DocumentFacts]:
    """Return the facts of the next ``limit`` findable things in order of id, after ``after``."""
    query = _stored(kind).limit(limit)
    return await _facts(session, query if after is None else query.where(SearchDocument.document_id > after))


async def ids(session: AsyncSession, kind: SearchKind) -> set[uuid.UUID]:
    """Return the ids of all findable things of a kind."""
    return set(await session.scalars(select(SearchDocument.document_id).where(SearchDocument.kind == kind)))


async def count(session: AsyncSession, kind: SearchKind) -> int:
    """Return how many things of a kind are findable."""
    return await session.scalar(select(func.count()).where(SearchDocument.kind == kind)) or 0


async def places(session: AsyncSession, kind: SearchKind, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return the territories of those of these things that are findable."""
    rows = await session.scalars(
        select(SearchDocument.territory_id)
        .where(SearchDocument.kind == kind, SearchDocument.document_id.in_(ids))
        .distinct()
    )
    return set(rows)
