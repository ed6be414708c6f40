"""Suggestions: what an employer reads of candidates, and a candidate of postings."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from service.schemas.base import ReadModel
from service.schemas.public_postings import Labelled, PublicPosting


class ExplanationLine(ReadModel):
    """What one criterion found, in words, and its points in hundredths of a point."""

    code: str = Field(examples=["occupation"])
    outcome: str = Field(description="What was found, as a stable code.", examples=["same"])
    title: str
    words: str
    points: int
    max_points: int


class _Suggestion(ReadModel):
    """What every suggestion says about itself."""

    id: UUID = Field(description="Of this suggestion alone: it tells nothing about who is suggested.")
    rank: int = Field(description="1 is the best.")
    score: int = Field(
        description="In hundredths of a point, 0 to 10000: exactly the sum of `explanation[].points`."
    )
    score_words: str = Field(examples=["82,45 sur 100"])
    explanation: list[ExplanationLine]
    engine_version: str
    computed_at: datetime


class AnonymousCandidate(ReadModel):
    """What an employer may know of a person before both have said yes: facts linked to the work, no place."""

    occupations: list[Labelled] = Field(description="Wanted trades, first choice first.")
    skills_in_common: list[Labelled] = Field(
        description="Of those the posting asks, the ones the person has."
    )
    contract_kinds: list[Labelled]
    working_time: Labelled | None
    remote: Labelled | None
    available_from: date | None
    languages: list[str]
    licences: list[str]


class CandidateSuggestion(_Suggestion):
    """Someone who may suit the posting, without anything that tells who it is or where from."""

    candidate: AnonymousCandidate


class PostingSuggestion(_Suggestion):
    """A posting that may suit the person, as the public reads it."""

    posting: PublicPosting


class CandidateSuggestions(ReadModel):
    """A posting's suggestions, best first, all in one page."""

    items: list[CandidateSuggestion]
    next: None = Field(None, description="There are never more than twenty.")
    notice: str = Field(description="Show it with the list: suggestions decide nothing, a person does.")


class PostingSuggestions(ReadModel):
    """A candidate's suggestions, best first, all in one page."""

    items: list[PostingSuggestion]
    next: None = Field(None, description="There are never more than twenty.")
    notice: str = Field(description="Show it with the list: suggestions decide nothing, a person does.")
