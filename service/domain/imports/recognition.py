"""Which feed a file belongs to, when its name does not say: the one whose postings it lists."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import Conflict
from service.domain.access import Actor
from service.domain.events import record
from service.models import Feed, FeedListing, ImportReport, Posting, Territory

SHARE_TO_RECOGNISE: Final = 0.2
"""At least this share of the file's postings must be listed by the feed."""
CLEAR_LEAD: Final = 1.25
"""The likeliest feed must resemble the file this many times more than the next."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A feed, and in a sentence why it is the one."""

    feed: Feed
    why: str


@dataclass(frozen=True, slots=True)
class _Resemblance:
    feed: Feed
    common: int
    listed: int

    def of(self, size: int) -> float:
        """Return the share of common postings in all those of the file and of the feed."""
        return self.common / (self.listed + size - self.common)


async def choose_feed(
    session: AsyncSession,
    actor: Actor,
    territory: Territory,
    source: str,
    source_ids: Collection[str],
    *,
    file_name: str,
    name: str | None = None,
) -> Choice:
    """Return the feed of a file that lists ``source_ids``, made if there is none.

    ``name`` decides when given. Otherwise the territory's feeds from files are compared by what they
    list; a file that resembles none, or two alike, makes a feed named after it. A file of which
    nothing could be read goes to the feed of its own name, or that last came from such a file.
    Raises :class:`Conflict` for a feed that is switched off.
    """
    if name is not None:
        feed, made = await _named(session, actor, territory, source, name)
        return _enabled(Choice(feed, f"Feed “{name}”, {'new' if made else 'as named'}."))
    stem = file_name.rsplit(".", 1)[0].strip() or file_name
    if source_ids:
        choice = await _recognised(session, territory, source, source_ids)
        if choice is not None:
            return _enabled(choice)
    else:
        feed_by_file = await _last_from(session, territory, source, file_name)
        if feed_by_file is not None:
            return _enabled(
                Choice(feed_by_file, f"Feed “{feed_by_file.name}”, last imported from {file_name}.")
            )
    feed, made = await _named(
        session, actor, territory, source, await _free_name(session, territory, source, stem, source_ids)
    )
    why = "new, named after the file" if made else "named like the file"
    return _enabled(Choice(feed, f"Feed “{feed.name}”, {why}."))


def _enabled(choice: Choice) -> Choice:
    if not choice.feed.enabled:
        raise Conflict(f"The feed “{choice.feed.name}” is switched off; switch it on to import into it.")
    return choice


async def _resemblances(
    session: AsyncSession, territory: Territory, source: str, source_ids: Collection[str]
) -> list[_Resemblance]:
    # One array parameter, whatever the size of the file.
    of_file = Posting.source_id == func.any(literal(list(source_ids), ARRAY(Text())))
    rows = await session.execute(
        select(Feed, func.count().filter(of_file), func.count())
        .join(FeedListing, FeedListing.feed_id == Feed.id)
        .join(Posting, Posting.id == FeedListing.posting_id)
        .where(
            Feed.territory_id == territory.id,
            Feed.source == source,
            Feed.live.is_(False),
            FeedListing.unlisted_at.is_(None),
        )
        .group_by(Feed.id)
    )
    return [_Resemblance(feed, common, listed) for feed, common, listed in rows]


async def _recognised(
    session: AsyncSession, territory: Territory, source: str, source_ids: Collection[str]
) -> Choice | None:
    size = len(source_ids)
    found = await _resemblances(session, territory, source, source_ids)
    likely = sorted(
        (one for one in found if one.common >= size * SHARE_TO_RECOGNISE),
        key=lambda one: one.of(size),
        reverse=True,
    )
    if not likely or (len(likely) > 1 and likely[0].of(size) < CLEAR_LEAD * likely[1].of(size)):
        return None
    best = likely[0]
    return Choice(
        best.feed,
        f"Feed “{best.feed.name}”, recognised: it lists {best.common} of the {size} postings of the file.",
    )


async def _last_from(session: AsyncSession, territory: Territory, source: str, file_name: str) -> Feed | None:
    feed: Feed | None = await session.scalar(
        select(Feed)
        .join(ImportReport, ImportReport.feed_id == Feed.id)
        .where(
            Feed.territory_id == territory.id,
            Feed.source == source,
            Feed.live.is_(False),
            ImportReport.origin == f"file:{file_name}",
        )
        .order_by(ImportReport.id.desc())
        .limit(1)
    )
    return feed


async def _free_name(
    session: AsyncSession, territory: Territory, source: str, stem: str, source_ids: Collection[str]
) -> str:
    """Return ``stem``, numbered if a feed of that name lists nothing of what the file does."""
    taken = {
        feed.name: feed
        for feed in await session.scalars(
            select(Feed).where(Feed.territory_id == territory.id, Feed.source == source)
        )
    }
    if stem not in taken or not source_ids:
        return stem
    found = {one.feed.id: one for one in await _resemblances(session, territory, source, source_ids)}
    name, number = stem, 1
    while name in taken and _is_another(taken[name], found):
        number += 1
        name = f"{stem} {number}"
    return name


def _is_another(feed: Feed, found: dict[uuid.UUID, _Resemblance]) -> bool:
    return feed.live or (feed.id in found and not found[feed.id].common)


async def _named(
    session: AsyncSession, actor: Actor, territory: Territory, source: str, name: str
) -> tuple[Feed, bool]:
    """Return the feed of that name and whether it was made just now."""
    made = await session.scalar(
        insert(Feed)
        .values(territory_id=territory.id, source=source, name=name, criteria={})
        .on_conflict_do_nothing()
        .returning(Feed.id)
    )
    feed: Feed = (
        await session.scalars(
            select(Feed).where(Feed.territory_id == territory.id, Feed.source == source, Feed.name == name)
        )
    ).one()
    if made is not None:
        record(session, "feed.created", actor=actor.name, territory_id=territory.id, subject_id=feed.id)
    return feed, made is not None
