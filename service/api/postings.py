"""Postings as those who manage them see them: drafts, changes, the verbs of their life."""

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
from service.domain import postings
from service.domain.access import Actor
from service.models.enums import PostingState
from service.schemas.base import Page, Slug
from service.schemas.postings import PostingChangeRead, PostingCreate, PostingRead, PostingUpdate

router = APIRouter(prefix="/v1", tags=["Postings"], route_class=IdempotentRoute)
Publisher = Annotated[Actor, Depends(Permitted("posting.publish"))]


@router.get("/postings", responses=problems(404))
async def list_postings(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("posting.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    employer_id: UUID | None = None,
    state: PostingState | None = None,
    source: Annotated[
        str | None, Query(max_length=40, description="`ancrage` for those entered here, or a feed's source.")
    ] = None,
) -> Page[PostingRead]:
    """List the postings you manage, in whatever state, newest first.

    The public's list is `GET /v1/territories/{slug}/postings`.

    Example: `GET /v1/postings?employer_id=…&state=draft`
    """
    filters = {"territory": territory, "employer_id": employer_id, "state": state, "source": source}
    start = start_after(cursors, after, scope="postings", filters=filters)
    found = await postings.list_postings(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        employer_id=employer_id,
        state=state,
        source=source,
    )
    return next_page(
        request,
        response,
        cursors,
        found,
        limit,
        key=lambda item: [item.id],
        scope="postings",
        filters=filters,
    )


@router.post("/postings", status_code=201, dependencies=[Idempotent], responses=problems(404))
async def create_posting(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("posting.create"))],
    data: PostingCreate,
) -> PostingRead:
    """Make a draft. An employer and a title suffice to begin; publishing says all that is still missing.

    Example body:

        {"employer_id": "0190…", "title": "Boulanger / Boulangère", "occupation_code": "D1102",
         "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries…",
         "contract": {"kind": "permanent", "working_time": "full_time", "weekly_hours": 35},
         "salary": {"min": 1950, "max": 2200, "unit": "month"},
         "place": {"commune_code": "07019"}, "apply": {"email": "emploi@fournil.example.org"},
         "valid_through": "2027-03-31T22:00:00Z"}
    """
    posting = await postings.create_posting(session, actor, data)
    response.headers["ETag"] = version_tag(posting.version)
    response.headers["Location"] = f"/v1/postings/{posting.id}"
    return await postings.read(session, posting)


@router.get("/postings/{posting_id}", responses=problems(404))
async def get_posting(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("posting.read"))],
    posting_id: UUID,
) -> PostingRead:
    """Read one posting you manage. Its `ETag` is what `If-Match` wants when you change it."""
    posting = await postings.get_posting(session, actor, posting_id)
    response.headers["ETag"] = version_tag(posting.version)
    return await postings.read(session, posting)


@router.patch("/postings/{posting_id}", responses=problems(404, 409, 412, 428))
async def update_posting(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("posting.update"))],
    posting_id: UUID,
    expected: ExpectedVersion,
    data: PostingUpdate,
) -> PostingRead:
    """Change a posting. What you leave out stays; `null` empties; parts such as `salary` are replaced whole.

    A published posting must stay complete: otherwise 422 lists what would be missing, and nothing changes.
    Postings that come from a feed answer 409: their source rewrites them.
    """
    posting = await postings.get_posting(session, actor, posting_id, "posting.update")
    require_version(posting.version, expected)
    posting = await postings.update_posting(session, actor, posting, data)
    response.headers["ETag"] = version_tag(posting.version)
    return await postings.read(session, posting)


async def _change_state(
    response: Response, session: WriteSession, actor: Actor, posting_id: UUID, transition: postings.Transition
) -> PostingRead:
    posting = await postings.get_posting(session, actor, posting_id, "posting.publish")
    posting = await postings.change_state(session, actor, posting, transition)
    response.headers["ETag"] = version_tag(posting.version)
    return await postings.read(session, posting)


@router.post("/postings/{posting_id}/publish", dependencies=[Idempotent], responses=problems(404, 409))
async def publish_posting(
    response: Response, session: WriteSession, actor: Publisher, posting_id: UUID
) -> PostingRead:
    """Show a posting to the public: a draft, a paused or an expired one.

    An incomplete posting answers 422 with everything that is missing at once, each with its JSON pointer.
    """
    return await _change_state(response, session, actor, posting_id, postings.PUBLISH)


@router.post("/postings/{posting_id}/pause", dependencies=[Idempotent], responses=problems(404, 409))
async def pause_posting(
    response: Response, session: WriteSession, actor: Publisher, posting_id: UUID
) -> PostingRead:
    """Hide a published posting for a while; publish it again when you like."""
    return await _change_state(response, session, actor, posting_id, postings.PAUSE)


@router.post("/postings/{posting_id}/fill", dependencies=[Idempotent], responses=problems(404, 409))
async def fill_posting(
    response: Response, session: WriteSession, actor: Publisher, posting_id: UUID
) -> PostingRead:
    """Say that someone was hired. The posting leaves the public's view for good."""
    return await _change_state(response, session, actor, posting_id, postings.FILL)


@router.post("/postings/{posting_id}/withdraw", dependencies=[Idempotent], responses=problems(404, 409))
async def withdraw_posting(
    response: Response, session: WriteSession, actor: Publisher, posting_id: UUID
) -> PostingRead:
    """Take a posting back for good, without a hire.

    An imported one stays off even if its source keeps listing it.
    """
    return await _change_state(response, session, actor, posting_id, postings.WITHDRAW)


@router.get("/postings/{posting_id}/changes", responses=problems(404))
async def list_posting_changes(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("posting.read"))],
    posting_id: UUID,
    limit: Limit = 50,
    after: After = None,
) -> Page[PostingChangeRead]:
    """Read a posting's history, oldest first: who changed what, from which value to which."""
    filters = {"posting_id": posting_id}
    start = start_after(cursors, after, scope="posting-changes", filters=filters)
    posting = await postings.get_posting(session, actor, posting_id)
    rows = await postings.list_changes(
        session, posting, after=UUID(start[0]) if start else None, limit=limit + 1
    )
    found = [PostingChangeRead.model_validate(row) for row in rows]
    return next_page(
        request,
        response,
        cursors,
        found,
        limit,
        key=lambda item: [item.id],
        scope="posting-changes",
        filters=filters,
    )
