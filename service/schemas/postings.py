"""Postings: what employers send, what they read back, what the public reads."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from service.models.enums import (
    ContractKind,
    ExperienceKind,
    OccupationOrigin,
    PostingState,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)
from service.schemas.base import (
    CommuneCode,
    EmailAddress,
    Language,
    LongText,
    Moment,
    OccupationCode,
    ReadModel,
    ShortText,
    SkillCode,
    WebAddress,
    WriteModel,
)
from service.schemas.employers import NafCode, Phone
from service.schemas.referentials import TensionFact

Money = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)]
LicenceCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,4}$")]


class Salary(WriteModel):
    """Pay, gross, in euros: a range with its unit, and the words used. Leave out what is not known."""

    min: Money | None = None
    max: Money | None = None
    unit: SalaryUnit | None = None
    months: Annotated[Decimal, Field(gt=0, le=24, max_digits=4, decimal_places=2)] | None = Field(
        None, description="How many monthly salaries a year (13 for a thirteenth month)."
    )
    label: Annotated[str, StringConstraints(max_length=500)] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.min is not None or self.max is not None) and self.unit is None:
            message = "amounts need a `unit`: hour, day, month or year"
            raise ValueError(message)
        if self.min is not None and self.max is not None and self.min > self.max:
            message = "`min` exceeds `max`"
            raise ValueError(message)
        return self


class Contract(WriteModel):
    """The contract offered."""

    kind: ContractKind | None = None
    label: Annotated[str, StringConstraints(max_length=200)] | None = None
    months: Annotated[Decimal, Field(gt=0, le=600, max_digits=6, decimal_places=2)] | None = None
    working_time: WorkingTime | None = None
    weekly_hours: Annotated[Decimal, Field(gt=0, le=80, max_digits=5, decimal_places=2)] | None = None
    hours_label: Annotated[str, StringConstraints(max_length=500)] | None = None
    start_date: date | None = None


class Place(WriteModel):
    """Where the work is done. The commune suffices; its own point is used unless you give one."""

    commune_code: CommuneCode | None = Field(None, description="INSEE code, not the postal code.")
    label: Annotated[str, StringConstraints(max_length=200)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            message = "`latitude` and `longitude` come together"
            raise ValueError(message)
        return self


class PostingSkill(WriteModel):
    """A skill asked for, by its ROME code; `required` or only wished."""

    code: SkillCode | None = None
    label: ShortText | None = None
    required: bool = False

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.code is None and self.label is None:
            message = "give a ROME `code`, a `label`, or both"
            raise ValueError(message)
        return self


class Licence(WriteModel):
    """A driving licence, by its category (`B`, `C`, `CE`…)."""

    code: LicenceCode | None = None
    label: ShortText | None = None
    required: bool = False


class SpokenLanguage(WriteModel):
    """A language needed at work."""

    code: Language | None = None
    label: ShortText | None = None
    required: bool = False


class Education(WriteModel):
    """A diploma or field of study asked for."""

    level: ShortText | None = None
    label: ShortText | None = None
    required: bool = False


class Experience(WriteModel):
    """Experience asked for; `none` says that beginners are welcome."""

    kind: ExperienceKind | None = None
    months: Annotated[int, Field(ge=0, le=600)] | None = None
    label: Annotated[str, StringConstraints(max_length=200)] | None = None


class Apply(WriteModel):
    """How to apply. Shown to candidates for that only."""

    url: WebAddress | None = None
    email: EmailAddress | None = None
    phone: Phone | None = None
    contact: ShortText | None = None


class PostingUpdate(WriteModel):
    """What to change; what is left out stays, `null` empties. Parts such as `salary` are replaced whole."""

    title: ShortText | None = Field(None, examples=["Boulanger / Boulangère"])
    description: LongText | None = Field(None, description="Plain text; empty lines separate paragraphs.")
    occupation_code: OccupationCode | None = Field(None, description="ROME 4.0 code.", examples=["D1102"])
    occupation_title: ShortText | None = None
    contract: Contract | None = None
    salary: Salary | None = None
    place: Place | None = None
    remote: RemoteKind | None = None
    positions: Annotated[int, Field(ge=1, le=1000)] | None = None
    skills: list[PostingSkill] | None = Field(None, max_length=50)
    experience: Experience | None = None
    qualification_label: ShortText | None = None
    education: list[Education] | None = Field(None, max_length=20)
    languages: list[SpokenLanguage] | None = Field(None, max_length=20)
    licences: list[Licence] | None = Field(None, max_length=20)
    benefits: list[ShortText] | None = Field(None, max_length=30)
    travel_label: ShortText | None = None
    apprenticeship: bool | None = None
    accessible: bool | None = Field(None, description="Open to workers with a disability.")
    naf_code: NafCode | None = None
    apply: Apply | None = None
    valid_through: Moment | None = Field(None, examples=["2027-03-31T22:00:00Z"])


class PostingCreate(PostingUpdate):
    """A new posting, as a draft. Only the employer and the title are needed to begin."""

    employer_id: UUID
    title: ShortText = Field(examples=["Boulanger / Boulangère"])


class SalaryRead(ReadModel):
    """Pay, gross, in euros, as employer or source said it."""

    min: float | None = None
    max: float | None = None
    unit: SalaryUnit | None = None
    months: float | None = None
    label: str | None = None


class ContractRead(ReadModel):
    """The contract offered, as employer or source said it."""

    kind: ContractKind | None = None
    label: str | None = None
    months: float | None = None
    working_time: WorkingTime | None = None
    weekly_hours: float | None = None
    hours_label: str | None = None
    start_date: date | None = None


class PlaceRead(ReadModel):
    """Where the work is done."""

    commune_code: str | None = None
    label: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class SkillAsked(ReadModel):
    """A skill asked for; `code` is ROME's, when it has one."""

    code: str | None = None
    label: str | None = None
    required: bool = False


