"""Feeds of postings coming in, and what each of their imports did."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import (
    After,
    ExpectedVersion,
    Limit,
    PageCursors,
    Permitted,
    ReadSession,
    WriteSession,
    require_version,
    version_tag,
)
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import feeds, imports
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.feeds import (
    FeedCreate,
    FeedRead,
    FeedUpdate,
    ImportReportRead,
    ImportReportSummary,
    ImportRequested,
    ImportState,
)

router = APIRouter(prefix="/v1", tags=["Feeds"], route_class=IdempotentRoute)
_FEEDS = "feeds"
_REPORTS = "import-reports"


@router.get("/feeds", responses=problems(404))
async def list_feeds(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("feed.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
) -> Page[FeedRead]:
    """List the feeds you may see, in the order they were made.

    Watch `stale`: the sources' terms ask for a refresh at least every 24 hours.

    Example: `GET /v1/feeds?territory=pays-des-sources`
    """
    filters = {"territory": territory}
    start = start_after(cursors, after, scope=_FEEDS, filters=filters)
    found = await feeds.list_feeds(
        session, actor, after=UUID(start[0]) if start else None, limit=limit + 1, territory=territory
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_FEEDS, filters=filters
    )


@router.post("/feeds", status_code=201, dependencies=[Idempotent], responses=problems(404, 409))
async def create_feed(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("feed.create"))],
    data: FeedCreate,
) -> FeedRead:
    """Make a feed that brings a source's postings into a territory.

    A `live` feed is fetched at once, then every `interval_minutes`; the operator gives the platform its
    credentials at the source. A feed that is not live takes files, by `ancrage import postings --feed NAME`.

    For instance:

        {"territory": "ardeche", "name": "Ardèche", "live": true, "interval_minutes": 360,
         "criteria": {"departements": ["07"]}}
    """
    feed = await feeds.create_feed(session, actor, data)
    response.headers["ETag"] = version_tag(feed.version)
    response.headers["Location"] = f"/v1/feeds/{feed.id}"
    return await feeds.read(session, feed)


@router.get("/feeds/{feed_id}", responses=problems(404))
async def get_feed(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("feed.read"))],
    feed_id: UUID,
) -> FeedRead:
    """Read one feed. Its `ETag` is what `If-Match` wants when you change it."""
    feed = await feeds.get_feed(session, actor, feed_id)
    response.headers["ETag"] = version_tag(feed.version)
    return await feeds.read(session, feed)


@router.patch("/feeds/{feed_id}", responses=problems(404, 409, 412, 428))
async def update_feed(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("feed.update"))],
    feed_id: UUID,
    expected: ExpectedVersion,
    data: FeedUpdate,
) -> FeedRead:
    """Change a feed. What you leave out stays; `criteria` is replaced whole.

    Switching a feed off leaves its postings as they are. One that becomes live, or asks for something
    else, is fetched at once.
    """
    feed = await feeds.get_feed(session, actor, feed_id, "feed.update")
    require_version(feed.version, expected)
    feed = await feeds.update_feed(session, actor, feed, data)
    response.headers["ETag"] = version_tag(feed.version)
    return await feeds.read(session, feed)


@router.post(
    "/feeds/{feed_id}/imports", status_code=202, dependencies=[Idempotent], responses=problems(404, 409)
)
async def request_import(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("import.create"))],
    feed_id: UUID,
) -> ImportRequested:
    """Ask for a live feed to be fetched now. The answer does not wait for it.

    Look for the report at the `Location` of the answer; it is `running`, then `done`, `partial` or `failed`.
    """
    feed = await feeds.get_feed(session, actor, feed_id, "import.create")
    requested = await feeds.request_import(session, actor, feed)
    response.headers["Location"] = f"/v1/import-reports?feed={feed.id}"
    return requested


@router.get("/import-reports", responses=problems(404))
async def list_import_reports(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("import.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    feed: Annotated[UUID | None, Query(description="Only the imports of this feed.")] = None,
    state: Annotated[ImportState | None, Query(description="Only imports that went so.")] = None,
) -> Page[ImportReportSummary]:
    """List what imports did, the latest first. Every item is accounted for in `counts`.

    `partial` means that what came was imported but nothing was withdrawn; `message` says why.

    Example: `GET /v1/import-reports?territory=pays-des-sources&state=partial`
    """
    filters = {"territory": territory, "feed": feed, "state": state}
    start = start_after(cursors, after, scope=_REPORTS, filters=filters)
    found = await imports.list_reports(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        feed_id=feed,
        state=state,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_REPORTS, filters=filters
    )


@router.get("/import-reports/{report_id}", responses=problems(404))
async def get_import_report(
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("import.read"))],
    report_id: UUID,
) -> ImportReportRead:
    """Read one import's report, with the items that could not be used and why.

    A `rejection` cost the item, a `note` one optional field of it; `pointer` says where in the source's
    item. Contact data never appears here.
    """
    return await imports.get_report(session, actor, report_id)
