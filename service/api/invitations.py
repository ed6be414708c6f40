"""Invitations: offering a role by mail, and taking it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import (
    After,
    Keys,
    Limit,
    PageCursors,
    Permitted,
    ReadSession,
    WriteSession,
)
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import invitations, members
from service.domain.access import Actor
from service.models import RoleGrant
from service.schemas.base import Page, Slug
from service.schemas.members import (
    InvitationAcceptance,
    InvitationCreate,
    InvitationRead,
    InvitationState,
    MemberRead,
)

router = APIRouter(prefix="/v1", tags=["Members"], route_class=IdempotentRoute)
_SCOPE = "invitations"


@router.get("/invitations", responses=problems(404))
async def list_invitations(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("invitation.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[
        Slug | None, Query(description="Only to roles in this territory and those inside it.")
    ] = None,
    employer_id: Annotated[UUID | None, Query(description="Only to this employer.")] = None,
    partner_id: Annotated[UUID | None, Query(description="Only to this partner.")] = None,
    state: Annotated[InvitationState | None, Query(description="`waiting`: can still be accepted.")] = None,
) -> Page[InvitationRead]:
    """List the invitations to places you look after, newest first.

    Example: `GET /v1/invitations?territory=pays-des-sources&state=waiting`
    """
    filters = {
        "territory": territory,
        "employer_id": employer_id,
        "partner_id": partner_id,
        "state": state,
    }
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await invitations.list_invitations(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        employer_id=employer_id,
        partner_id=partner_id,
        state=state,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.post("/invitations", status_code=201, dependencies=[Idempotent], responses=problems(404, 409, 429))
async def create_invitation(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.create"))],
    keyring: Keys,
    data: InvitationCreate,
) -> InvitationRead:
    """Offer a role to an e-mail address. The mail holds a link, good for 14 days and for one person.

    Example: `{"email": "camille@example.org", "role": "concierge_agent", "territory": "pays-des-sources"}`;
    an `employer_member` is named with `employer_id`, a `partner_member` with `partner_id`, an `operator`
    without a place. You give no more than you hold there yourself, for no longer (403, 422), and you must
    still hold it when the person accepts. Offered already: 409 with `invitation_id`; held already: 409 with
    `member_id`.
    """
    invitation = await invitations.create_invitation(session, actor, keyring, data)
    response.headers["Location"] = f"/v1/invitations/{invitation.id}"
    (read,) = await invitations.read(session, [invitation])
    return read


@router.post(
    "/invitations/acceptances",
    status_code=201,
    dependencies=[Idempotent],
    responses=problems(404, 409, 410),
)
async def accept_invitation(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.accept"))],
    data: InvitationAcceptance,
) -> MemberRead:
    """Take the role offered in a mail, as the signed-in person whose address received it.

    Example: `{"token": "ancrage_lk_…"}`, the last part of the link. Somebody else's: 403. Accepted already,
    or whoever invited may no longer give the role: 409. Revoked or expired: 410.
    """
    return await _taken(session, response, await invitations.accept_by_token(session, actor, data.token))


async def _taken(session: WriteSession, response: Response, grant: RoleGrant) -> MemberRead:
    response.headers["Location"] = f"/v1/members/{grant.id}"
    (member,) = await members.read(session, [grant])
    return member


@router.get("/invitations/{invitation_id}", responses=problems(404))
async def get_invitation(
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.read"))],
    invitation_id: UUID,
) -> InvitationRead:
    """Read one invitation to a place you look after, and what became of it.

    Example: `GET /v1/invitations/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d`
    """
    invitation = await invitations.get_invitation(session, actor, invitation_id)
    (read,) = await invitations.read(session, [invitation])
    return read


@router.delete("/invitations/{invitation_id}", status_code=204, responses=problems(404, 409))
async def revoke_invitation(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.revoke"))],
    invitation_id: UUID,
) -> None:
    """Take an invitation back: its link is good for nothing from the answer on.

    Accepted already: 409; `DELETE /v1/members/{grant_id}` takes the role away. Example:
    `DELETE /v1/invitations/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d`
    """
    await invitations.revoke_invitation(session, actor, invitation_id)


@router.post(
    "/invitations/{invitation_id}/resend", dependencies=[Idempotent], responses=problems(404, 409, 429)
)
async def resend_invitation(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.create"))],
    invitation_id: UUID,
) -> InvitationRead:
    """Send the mail again, expired or not, with the same link, good for another 14 days.

    From then on it counts as yours: you must be allowed to give the role. At most every 15 minutes (429 with
    `Retry-After`) and five times in all (409). Example:
    `POST /v1/invitations/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d/resend`
    """
    invitation = await invitations.resend_invitation(session, actor, invitation_id)
    (read,) = await invitations.read(session, [invitation])
    return read


@router.get("/me/invitations")
async def list_my_invitations(
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.accept"))],
) -> Page[InvitationRead]:
    """List what waits for your own address, newest first, all in one page.

    Example: `GET /v1/me/invitations`
    """
    return Page[InvitationRead](items=await invitations.list_own(session, actor), next=None)


@router.post(
    "/me/invitations/{invitation_id}/accept",
    status_code=201,
    dependencies=[Idempotent],
    responses=problems(404, 409, 410),
)
async def accept_my_invitation(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("invitation.accept"))],
    invitation_id: UUID,
) -> MemberRead:
    """Take a role that waits for your own address, without the link.

    Accepted already, or whoever invited may no longer give the role: 409. Revoked or expired: 410. Example:
    `POST /v1/me/invitations/01977f3a-8f2e-7c54-a3c1-5d0f6a1b2c3d/accept`
    """
    return await _taken(session, response, await invitations.accept_own(session, actor, invitation_id))
