"""What an engine outside PostgreSQL is still to be told, noted in the transaction that changes it."""

import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.reach import elevated
from service.domain.events import record
from service.models import SEARCH_VERSIONS, SearchFeed, SearchPending
from service.schemas.search import SearchKind

OUTDATED: Final = "search.outdated"
"""The event after which ``jobs.search`` tells the engine. One subject, so that waiting ones become one."""

FEED_SUBJECT: Final = uuid.UUID("5ea4c400-0000-7000-8000-000000000000")
_NOTED: Final = "search_outdated"


async def outdated(session: AsyncSession, kind: SearchKind, ids: Collection[uuid.UUID]) -> None:
    """Note that the engine outside must be told of these documents again, or that they are gone.

    Nothing is noted while no such engine is in use.
    """
    if not ids or not await session.scalar(select(func.count()).where(SearchFeed.kind == kind)):
        return
    statement = insert(SearchPending)
    again = statement.on_conflict_do_update(
        index_elements=["kind", "document_id"],
        set_={"version": SEARCH_VERSIONS.next_value(), "attempts": 0, "error": None},
    )
    # Tenants have no business in the platform's own list.
    async with elevated(session):
        await session.execute(again, [{"kind": kind, "document_id": each} for each in sorted(ids)])
    if not session.info.get(_NOTED):
        session.info[_NOTED] = True
        record(session, OUTDATED, actor="system:search", subject_id=FEED_SUBJECT, audited=False)
