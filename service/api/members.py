"""Members: who holds which role."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import After, Limit, PageCursors, Permitted, ReadSession, WriteSession
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import members
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.members import MemberRead

router = APIRouter(prefix="/v1", tags=["Members"])
_SCOPE = "members"


@router.get("/members", responses=problems(404))
async def list_members(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("member.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[
        Slug | None, Query(description="Only roles in this territory and those inside it.")
    ] = None,
    employer_id: Annotated[UUID | None, Query(description="Only members of this employer.")] = None,
    partner_id: Annotated[UUID | None, Query(description="Only members of this partner.")] = None,
) -> Page[MemberRead]:
    """List who holds a role where you look after things, and your own roles, oldest first.

    A manager sees their territory and all inside it; members of an employer or partner see their colleagues.
    Example: `GET /v1/members?territory=pays-des-sources`
    """
    filters = {"territory": territory, "employer_id": employer_id, "partner_id": partner_id}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await members.list_members(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        employer_id=employer_id,
        partner_id=partner_id,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.get("/members/{grant_id}", responses=problems(404))
async def get_member(
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("member.read"))],
    grant_id: UUID,
) -> MemberRead:
    """Read one role that somebody holds now.

    Example: `GET /v1/members/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d`
    """
    return await members.get_member(session, actor, grant_id)


@router.delete("/members/{grant_id}", status_code=204, responses=problems(404, 409))
async def remove_member(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("member.remove"))],
    grant_id: UUID,
) -> None:
    """Take a role away from somebody, or lay down one of your own. From the answer on it allows nothing.

    The person stays signed in, with the roles they have left. Nobody takes away a role that allows more than
    their own (403); the last person who manages a territory, where nobody manages one above it, cannot leave
    (409). Example: `DELETE /v1/members/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d`
    """
    await members.remove_member(session, actor, grant_id)
