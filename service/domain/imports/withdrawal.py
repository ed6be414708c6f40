"""What a feed no longer lists: withdrawn, unless there is reason to doubt the feed."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import publication
from service.domain.imports.account import Unlisted
from service.domain.imports.grouping import GROUPED, regroup
from service.domain.imports.locks import alone_on_groups
from service.domain.imports.storing import Import
from service.domain.postings import WITHDRAW, move
from service.models import FeedListing, Posting
from service.schemas.feed import FeedBatch


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nothing is withdrawn on the word of this feed, and under which name that is counted."""

    kept_as: Unlisted
    sentence: str


def doubt(batch: FeedBatch, *, before: int, still: int, floor_percent: int) -> Doubt | None:
    """Return why the feed is not believed about what it no longer lists; None when it is.

    ``before`` postings were listed, ``still`` of them are. An empty feed is believed only when the
    source itself announced that it has nothing and the floor is 0.
    """
    if not batch.complete:
        reasons = "; ".join(batch.notes) or "its end is missing"
        return Doubt(
            Unlisted.KEPT_INCOMPLETE,
            f"The feed was not read whole, so nothing was withdrawn ({reasons}).",
        )
    if before in {0, still}:
        return None
    if batch.received == 0 and not (batch.expected == 0 and floor_percent == 0):
        return Doubt(
            Unlisted.KEPT_BY_FLOOR,
            f"The feed is empty, so none of the {before} postings it listed was withdrawn.",
        )
    if still * 100 < floor_percent * before:
        return Doubt(
            Unlisted.KEPT_BY_FLOOR,
            f"Only {still} of the {before} postings this feed listed are still in it "
            f"({still / before:.0%}, the floor is {floor_percent}%), so nothing was withdrawn. "
            "If the source really lists so few, import it again with a lower floor.",
        )
    return None


async def open_listings(session: AsyncSession, feed_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Return the postings the feed lists at present, by the source's identifier."""
    rows = await session.execute(
        select(Posting.source_id, Posting.id)
        .join(FeedListing, FeedListing.posting_id == Posting.id)
        .where(FeedListing.feed_id == feed_id, FeedListing.unlisted_at.is_(None))
        .order_by(Posting.id)
    )
    return {source_id: posting_id for source_id, posting_id in rows if source_id is not None}


async def unlist(
    session: AsyncSession, importing: Import, posting_ids: Sequence[uuid.UUID]
) -> Counter[Unlisted]:
    """Note that the feed no longer lists these postings; withdraw those that no other feed lists."""
    await alone_on_groups(session, importing.territory_id)
    await session.execute(
        update(FeedListing)
        .where(
            FeedListing.feed_id == importing.feed_id,
            FeedListing.posting_id.in_(posting_ids),
            FeedListing.unlisted_at.is_(None),
        )
        .values(unlisted_at=importing.moment)
    )
    elsewhere = set(
        await session.scalars(
            select(FeedListing.posting_id).where(
                FeedListing.posting_id.in_(posting_ids), FeedListing.unlisted_at.is_(None)
            )
        )
    )
    postings = await session.scalars(
        select(Posting)
        .where(Posting.id.in_([one for one in posting_ids if one not in elsewhere]))
        .order_by(Posting.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    outcomes: Counter[Unlisted] = Counter({Unlisted.LISTED_ELSEWHERE: len(elsewhere)})
    withdrawn = []
    for posting in postings:
        if posting.state in WITHDRAW.origins:
            move(session, importing.actor, posting, WITHDRAW, GROUPED)
            outcomes[Unlisted.WITHDRAWN] += 1
            withdrawn.append(posting)
        else:
            outcomes[Unlisted.ALREADY_CLOSED] += 1
    regrouped = await regroup(
        session, importing.territory_id, [posting.id for posting in withdrawn], announced=True
    )
    await publication.refresh(session, list({one.id: one for one in (*withdrawn, *regrouped)}.values()))
    return outcomes
