"""Employers: establishments that recruit."""

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
from service.domain import employers
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.employers import EmployerCreate, EmployerRead, EmployerUpdate, Siret

router = APIRouter(prefix="/v1", tags=["Employers"], route_class=IdempotentRoute)
_SCOPE = "employers"


@router.get("/employers", responses=problems(404))
async def list_employers(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("employer.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    siret: Annotated[Siret | None, Query(description="Only the establishment with this SIRET.")] = None,
) -> Page[EmployerRead]:
    """List the employers you may see, in the order they were made.

    Example: `GET /v1/employers?territory=pays-des-sources&siret=73282932000074`
    """
    filters = {"territory": territory, "siret": siret}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await employers.list_employers(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        siret=siret,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.post("/employers", status_code=201, dependencies=[Idempotent], responses=problems(404, 409))
async def create_employer(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("employer.create"))],
    data: EmployerCreate,
) -> EmployerRead:
    """Register an employer by the SIRET of its establishment.

    The SIRET's check digits are verified (La Poste's own rule included). A SIRET the territory has
    already answers 409 with the `employer_id` to use.
    """
    employer = await employers.create_employer(session, actor, data)
    response.headers["ETag"] = version_tag(employer.version)
    response.headers["Location"] = f"/v1/employers/{employer.id}"
    return await employers.read(session, employer)


@router.get("/employers/{employer_id}", responses=problems(404))
async def get_employer(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("employer.read"))],
    employer_id: UUID,
) -> EmployerRead:
    """Read one employer, its private contact included."""
    employer = await employers.get_employer(session, actor, employer_id)
    response.headers["ETag"] = version_tag(employer.version)
    return await employers.read(session, employer)


@router.patch("/employers/{employer_id}", responses=problems(404, 412, 428))
async def update_employer(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("employer.update"))],
    employer_id: UUID,
    expected: ExpectedVersion,
    data: EmployerUpdate,
) -> EmployerRead:
    """Change an employer. Its public postings show the new name and addresses within seconds."""
    employer = await employers.get_employer(session, actor, employer_id, "employer.update")
    require_version(employer.version, expected)
    employer = await employers.update_employer(session, actor, employer, data)
    response.headers["ETag"] = version_tag(employer.version)
    return await employers.read(session, employer)
