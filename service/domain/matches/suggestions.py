"""Reading suggestions: anonymous candidates for an employer, postings for a candidate."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.reach import elevated
from service.domain import audit
from service.domain.access import Actor
from service.domain.labels import label
from service.domain.matches.reading import is_open
from service.matching.explanation import Audience, Language, score_words
from service.models import CandidateProfile, Match, Occupation, Posting, PostingDocument, Skill
from service.schemas.matches import (
    AnonymousCandidate,
    CandidateSuggestion,
    CandidateSuggestions,
    ExplanationLine,
    PostingSuggestion,
    PostingSuggestions,
)
from service.schemas.public_postings import Labelled, PublicPosting

_NOTICE: Final[dict[str, str]] = {
    "fr": "Ces suggestions sont calculées à partir de faits liés au travail seulement, et chacune est "
    "expliquée. Elles ne décident de rien et n’écartent personne : une personne décide.",
    "en": "These suggestions are computed from facts linked to the work alone, and each is explained. "
    "They decide nothing and rule nobody out: a person decides.",
}


async def suggest_candidates(
    session: AsyncSession, actor: Actor, posting: Posting, language: str, *, limit: int
) -> CandidateSuggestions:
    """Return the best candidates for a posting as its employer may see them; none while it is closed."""
    spoken = _spoken(language)
    # An employer may see none of these people: what is told of them is anonymous.
    async with elevated(session):
        found = await session.execute(
            select(Match, CandidateProfile)
            .join(CandidateProfile, CandidateProfile.id == Match.candidate_id)
            .join(Posting, Posting.id == Match.posting_id)
            .where(
                Match.posting_id == posting.id,
                Match.superseded_at.is_(None),
                Match.posting_rank.is_not(None),
                CandidateProfile.active,
                is_open(now()),
            )
            .order_by(Match.posting_rank)
            .limit(limit)
        )
    rows = found.all()
    audit.read(session, actor, "match", [match.id for match, _ in rows], territory_id=posting.territory_id)
    labels = await _labels(
        session,
        {code for _, profile in rows for code in profile.occupation_codes},
        {code for match, _ in rows for code in _in_common(match)},
    )
    items = [
        CandidateSuggestion(
            **_said(match, match.posting_rank, spoken, "employer"),
            candidate=_anonymous(match, profile, labels, spoken),
        )
        for match, profile in rows
    ]
    return CandidateSuggestions(items=items, notice=_NOTICE[spoken])


async def suggest_postings(
    session: AsyncSession, profile: CandidateProfile, language: str, *, limit: int
) -> PostingSuggestions:
    """Return the best postings for a candidate that the public can see; none while the profile is paused."""
    spoken = _spoken(language)
    # The postings may be anybody's; of each only what the public reads is told.
    async with elevated(session):
        rows = await session.execute(
            select(Match, PostingDocument.document)
            .join(Posting, Posting.id == Match.posting_id)
            .join(
                PostingDocument,
                (PostingDocument.posting_id == Match.posting_id) & (PostingDocument.language == spoken),
            )
            .join(CandidateProfile, CandidateProfile.id == Match.candidate_id)
            .where(
                Match.candidate_id == profile.id,
                Match.superseded_at.is_(None),
                Match.candidate_rank.is_not(None),
                CandidateProfile.active,
                is_open(now()),
            )
            .order_by(Match.candidate_rank)
            .limit(limit)
        )
    items = [
        PostingSuggestion(
            **_said(match, match.candidate_rank, spoken, "candidate"),
            posting=PublicPosting.model_validate(document),
        )
        for match, document in rows
    ]
    return PostingSuggestions(items=items, notice=_NOTICE[spoken])


def _spoken(language: str) -> Language:
    return "en" if language == "en" else "fr"


def _said(match: Match, rank: int | None, language: Language, audience: Audience) -> dict[str, Any]:
    return {
        "id": match.id,
        "rank": rank,
        "score": match.score,
        "score_words": score_words(match.score, language),
        "explanation": _lines(match.explanation, language, audience),
        "engine_version": match.engine_version,
        "computed_at": match.computed_at,
    }


def _lines(
    explanation: list[dict[str, Any]], language: Language, audience: Audience
) -> list[ExplanationLine]:
    """Return the lines that have words for ``audience``: for an employer, all but the one about place."""
    return [
        ExplanationLine(
            code=line["code"],
            outcome=line["outcome"],
            title=line["title"][language],
            words=line["words"][audience][language],
            points=line["points"],
            max_points=line["max_points"],
        )
        for line in explanation
        if audience in line["words"]
    ]


def _in_common(match: Match) -> list[str]:
    lines = (line for line in match.explanation if line["code"] == "skills")
    return [code for line in lines for code in line["data"].get("common", ())]


def _anonymous(
    match: Match, profile: CandidateProfile, labels: Mapping[str, str], language: Language
) -> AnonymousCandidate:
    def named(codes: Collection[str]) -> list[Labelled]:
        return [Labelled(code=code, label=labels.get(code, code)) for code in codes]

    def worded(group: str, code: str | None) -> Labelled | None:
        return None if code is None else Labelled(code=str(code), label=label(group, str(code), language))

    contracts = (worded("contract", kind) for kind in profile.contract_kinds)
    return AnonymousCandidate(
        occupations=named(profile.occupation_codes),
        skills_in_common=named(_in_common(match)),
        contract_kinds=[contract for contract in contracts if contract is not None],
        working_time=worded("working_time", profile.working_time),
        remote=worded("remote", profile.remote),
        available_from=profile.available_from,
        languages=sorted(profile.languages),
        licences=sorted(profile.licences),
    )


async def _labels(
    session: AsyncSession, occupations: Collection[str], skills: Collection[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for query in (
        select(Occupation.code, Occupation.label).where(Occupation.code.in_(occupations)),
        select(Skill.code, Skill.label).where(Skill.code.in_(skills)),
    ):
        found.update({row[0]: row[1] for row in await session.execute(query)})
    return found
