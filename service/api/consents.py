"""Consents: what a person agreed to, given and taken back alike; and a parent's word for a child."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import (
    After,
    Keys,
    Limit,
    PageCursors,
    Permitted,
    PreferredLanguage,
    ReadSession,
    WriteSession,
)
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import consents
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.privacy import (
    ConsentCreate,
    ConsentRead,
    GuardianDecisionCreate,
    GuardianDecisionRead,
    PurposeName,
)

router = APIRouter(prefix="/v1", tags=["Privacy"], route_class=IdempotentRoute)
_SCOPE = "consents"


@router.get("/me/consents", responses=problems(404))
async def list_my_consents(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("consent.read"))],
    limit: Limit = 50,
    after: After = None,
) -> Page[ConsentRead]:
    """List what the person agreed to, newest first, withdrawn consents too; `counts` tells what holds now.

    Example: `GET /v1/me/consents` with `Authorization: Bearer ancrage_at_…`
    """
    start = start_after(cursors, after, scope=_SCOPE, filters={})
    found = await consents.list_consents(
        session, actor, after=UUID(start[0]) if start else None, limit=limit + 1
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters={}
    )


@router.post("/me/consents", status_code=201, dependencies=[Idempotent], responses=problems(404, 429))
async def give_consent(
    response: Response,
    session: WriteSession,
    keyring: Keys,
    actor: Annotated[Actor, Depends(Permitted("consent.give"))],
    language: PreferredLanguage,
    data: ConsentCreate,
) -> ConsentRead:
    """Keep the person's yes to one purpose, in the very text you showed (`GET /v1/purposes`).

    A consent that stands already in this text stays as it was. When a text gets a new version, ask again: the
    new consent takes the place of the old. Of a person under 15 (`birth_date` at `/v1/me`) it waits for the
    parent, who gets a mail at `guardian_email`: `counts` is false until then.

    Example body: `{"purpose": "matching", "text_version": "1", "territory": "pays-des-sources"}`
    """
    response.headers["Location"] = "/v1/me/consents"
    return await consents.give(session, keyring, actor, data, language=language)


@router.delete("/me/consents/{purpose}", status_code=204, responses=problems(404, 409))
async def withdraw_consent(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("consent.withdraw"))],
    purpose: PurposeName,
    territory: Annotated[
        Slug | None, Query(description="Only the consent for this territory. Left out: all of the purpose.")
    ] = None,
) -> None:
    """Take a consent back: nothing new rests on it from now on, and what did is erased within a minute.

    For `matching` that is the person's own profile with every suggestion. Doing it again changes nothing.

    Example: `DELETE /v1/me/consents/matching`
    """
    await consents.withdraw(session, actor, purpose, territory=territory)


@router.post("/consents/guardian-confirmations", dependencies=[Idempotent], responses=problems(404, 409))
async def decide_as_guardian(session: WriteSession, data: GuardianDecisionCreate) -> GuardianDecisionRead:
    """Let a parent confirm, decline or take back a child's consent, with the token of the mail they received.

    No key is needed: the token says who may. Ancrage's own page does this at `/consents/guardian/{token}`.

    Example body: `{"token": "ancrage_lk_…", "confirm": true}`
    """
    return await consents.decide_as_guardian(session, data.token, confirm=data.confirm)
