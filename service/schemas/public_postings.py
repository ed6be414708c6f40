"""A posting as the public reads it: the document that lists, search hits and feeds all serve."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from service.models.enums import OccupationOrigin
from service.schemas.base import ReadModel
from service.schemas.postings import (
    ApplyRead,
    EducationAsked,
    LanguageAsked,
    LicenceAsked,
    SkillAsked,
)
from service.schemas.referentials import TensionFact


class Labelled(ReadModel):
    """A code with its label in the reader's language."""

    code: str
    label: str


class PublicEmployer(ReadModel):
    """The employer as the public sees it."""

    id: UUID | None = None
    name: str | None = None
    url: str | None = None
    logo_url: str | None = None


class PublicOccupation(ReadModel):
    """The trade. `origin` is `suggested` when we read it from the title, with a `confidence`."""

    code: str
    label: str
    title: str | None = None
    origin: OccupationOrigin
    confidence: float | None = None


class PublicContract(ReadModel):
    """The contract offered, with labels."""

    kind: Labelled | None = None
    label: str | None = None
    months: float | None = None
    working_time: Labelled | None = None
    weekly_hours: float | None = None
    hours_label: str | None = None
    start_date: date | None = None


class PublicSalary(ReadModel):
    """Pay, gross, in euros."""

    min: float | None = None
    max: float | None = None
    unit: Labelled | None = None
    months: float | None = None
    label: str | None = None


class PublicPlace(ReadModel):
    """Where the work is done."""

    commune_code: str | None = None
    commune: str | None = None
    departement_code: str | None = None
    label: str | None = None
    postal_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class PublicSource(ReadModel):
    """Where the posting comes from. Show `name`, `updated_at` and the link: the source's terms ask for it."""

    code: str = Field(description="`ancrage` when the employer posted here.")
    name: str
    id: str | None = None
    partner: str | None = None
    url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class PublicPosting(ReadModel):
    """A posting as the public reads it, in one language. Lists, search and feeds all serve this document."""

    id: UUID
    territory: str
    title: str
    description: str | None
    language: str = Field(description="Language of the title and description.")
    employer: PublicEmployer
    occupation: PublicOccupation | None
    contract: PublicContract
    salary: PublicSalary | None
    place: PublicPlace
    remote: Labelled | None
    positions: int
    skills: list[SkillAsked]
    experience: Labelled | None
    experience_label: str | None
    qualification_label: str | None
    education: list[EducationAsked]
    languages: list[LanguageAsked]
    licences: list[LicenceAsked]
    benefits: list[str]
    travel_label: str | None
    apprenticeship: bool
    accessible: bool | None
    sector: Labelled | None
    tension: TensionFact | None
    apply: ApplyRead
    source: PublicSource
    published_at: datetime
    updated_at: datetime
    valid_through: datetime | None
