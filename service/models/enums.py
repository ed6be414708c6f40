"""Closed vocabularies shared by tables, schemas and matching. Values are stored as text."""

from enum import StrEnum


class TerritoryKind(StrEnum):
    """Administrative level of a territory, from the widest to the narrowest."""

    REGION = "region"
    DEPARTEMENT = "departement"
    EPCI = "epci"
    COMMUNE = "commune"


class PostingState(StrEnum):
    """Life of a posting: draft → published ⇄ paused → filled | withdrawn | expired."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PAUSED = "paused"
    FILLED = "filled"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ContractKind(StrEnum):
    """Kind of contract offered or wanted."""

    PERMANENT = "permanent"  # CDI
    FIXED_TERM = "fixed_term"  # CDD
    TEMPORARY = "temporary"  # intérim (MIS)
    SEASONAL = "seasonal"  # saisonnier (SAI)
    APPRENTICESHIP = "apprenticeship"  # contrat d'apprentissage
    PROFESSIONALISATION = "professionalisation"  # contrat de professionnalisation
    INTERNSHIP = "internship"  # stage
    CIVIL_SERVICE = "civil_service"  # fonction publique
    SELF_EMPLOYED = "self_employed"  # libéral, franchise, profession non salariée
    OTHER = "other"


class WorkingTime(StrEnum):
    """Full time or part time."""

    FULL_TIME = "full_time"
    PART_TIME = "part_time"


class SalaryUnit(StrEnum):
    """Period a salary amount is paid for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class RemoteKind(StrEnum):
    """How much of the work can be done remotely."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


class ExperienceKind(StrEnum):
    """Experience asked for: none (débutant accepté), wished, required."""

    NONE = "none"
    WISHED = "wished"
    REQUIRED = "required"


class OccupationOrigin(StrEnum):
    """Where a posting's occupation code comes from."""

    ENTERED = "entered"  # by the employer or an agent
    SOURCE = "source"  # by the feed's own code
    SUGGESTED = "suggested"  # by our reading of the title, with a confidence
