"""Whether a candidate, a posting or a tree waits to be matched: a few quick queries, no computing."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.domain.matches import reading
from service.domain.matches.facts import day_of
from service.models import CandidateProfile, MatchedInput, Posting, Territory


async def posting_is_due(session: AsyncSession, root_id: uuid.UUID, posting_id: uuid.UUID) -> bool:
    """Tell whether the posting opened, changed or closed since it was last matched."""
    query = reading.select_postings(root_id, now()).where(Posting.id == posting_id)
    return await _is_due(session, root_id, posting_id, query)


async def candidate_is_due(session: AsyncSession, root_id: uuid.UUID, candidate_id: uuid.UUID) -> bool:
    """Tell whether the profile came, changed, was paused or was erased since it was last matched."""
    query = reading.select_candidates(root_id).where(CandidateProfile.id == candidate_id)
    if await _is_due(session, root_id, candidate_id, query):
        return True
    # An erased profile leaves nothing behind but postings that wait for another in its stead.
    waiting = (
        reading.select_postings(root_id, now())
        .outerjoin(MatchedInput, MatchedInput.subject_id == Posting.id)
        .where(MatchedInput.subject_id.is_(None))
        .limit(1)
    )
    return (await session.execute(waiting)).first() is not None


async def _is_due(
    session: AsyncSession, root_id: uuid.UUID, subject_id: uuid.UUID, query: reading.Query
) -> bool:
    basis = await reading.read_basis(session, root_id)
    rome = await reading.read_rome(session)
    if not basis.holds(rome.digest, day_of(now())):
        return True
    entry = await session.get(MatchedInput, subject_id, populate_existing=True)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return entry is not None
    return entry is None or entry.digest != row.digest


async def list_roots(session: AsyncSession) -> Sequence[uuid.UUID]:
    """Return the outermost territories under which there are candidates."""
    found = await session.scalars(
        select(Territory.lineage[1]).where(Territory.id.in_(select(CandidateProfile.territory_id))).distinct()
    )
    return sorted(found)
