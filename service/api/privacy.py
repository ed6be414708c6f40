"""Personal data: what they serve, one's own in full, their erasure, and requests about them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import HTMLResponse

from service.api.dependencies import (
    After,
    Keys,
    Limit,
    PageCursors,
    Permitted,
    PreferredLanguage,
    ReadSession,
    WriteSession,
    entity_tag,
    not_modified,
    preferences,
    version_tag,
)
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import privacy_requests
from service.domain.access import Actor
from service.domain.privacy import asking, page
from service.domain.privacy.export import export
from service.domain.privacy.reading import list_purposes
from service.schemas.base import Page, Slug
from service.schemas.privacy import (
    ErasureCreate,
    ErasureRead,
    ExportRead,
    PrivacyRequestAnswer,
    PrivacyRequestCreate,
    PrivacyRequestFiled,
    PrivacyRequestRead,
    PurposeList,
    RequestState,
)

router = APIRouter(prefix="/v1", tags=["Privacy"], route_class=IdempotentRoute)
_SCOPE = "privacy-requests"
_HTML = "text/html"


@router.get("/purposes", responses={304: {"description": "You have it already"}}, response_model=PurposeList)
async def get_purposes(request: Request, response: Response, language: PreferredLanguage) -> object:
    """Read what personal data serve, and the texts people consent to, in French or English.

    Show the text of a purpose as it is, and send its `text_version` back with the consent.

    Example: `GET /v1/purposes` with `Accept-Language: en`
    """
    purposes = PurposeList(items=list_purposes(language))
    etag = entity_tag(purposes.model_dump(mode="json"))
    headers = {"Vary": "Accept-Language", "Cache-Control": "public, max-age=3600"}
    if (unchanged := not_modified(request, etag, headers)) is not None:
        return unchanged
    response.headers.update({"ETag": etag} | headers)
    return purposes


@router.get(
    "/me/export",
    response_model=ExportRead,
    responses=problems(404)
    | {
        200: {
            "description": "Everything, as JSON or as a page",
            "content": {_HTML: {"schema": {"type": "string"}}},
        }
    },
)
async def export_my_data(
    request: Request,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("me.export"))],
    language: PreferredLanguage,
) -> object:
    """Give the person everything the platform holds about them: as JSON, or as a page to read.

    `Accept: text/html` gives one document without scripts, in French or English by `Accept-Language`. Secrets
    are named, not shown. The export is noted in the audit trail.

    Example: `GET /v1/me/export` with `Authorization: Bearer ancrage_at_…`
    """
    everything = await export(session, actor, language=language)
    weights = preferences(request.headers.get("accept", ""))
    if weights.get(_HTML, 0.0) > weights.get("application/json", 0.0):
        return HTMLResponse(
            page.render(everything),
            headers={
                "Content-Security-Policy": page.POLICY,
                "Content-Disposition": 'inline; filename="ancrage.html"',
                "Vary": "Accept, Accept-Language",
            },
        )
    return everything


@router.post("/me/erasure", dependencies=[Idempotent], responses=problems(403, 404, 409))
async def erase_my_data(
    session: WriteSession,
    keyring: Keys,
    actor: Annotated[Actor, Depends(Permitted("me.erase"))],
    data: ErasureCreate,  # noqa: ARG001 - sending it is the confirmation
) -> ErasureRead:
    """Erase everything about the person, at once: there is no way back.

    Their account, profile, consents and sessions go; where they were the contact of an employer or posting,
    that contact goes. Counts stay, without a name. It takes a sign-in of the last 15 minutes: otherwise 403
    `recent-sign-in-needed`. A last mail confirms it, then their address is forgotten too.

    Example body: `{"confirm": true}`
    """
    return await asking.erase_me(session, keyring, actor)


@router.post("/privacy-requests", status_code=201, dependencies=[Idempotent], responses=problems(404, 429))
async def create_privacy_request(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("privacy_request.create"))],
    language: PreferredLanguage,
    data: PrivacyRequestCreate,
) -> PrivacyRequestFiled:
    """File what a person asks about their data: to read, mend, erase, limit or take them, or to object.

    The territory's managers answer within a month; a mail confirms the request at once. Send it with your
    publishable or secret key and the person's `email`, or with the token of a person who signed in.

    Example body:

        {"kind": "access", "email": "camille.exemple@example.org", "territory": "pays-des-sources",
         "message": "Que savez-vous de moi ?"}
    """
    request = await privacy_requests.file(session, actor, data, language=language)
    response.headers["Location"] = f"/v1/privacy-requests/{request.id}"
    return PrivacyRequestFiled(id=request.id, due_at=request.due_at)


@router.get("/privacy-requests", responses=problems(404))
async def list_privacy_requests(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("privacy_request.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    state: Annotated[RequestState | None, Query(description="Only those that wait, or ended so.")] = None,
) -> Page[PrivacyRequestRead]:
    """List the requests you may see, newest first: of the territories you manage, and your own.

    Example: `GET /v1/privacy-requests?state=received`
    """
    filters = {"territory": territory, "state": state}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await privacy_requests.list_requests(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        state=state,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.get("/privacy-requests/{request_id}", responses=problems(404))
async def get_privacy_request(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("privacy_request.read"))],
    request_id: UUID,
) -> PrivacyRequestRead:
    """Read one request: what is asked, by whom, until when it must be answered."""
    request = await privacy_requests.get_request(session, actor, request_id)
    response.headers["ETag"] = version_tag(request.version)
    return await privacy_requests.read(session, request)


@router.post("/privacy-requests/{request_id}/answer", dependencies=[Idempotent], responses=problems(404, 409))
async def answer_privacy_request(
    response: Response,
    session: WriteSession,
    keyring: Keys,
    actor: Annotated[Actor, Depends(Permitted("privacy_request.answer"))],
    request_id: UUID,
    data: PrivacyRequestAnswer,
) -> PrivacyRequestRead:
    """Answer or refuse a request; a mail tells whoever made it.

    `answered` to an **erasure** carries it out, for good, wherever the person is known; for somebody who was
    not signed in say `"identity_checked": true`, and if they are known in other territories too, only an
    operator may (409). To **access** and **portability** the mail says to sign in and read the export:
    nothing personal travels by mail.

    Example body: `{"outcome": "answered", "answer": "Votre adresse a été corrigée."}`
    """
    request = await privacy_requests.get_request(session, actor, request_id, "privacy_request.answer")
    request = await privacy_requests.answer(session, keyring, actor, request, data)
    response.headers["ETag"] = version_tag(request.version)
    return await privacy_requests.read(session, request)
