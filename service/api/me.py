"""My account: the person whose token is sent, their roles, where they are signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from service.api.dependencies import (
    After,
    ExpectedVersion,
    Limit,
    PageCursors,
    Permitted,
    Session,
    require_version,
    version_tag,
)
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import persons, sessions
from service.domain.access import Actor
from service.schemas.base import Page
from service.schemas.persons import MeRead, PersonUpdate, SessionRead

router = APIRouter(prefix="/v1", tags=["My account"])
_SCOPE = "sessions"


@router.get("/me", responses=problems(404))
async def get_me(
    response: Response, session: Session, actor: Annotated[Actor, Depends(Permitted("me.read"))]
) -> MeRead:
    """Read the person whose access token you send, with the roles they hold now and where.

    Example: `GET /v1/me` with `Authorization: Bearer ancrage_at_…`
    """
    person = await persons.get_me(session, actor)
    response.headers["ETag"] = version_tag(person.version)
    return await persons.read_me(session, person)


@router.patch("/me", responses=problems(404, 409, 412, 428))
async def update_me(
    response: Response,
    session: Session,
    actor: Annotated[Actor, Depends(Permitted("me.update"))],
    expected: ExpectedVersion,
    data: PersonUpdate,
) -> MeRead:
    """Change what the person tells of themselves. What you leave out stays, `null` empties.

    Example: `{"given_name": "Camille", "language": "en"}`. The address is not changed here: signing in with
    another one makes another person.
    """
    person = await persons.get_me(session, actor, "me.update")
    require_version(person.version, expected)
    person = await persons.update_me(session, actor, person, data)
    response.headers["ETag"] = version_tag(person.version)
    return await persons.read_me(session, person)


@router.get("/me/sessions", responses=problems(404))
async def list_my_sessions(
    request: Request,
    response: Response,
    session: Session,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("session.read"))],
    limit: Limit = 50,
    after: After = None,
) -> Page[SessionRead]:
    """List the devices and browsers the person is signed in on, newest first; `current` marks this one.

    Example: `GET /v1/me/sessions`
    """
    start = start_after(cursors, after, scope=_SCOPE, filters={})
    found = await sessions.list_sessions(
        session, actor, after=UUID(start[0]) if start else None, limit=limit + 1
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters={}
    )


@router.delete("/me/sessions", status_code=204)
async def delete_my_other_sessions(
    session: Session, actor: Annotated[Actor, Depends(Permitted("session.revoke"))]
) -> None:
    """Sign the person out everywhere but here, at once.

    Example: `DELETE /v1/me/sessions`, after a device was lost.
    """
    await sessions.revoke_others(session, actor)


@router.delete("/me/sessions/{session_id}", status_code=204, responses=problems(404))
async def delete_my_session(
    session: Session,
    actor: Annotated[Actor, Depends(Permitted("session.revoke"))],
    session_id: UUID,
) -> None:
    """Sign the person out on one device, at once; the present one too, if you name it."""
    await sessions.revoke_own(session, actor, session_id)
