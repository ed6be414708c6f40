"""Reports of imports: opened before the first item, kept up to date, ended with a sentence."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from service.core import metrics
from service.core.clock import now
from service.core.errors import Conflict, NotFound
from service.domain.access import Actor, allowed, require_territory
from service.domain.imports.account import Account
from service.models import Feed, ImportReport, Territory
from service.schemas.feeds import ImportReportRead, ImportReportSummary, ImportState


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an import's items come from.

    ``origin`` is ``file:<name>`` or ``live``, ``checksum`` the file's SHA-256, ``chosen`` a sentence on
    how its feed was chosen.
    """

    origin: str
    checksum: str | None = None
    chosen: str | None = None


INTERRUPTED = "Interrupted: the process ended before the import did. What was imported until then stays."
_SUMMARY = ("id", "feed_id", "source", "origin", "state", "message", "counts", "started_at", "finished_at")


async def open_report(session: AsyncSession, feed: Feed, provenance: Provenance) -> ImportReport:
    """Begin the report of an import. Those that a dead process left open are marked failed."""
    await session.execute(
        update(ImportReport)
        .where(ImportReport.feed_id == feed.id, ImportReport.state == ImportState.RUNNING.value)
        .values(state=ImportState.FAILED.value, message=INTERRUPTED, finished_at=now())
    )
    report = ImportReport(
        territory_id=feed.territory_id,
        feed_id=feed.id,
        source=feed.source,
        origin=provenance.origin,
        state=ImportState.RUNNING.value,
        checksum=provenance.checksum,
        counts={},
        problems=[],
        started_at=now(),
    )
    session.add(report)
    await session.flush()
    return report


async def note_progress(session: AsyncSession, report_id: uuid.UUID, account: Account) -> None:
    """Write the counts so far. Raises :class:`Conflict` when the report is no longer this import's."""
    written = await session.scalar(
        update(ImportReport)
        .where(ImportReport.id == report_id, ImportReport.state == ImportState.RUNNING.value)
        .values(counts=account.counts().model_dump(), problems=account.problems())
        .returning(ImportReport.id)
    )
    if written is None:
        raise Conflict("Another import of this feed has taken over: this one stops here.")


async def close_report(
    session: AsyncSession,
    report_id: uuid.UUID,
    account: Account,
    *,
    state: ImportState,
    message: str | None,
) -> None:
    """End a report that is still running."""
    source = await session.scalar(
        update(ImportReport)
        .where(ImportReport.id == report_id, ImportReport.state == ImportState.RUNNING.value)
        .values(
            state=state.value,
            message=message,
            counts=account.counts().model_dump(),
            problems=account.problems(),
            finished_at=now(),
        )
        .returning(ImportReport.source)
    )
    if source is not None:
        metrics.FEED_IMPORTS.labels(source, state.value).inc()


def readable(actor: Actor) -> Select[ImportReport, str, str]:
    """Return the reports the actor may read, each with its territory's slug and its feed's name."""
    return (
        select(ImportReport, Territory.slug, Feed.name)
        .join(Territory, Territory.id == ImportReport.territory_id)
        .join(Feed, Feed.id == ImportReport.feed_id)
        .where(allowed(actor, "import.read", ImportReport))
    )


async def list_reports(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None = None,
    feed_id: uuid.UUID | None = None,
    state: ImportState | None = None,
) -> Sequence[ImportReportSummary]:
    """Return up to ``limit`` reports, newest first, after the id ``after``. Raises :class:`NotFound`."""
    query = readable(actor).order_by(ImportReport.id.desc()).limit(limit)
    query = query.options(defer(ImportReport.problems))
    if after is not None:
        query = query.where(ImportReport.id < after)
    if feed_id is not None:
        query = query.where(ImportReport.feed_id == feed_id)
    if state is not None:
        query = query.where(ImportReport.state == state.value)
    if territory is not None:
        holder = await require_territory(session, actor, "import.read", territory)
        inside = select(Territory.id).where(Territory.lineage.contains([holder.id]))
        query = query.where(ImportReport.territory_id.in_(inside))
    return [
        ImportReportSummary.model_validate(_values(report, slug, name))
        for report, slug, name in await session.execute(query)
    ]


async def get_report(session: AsyncSession, actor: Actor, report_id: uuid.UUID) -> ImportReportRead:
    """Return one report with its problems. Raises :class:`NotFound`."""
    row = (await session.execute(readable(actor).where(ImportReport.id == report_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no import report {report_id} among those this key may see.")
    report, slug, name = row
    return ImportReportRead.model_validate(
        _values(report, slug, name) | {"checksum": report.checksum, "problems": report.problems}
    )


def _values(report: ImportReport, slug: str, name: str) -> dict[str, object]:
    return {column: getattr(report, column) for column in _SUMMARY} | {"territory": slug, "feed": name}
