"""Suggestions, both ways. They decide nothing: a person does."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from service.api.dependencies import Permitted, PreferredLanguage, ReadSession
from service.api.problems import problems
from service.domain import candidates, matches, postings
from service.domain.access import Actor
from service.schemas.matches import CandidateSuggestions, PostingSuggestions

router = APIRouter(prefix="/v1", tags=["Matches"])
Best = Annotated[int, Query(ge=1, le=20, description="How many suggestions at most; 20 are kept.")]


@router.get("/postings/{posting_id}/matches", responses=problems(404))
async def list_posting_matches(
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("match.read"))],
    language: PreferredLanguage,
    posting_id: UUID,
    limit: Best = 20,
) -> CandidateSuggestions:
    """List the people who may suit one of your postings, best first, with no word on who or where they are.

    Each suggestion is explained criterion by criterion, in French or English (`Accept-Language`); its
    `score` is exactly the sum of the points shown. Only facts linked to the work count: never place, age,
    sex or origin. Nobody is refused by a computer: whom to meet is for a named person to decide. Show
    `notice` with the list.
    """
    posting = await postings.get_posting(session, actor, posting_id, "match.read")
    return await matches.suggest_candidates(session, actor, posting, language, limit=limit)


@router.get("/candidate-profiles/{profile_id}/matches", responses=problems(404))
async def list_candidate_matches(
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("candidate.read"))],
    language: PreferredLanguage,
    profile_id: UUID,
    limit: Best = 20,
) -> PostingSuggestions:
    """List the postings that may suit a person, best first, as the public reads them, each explained.

    Words come in French or English (`Accept-Language`). Postings that were closed meanwhile are left out.
    """
    profile = await candidates.get_candidate_profile(session, actor, profile_id)
    return await matches.suggest_postings(session, profile, language, limit=limit)
