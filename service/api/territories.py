"""Territories: what the public sees of them, and how a key changes them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import (
    After,
    ExpectedVersion,
    Limit,
    PageCursors,
    Permitted,
    ReadSession,
    WriteSession,
    entity_tag,
    not_modified,
    require_version,
    version_tag,
)
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.lane.marking import ANYTHING, storable
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import territories
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.territories import TerritoryCreate, TerritoryRead, TerritoryUpdate

router = APIRouter(prefix="/v1", tags=["Territories"], route_class=IdempotentRoute)
_SCOPE = "territories"


@router.get(
    "/territories",
    response_model=Page[TerritoryRead],
    responses=problems(404) | {304: {"description": "Not modified"}},
)
async def list_territories(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    limit: Limit = 50,
    after: After = None,
    parent: Annotated[Slug | None, Query(description="Only territories inside this one.")] = None,
) -> Page[TerritoryRead] | Response:
    """List the territories, by slug.

    Example: `GET /v1/territories?parent=auvergne-rhone-alpes&limit=20`
    """
    filters = {"parent": parent}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await territories.list_territories(
        session, after=start[0] if start else None, limit=limit + 1, parent=parent
    )
    page = next_page(
        request, response, cursors, found, limit, key=lambda item: [item.slug], scope=_SCOPE, filters=filters
    )
    etag = entity_tag([item.model_dump(mode="json") for item in page.items], page.next)
    response.headers["ETag"] = etag
    storable(request, ANYTHING)
    return not_modified(request, etag) or page


@router.get(
    "/territories/{slug}",
    response_model=TerritoryRead,
    responses=problems(404) | {304: {"description": "Not modified"}},
)
async def get_territory(
    request: Request, response: Response, session: ReadSession, slug: Slug
) -> TerritoryRead | Response:
    """Read one territory with its brand: name, promise, values, colours, logo, languages, contacts.

    Example: `GET /v1/territories/pays-des-sources`
    """
    territory = await territories.read_territory(session, slug)
    etag = version_tag(territory.version)
    response.headers["ETag"] = etag
    storable(request, ANYTHING)
    return not_modified(request, etag) or territory


@router.post("/territories", status_code=201, dependencies=[Idempotent], responses=problems(404, 409))
async def create_territory(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("territory.create"))],
    data: TerritoryCreate,
) -> TerritoryRead:
    """Make a territory inside one of yours.

    Its communes are worked out at once from the coverage you declare.
    """
    territory = await territories.create_territory(session, actor, data)
    response.headers["ETag"] = version_tag(territory.version)
    response.headers["Location"] = f"/v1/territories/{territory.slug}"
    return territory


@router.patch("/territories/{slug}", responses=problems(404, 412, 428))
async def update_territory(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("territory.update"))],
    slug: Slug,
    expected: ExpectedVersion,
    data: TerritoryUpdate,
) -> TerritoryRead:
    """Change a territory: its name, brand, coverage or features. What you leave out stays."""
    territory = await territories.lock_territory(session, actor, slug)
    require_version(territory.version, expected)
    changed = await territories.update_territory(session, actor, territory, data)
    response.headers["ETag"] = version_tag(changed.version)
    return changed
