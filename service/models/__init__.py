"""SQLAlchemy tables, enums and invariants. Importing this package knows every table."""

from service.models.access import ApiClient, ApiKey, IdempotencyRecord, PlatformSecret
from service.models.base import Base
from service.models.candidate import CandidateProfile
from service.models.employer import Employer
from service.models.feed import Feed, FeedListing, ImportReport
from service.models.match import Match, MatchedInput, MatchingBasis
from service.models.posting import Posting, PostingChange, PostingDocument
from service.models.referential import (
    Commune,
    FamilyOccupation,
    Occupation,
    OccupationMobility,
    OccupationSector,
    OccupationSkill,
    OccupationTitle,
    ProfessionalFamily,
    ReferentialRelease,
    Sector,
    Skill,
    Tension,
)
from service.models.search import PostingIndex, PostingWords, SearchWord
from service.models.territory import Territory, TerritoryCommune
from service.models.work import Event, Schedule, Task, TaskState

__all__ = [
    "ApiClient",
    "ApiKey",
    "Base",
    "CandidateProfile",
    "Commune",
    "Employer",
    "Event",
    "FamilyOccupation",
    "Feed",
    "FeedListing",
    "IdempotencyRecord",
    "ImportReport",
    "Match",
    "MatchedInput",
    "MatchingBasis",
    "Occupation",
    "OccupationMobility",
    "OccupationSector",
    "OccupationSkill",
    "OccupationTitle",
    "PlatformSecret",
    "Posting",
    "PostingChange",
    "PostingDocument",
    "PostingIndex",
    "PostingWords",
    "ProfessionalFamily",
    "ReferentialRelease",
    "Schedule",
    "SearchWord",
    "Sector",
    "Skill",
    "Task",
    "TaskState",
    "Tension",
    "Territory",
    "TerritoryCommune",
]
