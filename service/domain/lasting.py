"""For how long what the public reads of a territory stays as it is, if nobody changes anything."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.models import PostingIndex, SearchDocument, Territory


async def next_expiry(session: AsyncSession, territory: Territory) -> datetime | None:
    """Return when the next public posting of ``territory``, or of any inside it, expires; None if none will.

    Two moments with the same answer have seen the same postings expire.
    """
    # One look into an index for each territory inside, however many postings it has.
    first = (
        select(PostingIndex.valid_through)
        .where(PostingIndex.territory_id == Territory.id, PostingIndex.valid_through > now())
        .order_by(PostingIndex.valid_through)
        .limit(1)
        .correlate(Territory)
        .scalar_subquery()
    )
    firsts = select(first.label("at")).where(Territory.lineage.contains([territory.id])).subquery()
    found: datetime | None = await session.scalar(select(func.min(firsts.c.at)))
    return found


async def next_expiry_of_anything(session: AsyncSession, territory: Territory) -> datetime | None:
    """Return when the next public thing of any kind expires, as :func:`next_expiry` does for postings."""
    plain: datetime | None = await session.scalar(
        select(func.min(SearchDocument.valid_through))
        .join(Territory, Territory.id == SearchDocument.territory_id)
        .where(Territory.lineage.contains([territory.id]), SearchDocument.valid_through > now())
    )
    return min((moment for moment in (plain, await next_expiry(session, territory)) if moment), default=None)
