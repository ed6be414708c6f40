"""SQLAlchemy tables, enums and invariants. Importing this package knows every table."""

from service.models.access import ApiClient, ApiKey, IdempotencyRecord, PlatformSecret
from service.models.audit import AuditChain, AuditEntry
from service.models.base import Base
from service.models.candidate import CandidateProfile
from service.models.employer import Employer
from service.models.feed import Feed, FeedListing, ImportReport
from service.models.match import Match, MatchedInput, MatchingBasis
from service.models.person import Identity, Invitation, Partner, Person, RoleGrant
from service.models.posting import Posting, PostingChange, PostingDocument
from service.models.privacy import Consent, Erasure, Mail, PrivacyRequest
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
from service.models.search import (
    SEARCH_VERSIONS,
    PostingIndex,
    PostingWords,
    SearchDocument,
    SearchFeed,
    SearchPending,
    SearchWord,
)
from service.models.sign_in import PersonSession, ProviderVisit, SignIn, Token
from service.models.territory import Territory, TerritoryCommune
from service.models.work import Event, Schedule, Task, TaskState

__all__ = [
    "SEARCH_VERSIONS",
    "ApiClient",
    "ApiKey",
    "AuditChain",
    "AuditEntry",
    "Base",
    "CandidateProfile",
    "Commune",
    "Consent",
    "Employer",
    "Erasure",
    "Event",
    "FamilyOccupation",
    "Feed",
    "FeedListing",
    "IdempotencyRecord",
    "Identity",
    "ImportReport",
    "Invitation",
    "Mail",
    "Match",
    "MatchedInput",
    "MatchingBasis",
    "Occupation",
    "OccupationMobility",
    "OccupationSector",
    "OccupationSkill",
    "OccupationTitle",
    "Partner",
    "Person",
    "PersonSession",
    "PlatformSecret",
    "Posting",
    "PostingChange",
    "PostingDocument",
    "PostingIndex",
    "PostingWords",
    "PrivacyRequest",
    "ProfessionalFamily",
    "ProviderVisit",
    "ReferentialRelease",
    "RoleGrant",
    "Schedule",
    "SearchDocument",
    "SearchFeed",
    "SearchPending",
    "SearchWord",
    "Sector",
    "SignIn",
    "Skill",
    "Task",
    "TaskState",
    "Tension",
    "Territory",
    "TerritoryCommune",
    "Token",
]
