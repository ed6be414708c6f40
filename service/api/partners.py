"""Partners: organisations that help to welcome."""

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
from service.domain import partners
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.partners import PartnerCreate, PartnerKind, PartnerRead, PartnerUpdate

router = APIRouter(prefix="/v1", tags=["Partners"], route_class=IdempotentRoute)
_SCOPE = "partners"


@router.get("/partners", responses=problems(404))
async def list_partners(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("partner.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    kind: Annotated[PartnerKind | None, Query(description="Only those that help with this.")] = None,
) -> Page[PartnerRead]:
    """List the partners you may see, in the order they were made.

    Example: `GET /v1/partners?territory=pays-des-sources&kind=housing`
    """
    filters = {"territory": territory, "kind": kind}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await partners.list_partners(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        kind=kind,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.post("/partners", status_code=201, dependencies=[Idempotent], responses=problems(404, 409))
async def create_partner(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("partner.create"))],
    data: PartnerCreate,
) -> PartnerRead:
    """Register an organisation a territory works with: landlord, school, health insurer, chamber.

    Example: `{"territory": "pays-des-sources", "name": "Habitat des Sources", "kind": "housing"}`. A name
    the territory has already answers 409 with the `partner_id` to use. Its people come in by
    `POST /v1/invitations`.
    """
    partner = await partners.create_partner(session, actor, data)
    response.headers["ETag"] = version_tag(partner.version)
    response.headers["Location"] = f"/v1/partners/{partner.id}"
    return await partners.read(session, partner)


@router.get("/partners/{partner_id}", responses=problems(404))
async def get_partner(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("partner.read"))],
    partner_id: UUID,
) -> PartnerRead:
    """Read one partner, its private contact included.

    Example: `GET /v1/partners/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d`
    """
    partner = await partners.get_partner(session, actor, partner_id)
    response.headers["ETag"] = version_tag(partner.version)
    return await partners.read(session, partner)


@router.patch("/partners/{partner_id}", responses=problems(404, 409, 412, 428))
async def update_partner(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("partner.update"))],
    partner_id: UUID,
    expected: ExpectedVersion,
    data: PartnerUpdate,
) -> PartnerRead:
    """Change a partner. Its own members may, too.

    Example: `{"contact_phone": "+33 4 75 00 00 00", "url": null}` with `If-Match: "1"`
    """
    partner = await partners.get_partner(session, actor, partner_id, "partner.update")
    require_version(partner.version, expected)
    partner = await partners.update_partner(session, actor, partner, data)
    response.headers["ETag"] = version_tag(partner.version)
    return await partners.read(session, partner)
