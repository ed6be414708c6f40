"""The audit trail: who did and read what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from service.api.dependencies import After, Limit, PageCursors, Permitted, ReadSession
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import audit
from service.domain.access import Actor
from service.schemas.audit import Action, ActorName, AuditEntryRead
from service.schemas.base import Page, Slug

router = APIRouter(prefix="/v1", tags=["Audit trail"])
_SCOPE = "audit-entries"


@router.get("/audit-entries", responses=problems(404))
async def list_audit_entries(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    reader: Annotated[Actor, Depends(Permitted("audit.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    actor: Annotated[ActorName | None, Query(description="Only what this person or program did.")] = None,
    object_id: Annotated[UUID | None, Query(description="Only what concerns this object alone.")] = None,
    action: Annotated[
        Action | None,
        Query(
            description="Only this, written `noun.verb`: `candidate.read`, `key.created`.",
            examples=["candidate.read"],
        ),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="From this moment on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment.")] = None,
) -> Page[AuditEntryRead]:
    """List who changed or read what in your territory and those inside it, newest first.

    Every change leaves an entry, and so does every reading of what concerns other persons: candidates,
    contacts, members, requests. A person's reading of their own data leaves none. Say why you look, in the
    header `Ancrage-Reason`: it becomes an entry itself.

    Example: `GET /v1/audit-entries?action=candidate.read&since=2026-01-01T00:00:00Z` with
    `Ancrage-Reason: A candidate asks who has read their profile`
    """
    wanted = audit.Wanted(territory, actor, object_id, action, since, until)
    filters = wanted.facts()
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await audit.list_entries(
        session, reader, wanted, after=audit.Position.of(start) if start else None, limit=limit + 1
    )
    page = next_page(
        request,
        response,
        cursors,
        found,
        limit,
        key=lambda each: each.position,
        scope=_SCOPE,
        filters=filters,
    )
    return Page(items=[each.entry for each in page.items], next=page.next)
