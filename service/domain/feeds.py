"""Feeds of a territory: what to ask a source for, how often, and which are due."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Invalid
from service.core.ids import new_id
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.events import record
from service.models import Commune, Feed, FeedListing, ImportReport, Territory, TerritoryCommune
from service.schemas.feeds import (
    FeedCreate,
    FeedCriteria,
    FeedRead,
    FeedUpdate,
    ImportRequested,
    ImportState,
    LastImport,
)

# What the sources' terms ask for: a refresh at least every 24 hours.
LONGEST_REST: Final = timedelta(hours=24)
# A reading that failed is tried again this soon, however long the feed's own interval.
_AFTER_FAILURE: Final = timedelta(minutes=60)
_READ: Final = (ImportState.DONE.value, ImportState.PARTIAL.value)


async def list_feeds(
    session: AsyncSession, actor: Actor, *, after: uuid.UUID | None, limit: int, territory: str | None = None
) -> Sequence[FeedRead]:
    """Return up to ``limit`` feeds in the order they were made, after the id ``after``."""
    query = select(Feed).where(allowed(actor, "feed.read", Feed)).order_by(Feed.id).limit(limit)
    if after is not None:
        query = query.where(Feed.id > after)
    if territory is not None:
        holder = await require_territory(session, actor, "feed.read", territory)
        inside = select(Territory.id).where(Territory.lineage.contains([holder.id]))
        query = query.where(Feed.territory_id.in_(inside))
    return await _read(session, list(await session.scalars(query)))


async def get_feed(session: AsyncSession, actor: Actor, feed_id: uuid.UUID, to: str = "feed.read") -> Feed:
    """Return a feed at which the actor holds the permission ``to``, locked unless it is a read.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    return await obtain(
        session,
        actor,
        Feed,
        feed_id,
        to,
        reading="feed.read",
        missing=f"There is no feed {feed_id} among those you may see.",
    )


async def read(session: AsyncSession, feed: Feed) -> FeedRead:
    """Return a feed as those who manage it see it."""
    return (await _read(session, [feed]))[0]


async def _read(session: AsyncSession, feeds: Sequence[Feed]) -> list[FeedRead]:
    ids = [feed.id for feed in feeds]
    slugs = await session.execute(
        select(Territory.id, Territory.slug).where(Territory.id.in_({feed.territory_id for feed in feeds}))
    )
    slug_of = {row.id: row.slug for row in slugs}
    listed = await session.execute(
        select(FeedListing.feed_id, func.count().label("listed"))
        .where(FeedListing.feed_id.in_(ids), FeedListing.unlisted_at.is_(None))
        .group_by(FeedListing.feed_id)
    )
    listed_by = {row.feed_id: row.listed for row in listed}
    refreshed = await session.execute(
        select(ImportReport.feed_id, func.max(ImportReport.finished_at).label("at"))
        .where(ImportReport.feed_id.in_(ids), ImportReport.state.in_(_READ))
        .group_by(ImportReport.feed_id)
    )
    refreshed_at = {row.feed_id: row.at for row in refreshed}
    latest = await session.execute(
        select(ImportReport.feed_id, ImportReport.id, ImportReport.state, ImportReport.finished_at)
        .ext(distinct_on(ImportReport.feed_id))
        .where(ImportReport.feed_id.in_(ids))
        .order_by(ImportReport.feed_id, ImportReport.id.desc())
    )
    last_import = {
        row.feed_id: LastImport(report_id=row.id, state=ImportState(row.state), finished_at=row.finished_at)
        for row in latest
    }
    return [
        FeedRead(
            id=feed.id,
            territory=slug_of[feed.territory_id],
            source=feed.source,
            name=feed.name,
            criteria=FeedCriteria.model_validate(feed.criteria),
            enabled=feed.enabled,
            live=feed.live,
            interval_minutes=feed.interval_minutes,
            floor_percent=feed.floor_percent,
            due_at=feed.due_at,
            listed=listed_by.get(feed.id, 0),
            refreshed_at=refreshed_at.get(feed.id),
            stale=_is_stale(feed, refreshed_at.get(feed.id)),
            last_import=last_import.get(feed.id),
            version=feed.version,
            created_at=feed.created_at,
            updated_at=feed.updated_at,
        )
        for feed in feeds
    ]


def _is_stale(feed: Feed, refreshed_at: datetime | None) -> bool:
    return feed.live and (refreshed_at or feed.created_at) < now() - LONGEST_REST


async def _check(session: AsyncSession, criteria: FeedCriteria) -> None:
    asked = {
        "communes": (criteria.communes, Commune.code),
        "departements": (criteria.departements, Commune.departement_code),
        "region": ([criteria.region] if criteria.region else [], Commune.region_code),
    }
    errors = []
    for name, (codes, column) in asked.items():
        known = (
            set(await session.scalars(select(column).distinct().where(column.in_(codes)))) if codes else set()
        )
        for index, code in enumerate(codes):
            if code not in known:
                pointer = f"/criteria/{name}" + ("" if name == "region" else f"/{index}")
                errors.append(FieldError(pointer, f"INSEE has no code {code} here.", "unknown_code"))
    if errors:
        raise Invalid("Some codes of the criteria are unknown.", errors=errors)


