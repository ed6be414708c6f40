"""Candidate profiles: what people wish, sent by the site that looks after them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import (
    After,
    ExpectedVersion,
    Limit,
    PageCursors,
    Permitted,
    PreferredLanguage,
    ReadSession,
    WriteSession,
    require_version,
    version_tag,
)
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import candidates
from service.domain.access import Actor
from service.schemas.base import Page, Slug
from service.schemas.candidates import (
    CandidateProfileCreate,
    CandidateProfileRead,
    CandidateProfileUpdate,
    Reference,
)

router = APIRouter(prefix="/v1", tags=["Candidates"], route_class=IdempotentRoute)
_SCOPE = "candidate-profiles"


@router.get("/candidate-profiles", responses=problems(404))
async def list_candidate_profiles(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("candidate.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only this territory and those inside it.")] = None,
    reference: Annotated[Reference | None, Query(description="Only the profile with your own key.")] = None,
    active: Annotated[bool | None, Query(description="Only those that are, or are not, paused.")] = None,
) -> Page[CandidateProfileRead]:
    """List the profiles you may see, in the order they were made.

    Example: `GET /v1/candidate-profiles?territory=pays-des-sources&reference=crm-10482`
    """
    filters = {"territory": territory, "reference": reference, "active": active}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await candidates.list_candidate_profiles(
        session,
        actor,
        after=UUID(start[0]) if start else None,
        limit=limit + 1,
        territory=territory,
        reference=reference,
        active=active,
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.post("/candidate-profiles", status_code=201, dependencies=[Idempotent], responses=problems(404, 409))
async def create_candidate_profile(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("candidate.create"))],
    language: PreferredLanguage,
    data: CandidateProfileCreate,
) -> CandidateProfileRead:
    """Send what a person wishes; suggestions follow within seconds at `/matches` below the profile.

    Only facts directly linked to the work are accepted (Labour Code L1221-6): anything else, such as a name
    or an age, is refused with 422. The commune and radius are the person's own filter: they never rank
    anybody and no employer sees them. A `reference` the territory has already answers 409 with
    `candidate_profile_id`.

    With the token of a person who holds no role that keeps profiles there, the profile is their own. It takes
    no `reference`, and their consent to the purpose `matching`, given before (`POST /v1/me/consents`) or with
    this very call:
    `{"territory": "pays-des-sources", "occupation_codes": ["D1102"], "consent": {"text_version": "1"}}`

    Example body of a program:

        {"territory": "pays-des-sources", "reference": "crm-10482", "occupation_codes": ["D1102", "D1104"],
         "skill_codes": ["124960"], "contract_kinds": ["permanent"],
         "salary_wish": 1900, "salary_unit": "month",
         "commune_code": "07019", "radius_km": 30, "available_from": "2027-01-04", "languages": ["fr", "uk"],
         "licences": ["B"]}
    """
    profile = await candidates.create_candidate_profile(session, actor, data, language=language)
    response.headers["ETag"] = version_tag(profile.version)
    response.headers["Location"] = candidates.location(profile.id)
    return await candidates.read(session, profile)


@router.get("/candidate-profiles/{profile_id}", responses=problems(404))
async def get_candidate_profile(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("candidate.read"))],
    profile_id: UUID,
) -> CandidateProfileRead:
    """Read one profile: the wishes it holds and when they were last touched."""
    profile = await candidates.get_candidate_profile(session, actor, profile_id)
    response.headers["ETag"] = version_tag(profile.version)
    return await candidates.read(session, profile)


@router.patch("/candidate-profiles/{profile_id}", responses=problems(404, 409, 412, 428))
async def update_candidate_profile(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("candidate.update"))],
    profile_id: UUID,
    expected: ExpectedVersion,
    data: CandidateProfileUpdate,
) -> CandidateProfileRead:
    """Change a profile. What you leave out stays, `null` empties; `{"active": false}` pauses it.

    Any call counts as contact with the person, `{}` too: two years without, and the profile is erased.
    """
    profile = await candidates.get_candidate_profile(session, actor, profile_id, "candidate.update")
    require_version(profile.version, expected)
    profile = await candidates.update_candidate_profile(session, actor, profile, data)
    response.headers["ETag"] = version_tag(profile.version)
    return await candidates.read(session, profile)


@router.delete("/candidate-profiles/{profile_id}", status_code=204, responses=problems(404))
async def delete_candidate_profile(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("candidate.delete"))],
    profile_id: UUID,
) -> None:
    """Erase a profile with every suggestion ever made for it. There is no way back."""
    await candidates.delete_candidate_profile(session, actor, profile_id)
