"""Live feeds fetched when they are due, and groups of near-duplicates kept right as postings come and go."""

import logging

import structlog

from service.adapters.france_travail import Access, FeedQuery, FranceTravailClient
from service.core.database import AsyncSession
from service.core.errors import Conflict
from service.core.settings import Settings
from service.domain import feeds, imports, publication
from service.domain.access import system
from service.domain.feeds import Wanted
from service.jobs.work import Scope, TaskFacts, Work, handler
from service.schemas.feed import FeedBatch, FeedError
from service.schemas.feeds import ImportState

_LIVE = imports.Provenance("live")
_NO_CREDENTIALS = (
    "France Travail's credentials are missing: set FRANCE_TRAVAIL_CLIENT_ID and "
    "FRANCE_TRAVAIL_CLIENT_SECRET, given at francetravail.io for the API “Offres d'emploi”."
)
_NO_AREA = "There is no area to ask for: the territory covers no commune, and the feed names none."

log = structlog.get_logger(__name__)


@handler(timeout_seconds=60, coalesce=True, scope=Scope.EVERYWHERE)
async def start_due_feeds(work: Work, _task: TaskFacts) -> None:
    """Start the reading of every live feed whose time has come."""
    async with work.database.transaction() as session:
        started = await feeds.start_due(session, system("feeds"))
    if started:
        log.info("feeds.due", count=started)


@handler(max_attempts=4, timeout_seconds=1800, coalesce=True, scope=Scope.TERRITORY)
async def fetch_feed(work: Work, task: TaskFacts) -> None:
    """Read a live feed and bring its territory's postings in line with it.

    A source that refuses or fails gives a report that says so, and another reading within the hour.
    """
    assert task.subject_id is not None  # noqa: S101 - every event that leads here is about a feed
    feed_id = task.subject_id
    try:
        async with work.database.transaction() as session:
            wanted = await feeds.wanted(session, feed_id)
            if wanted is None:
                return
            await _require_communes(session)
        batch = await _fetch(wanted, work.settings)
    except FeedError as error:
        await imports.record_failure(work.database, feed_id, error.reason, _LIVE)
        async with work.database.transaction() as session:
            await feeds.hasten(session, feed_id)
        return
    report = await imports.import_items(work.database, imports.importer(wanted.source), feed_id, batch, _LIVE)
    log.log(
        logging.WARNING if report.state is ImportState.PARTIAL else logging.INFO,
        "feed.imported",
        feed_id=str(feed_id),
        report_id=str(report.id),
        state=report.state.value,
        message=report.message,
        **report.counts.model_dump(exclude_defaults=True),
    )


async def _require_communes(session: AsyncSession) -> None:
    try:
        await imports.require_communes(session)
    except Conflict as problem:
        raise FeedError(problem.detail) from problem


async def _fetch(wanted: Wanted, settings: Settings) -> FeedBatch:
    """Return all that the source lists. No transaction is open meanwhile. Raises ``FeedError``."""
    if not (wanted.departements or wanted.communes or wanted.region):
        raise FeedError(_NO_AREA)
    if settings.france_travail_client_id is None or settings.france_travail_client_secret is None:
        raise FeedError(_NO_CREDENTIALS)
    access = Access(
        client_id=settings.france_travail_client_id,
        client_secret=settings.france_travail_client_secret.get_secret_value(),
        token_url=settings.france_travail_token_url,
        base_url=settings.france_travail_api_url,
    )
    query = FeedQuery(
        departements=wanted.departements,
        communes=wanted.communes,
        region=wanted.region,
        criteria=wanted.parameters,
    )
    async with FranceTravailClient(access) as client:
        return await client.read(query, progress=_tell)


def _tell(received: int, expected: int | None) -> None:
    log.debug("feed.reading", received=received, expected=expected)


@handler(timeout_seconds=60, coalesce=True, scope=Scope.TERRITORY)
async def regroup_posting(work: Work, task: TaskFacts) -> None:
    """Group a posting with its near-duplicates, or let another of its group be shown in its stead."""
    if task.subject_id is None or task.territory_id is None or imports.is_grouped(task.data):
        return
    async with work.database.transaction() as session:
        changed = await imports.regroup(session, task.territory_id, [task.subject_id])
        await publication.refresh(session, changed)