async def create_feed(session: AsyncSession, actor: Actor, data: FeedCreate) -> Feed:
    """Make a feed; a live one is due at once.

    Raises :class:`NotFound` (territory), :class:`Conflict` (name taken), :class:`Invalid` (codes).
    """
    territory = await require_territory(session, actor, "feed.create", data.territory)
    await _check(session, data.criteria)
    values: dict[str, Any] = data.model_dump(exclude={"territory"}) | {
        "id": new_id(),
        "territory_id": territory.id,
        "due_at": now() if data.live and data.enabled else None,
        "version": 1,
    }
    feed: Feed | None = await session.scalar(
        insert(Feed).values(values).on_conflict_do_nothing().returning(Feed)
    )
    if feed is None:
        raise Conflict(
            f"The territory already has a feed “{data.name}” of this source. Choose another name, "
            "or change that one."
        )
    record(session, "feed.created", actor=actor.name, territory_id=territory.id, subject_id=feed.id)
    return feed


async def update_feed(session: AsyncSession, actor: Actor, feed: Feed, data: FeedUpdate) -> Feed:
    """Change what ``data`` names. A feed that becomes live, or asks for something else, is due at once.

    Raises :class:`Conflict` (name taken), :class:`Invalid` (codes).
    """
    values = {name: value for name, value in data.model_dump().items() if value is not None}
    if data.criteria is not None:
        await _check(session, data.criteria)
    if data.name is not None and data.name != feed.name:
        taken = await session.scalar(
            select(Feed.id).where(
                Feed.territory_id == feed.territory_id, Feed.source == feed.source, Feed.name == data.name
            )
        )
        if taken is not None:
            raise Conflict(f"The territory already has a feed “{data.name}” of this source.")
    changed = {name for name, value in values.items() if getattr(feed, name) != value}
    if not changed:
        return feed
    for name in changed:
        setattr(feed, name, values[name])
    feed.version += 1
    if not (feed.live and feed.enabled):
        feed.due_at = None
    elif changed & {"live", "enabled", "criteria"} or feed.due_at is None:
        feed.due_at = now()
    else:
        feed.due_at = min(feed.due_at, now() + timedelta(minutes=feed.interval_minutes))
    await session.flush()
    record(
        session,
        "feed.updated",
        actor=actor.name,
        territory_id=feed.territory_id,
        subject_id=feed.id,
        data={"fields": sorted(changed)},
    )
    return feed


async def request_import(session: AsyncSession, actor: Actor, feed: Feed) -> ImportRequested:
    """Ask for a live import now; a worker does it. Raises :class:`Conflict` unless it is live and enabled."""
    if not feed.live:
        raise Conflict(
            "This feed is not live: its postings come from files, by `ancrage import postings`. "
            "Set `live` to have it fetched."
        )
    if not feed.enabled:
        raise Conflict("This feed is switched off. Set `enabled` first.")
    moment = now()
    _due(session, feed, "feed.import_requested", actor)
    return ImportRequested(feed_id=feed.id, requested_at=moment)


def _due(session: AsyncSession, feed: Feed, kind: str, actor: Actor) -> None:
    record(session, kind, actor=actor.name, territory_id=feed.territory_id, subject_id=feed.id)


async def start_due(session: AsyncSession, actor: Actor) -> int:
    """Record ``feed.due`` for every live feed whose time has come, and when it next is; return how many."""
    moment = now()
    feeds = list(
        await session.scalars(
            select(Feed)
            .where(Feed.live, Feed.enabled, or_(Feed.due_at <= moment, Feed.due_at.is_(None)))
            .order_by(Feed.due_at, Feed.id)
            .with_for_update(skip_locked=True)
        )
    )
    for feed in feeds:
        feed.due_at = moment + timedelta(minutes=feed.interval_minutes)
        _due(session, feed, "feed.due", actor)
    return len(feeds)


async def hasten(session: AsyncSession, feed_id: uuid.UUID) -> None:
    """Bring a feed's next reading forward, after one that failed."""
    feed = await session.get(Feed, feed_id, with_for_update=True)
    if feed is not None and feed.due_at is not None:
        feed.due_at = min(feed.due_at, now() + _AFTER_FAILURE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a live feed asks its source for: areas that add up, and further parameters."""

    source: str
    departements: tuple[str, ...]
    communes: tuple[str, ...]
    region: str | None
    parameters: dict[str, str]


async def wanted(session: AsyncSession, feed_id: uuid.UUID) -> Wanted | None:
    """Return what to fetch for a feed, or None when it is gone, not live or switched off.

    Without areas of its own, a feed asks for its territory's.
    """
    row = (
        await session.execute(
            select(Feed, Territory)
            .join(Territory, Territory.id == Feed.territory_id)
            .where(Feed.id == feed_id)
        )
    ).one_or_none()
    if row is None or not (row[0].live and row[0].enabled):
        return None
    feed, territory = row
    criteria = FeedCriteria.model_validate(feed.criteria)
    if criteria.departements or criteria.communes or criteria.region:
        areas = (tuple(criteria.departements), tuple(criteria.communes), criteria.region)
    else:
        areas = await _areas(session, territory)
    return Wanted(feed.source, *areas, criteria.parameters)


async def _areas(
    session: AsyncSession, territory: Territory
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    """Return the départements a territory declares whole, and its other communes."""
    regions = territory.coverage.get("regions", [])
    departements = set(territory.coverage.get("departements", []))
    departements.update(
        await session.scalars(
            select(Commune.departement_code).distinct().where(Commune.region_code.in_(regions))
        )
    )
    communes = await session.scalars(
        select(Commune.code)
        .join(TerritoryCommune, TerritoryCommune.commune_code == Commune.code)
        .where(
            TerritoryCommune.territory_id == territory.id,
            Commune.departement_code.not_in(departements),
            Commune.obsolete_since.is_(None),
        )
        .order_by(Commune.code)
    )
    return tuple(sorted(departements)), tuple(communes), None