class LicenceAsked(ReadModel):
    """A driving licence asked for, by its category."""

    code: str | None = None
    label: str | None = None
    required: bool = False


class LanguageAsked(ReadModel):
    """A language needed at work."""

    code: str | None = None
    label: str | None = None
    required: bool = False


class EducationAsked(ReadModel):
    """A diploma or field of study asked for."""

    level: str | None = None
    label: str | None = None
    required: bool = False


class ExperienceRead(ReadModel):
    """Experience asked for."""

    kind: ExperienceKind | None = None
    months: int | None = None
    label: str | None = None


class ApplyRead(ReadModel):
    """How to apply. For applying only."""

    url: str | None = None
    email: str | None = None
    phone: str | None = None
    contact: str | None = None


class PostingRead(ReadModel):
    """A posting as those who manage it see it."""

    id: UUID
    territory: str
    employer_id: UUID | None
    employer_name: str | None
    source: str
    source_id: str | None
    source_partner: str | None
    source_url: str | None
    source_created_at: datetime | None
    source_updated_at: datetime | None
    state: PostingState
    title: str
    description: str | None
    language: str
    occupation_code: str | None
    occupation_title: str | None
    occupation_origin: OccupationOrigin | None
    suggested_occupation_code: str | None = Field(
        description="Our own reading of the title, kept apart from `occupation_code`."
    )
    suggestion_confidence: float | None = Field(description="From 0 to 1.")
    contract: ContractRead
    salary: SalaryRead
    place: PlaceRead
    remote: RemoteKind | None
    positions: int
    skills: list[SkillAsked]
    experience: ExperienceRead
    qualification_label: str | None
    education: list[EducationAsked]
    languages: list[LanguageAsked]
    licences: list[LicenceAsked]
    benefits: list[str]
    travel_label: str | None
    apprenticeship: bool
    accessible: bool | None
    naf_code: str | None
    sector_code: str | None
    apply: ApplyRead
    tension: TensionFact | None
    valid_through: datetime | None
    published_at: datetime | None
    closed_at: datetime | None
    confirmed_at: datetime | None
    group_id: UUID | None = Field(description="Postings of one group describe the same opening.")
    shown: bool = Field(description="False for the near-duplicates hidden behind another of the group.")
    version: int
    created_at: datetime
    updated_at: datetime


class PostingChangeRead(ReadModel):
    """One entry of a posting's history."""

    id: UUID
    action: str
    actor: str
    version: int
    changes: dict[str, Any] = Field(description="`{field: [before, after]}`")
    at: datetime
