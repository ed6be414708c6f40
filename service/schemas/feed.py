"""What a feed says about a posting, in one shape whatever the feed.

Every feed's parser produces these; the import writes them to the database. A value the source
does not give is ``None`` or an empty tuple, never a guess: what the platform itself infers
(occupation, commune) is kept apart from here, with its confidence.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from service.models.enums import (
    ContractKind,
    ExperienceKind,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)

SOURCE_ID_LENGTH = 100
TITLE_LENGTH = 300
DESCRIPTION_LENGTH = 20_000
TEXT_LENGTH = 500
URL_LENGTH = 2_000


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
ShortText = Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH)]
Address = Annotated[str, Field(pattern=r"^https?://", max_length=URL_LENGTH)]


class FeedError(Exception):
    """A feed that cannot be read as a whole: truncated, not a feed, refused by its source.

    Nothing of such a feed may be imported or withdrawn. ``reason`` is one sentence for a person;
    ``offset`` is the byte where reading stopped, when there is one.
    """

    def __init__(self, reason: str, *, offset: int | None = None) -> None:
        """Keep the reason and the byte offset."""
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Note(_Frozen):
    """An optional field that could not be used and was left out, or was cut."""

    pointer: str
    """JSON pointer (RFC 6901) inside the source's item."""
    reason: str


class Rejection(_Frozen):
    """An item of the feed that is not a usable posting."""

    source_id: str | None
    """The source's own identifier, when the item has a readable one."""
    reason: str
    pointer: str = ""
    """JSON pointer to the fault, from the item (or from the file, for a broken line)."""


class FeedSkill(_Frozen):
    """A skill or knowledge asked for."""

    code: str | None = None
    """ROME code (``code_ogr``), when the source gives one."""
    label: ShortText
    required: bool = False


class FeedLicence(_Frozen):
    """A driving licence asked for."""

    code: str | None = None
    """Category of the European licence: ``"B"``, ``"CE"``, ``"B96"``…"""
    label: ShortText
    required: bool = False


class FeedLanguage(_Frozen):
    """A language asked for."""

    code: str | None = None
    """ISO 639-1, when the label is a known French language name."""
    label: ShortText
    required: bool = False


class FeedTraining(_Frozen):
    """A diploma or a field of training asked for."""

    code: str | None = None
    """Formacode of the field of training."""
    field: ShortText | None = None
    level: ShortText | None = None
    comment: ShortText | None = None
    required: bool = False


class FeedQuality(_Frozen):
    """A soft skill the source names (``qualitesProfessionnelles``)."""

    label: ShortText
    description: str | None = None


class FeedSalary(_Frozen):
    """Pay as the source states it: amounts in euros only when it gives them."""

    minimum: Decimal | None = Field(default=None, ge=0, max_digits=12, decimal_places=2)
    maximum: Decimal | None = Field(default=None, ge=0, max_digits=12, decimal_places=2)
    unit: SalaryUnit | None = None
    months_per_year: Decimal | None = Field(default=None, gt=0, max_digits=4, decimal_places=2)
    text: ShortText | None = None
    """The source's own wording."""
    comment: ShortText | None = None
    complements: tuple[ShortText, ...] = ()

    @model_validator(mode="after")
    def _amounts_make_sense(self) -> Self:
        amounts = [amount for amount in (self.minimum, self.maximum) if amount is not None]
        if amounts and self.unit is None:
            message = "amounts need a unit"
            raise ValueError(message)
        if amounts != sorted(amounts):
            message = "minimum exceeds maximum"
            raise ValueError(message)
        return self


class FeedEmployer(_Frozen):
    """The employer as the source names it."""

    name: ShortText | None = None
    siret: str | None = Field(default=None, pattern=r"^\d{14}$")
    description: str | None = Field(default=None, max_length=DESCRIPTION_LENGTH)
    url: Address | None = None
    logo_url: Address | None = None
    headcount: ShortText | None = None
    adapted: bool | None = None
    """``entreprise adaptée``: its work is fitted to workers with disabilities."""


class FeedPlace(_Frozen):
    """Where the work is, as the source words it; ``commune_code`` is its own, unchecked.

    Latitude and longitude (WGS 84 degrees) come together or not at all.
    """

    label: ShortText | None = None
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    postal_code: str | None = Field(default=None, pattern=r"^\d{5}$")
    commune_code: str | None = Field(default=None, pattern=r"^\d[0-9AB]\d{3}$")

    @model_validator(mode="after")
    def _point_is_whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            message = "latitude and longitude come together"
            raise ValueError(message)
        return self


class FeedContract(_Frozen):
    """Kind of contract and its length."""

    kind: ContractKind | None = None
    text: ShortText | None = None
    nature: ShortText | None = None
    duration_months: int | None = Field(default=None, gt=0, le=1200)
    duration_days: int | None = Field(default=None, gt=0, le=36_500)


class FeedWorkingTime(_Frozen):
    """Full or part time, and hours a week."""

    kind: WorkingTime | None = None
    weekly_hours: Decimal | None = Field(default=None, gt=0, le=100, decimal_places=2)
    text: ShortText | None = None
    conditions: tuple[ShortText, ...] = ()
    """Timetables as worded by the source (``contexteTravail.horaires``)."""


class FeedExperience(_Frozen):
    """Experience asked for."""

    kind: ExperienceKind | None = None
    months: int | None = Field(default=None, ge=0, le=1200)
    text: ShortText | None = None


class FeedApplication(_Frozen):
    """How to apply. **Personal data, for applying only**: never listed, indexed or exported."""

    url: Address | None = None
    contact_name: ShortText | None = None
    email: ShortText | None = None
    phone: ShortText | None = None
    postal_address: ShortText | None = None
    comment: str | None = Field(default=None, max_length=DESCRIPTION_LENGTH)


class FeedPosting(_Frozen):
    """One posting of a feed, normalised. Identity is (``source``, ``source_id``)."""

    source: str
    source_id: str = Field(min_length=1, max_length=SOURCE_ID_LENGTH)
    source_url: Address | None = None
    source_partner: ShortText | None = None
    """Who gave the posting to the source, when the source is not its first publisher."""
    source_created_at: Instant | None = None
    source_updated_at: Instant | None = None

    title: str = Field(min_length=1, max_length=TITLE_LENGTH)
    description: str | None = Field(default=None, max_length=DESCRIPTION_LENGTH)
    """Plain text, paragraphs separated by line feeds."""

    occupation_code: str | None = Field(default=None, pattern=r"^[A-N]\d{4}$")
    """ROME code **given by the source**, unchecked against the referential."""
    occupation_label: ShortText | None = None
    occupation_title: ShortText | None = None
    """The source's own label of the occupation title (``appellationlibelle``)."""

    employer: FeedEmployer = FeedEmployer()
    place: FeedPlace = FeedPlace()
    contract: FeedContract = FeedContract()
    working_time: FeedWorkingTime = FeedWorkingTime()
    salary: FeedSalary = FeedSalary()
    experience: FeedExperience = FeedExperience()
    application: FeedApplication = FeedApplication()

    remote: RemoteKind | None = None
    """Only when the text says so without ambiguity."""
    positions: int = Field(default=1, ge=1, le=10_000)
    apprenticeship: bool = False
    """Work-study contract (``alternance``): apprenticeship or professionalisation."""
    few_candidates: bool | None = None
    """The source says that candidates are missing (``offresManqueCandidats``)."""
    accessible_to_disabled_workers: bool | None = None

    skills: tuple[FeedSkill, ...] = ()
    licences: tuple[FeedLicence, ...] = ()
    languages: tuple[FeedLanguage, ...] = ()
    trainings: tuple[FeedTraining, ...] = ()
    qualities: tuple[FeedQuality, ...] = ()
    tools: tuple[ShortText, ...] = ()
    qualification_code: str | None = Field(default=None, pattern=r"^\d$")
    """1 (unskilled worker) to 9 (executive)."""
    qualification_label: ShortText | None = None
    travel_code: str | None = Field(default=None, pattern=r"^\d$")
    """1 never, 2 occasional, 3 frequent, 4 daily."""
    travel: ShortText | None = None
    working_conditions: tuple[ShortText, ...] = ()
    naf_code: str | None = Field(default=None, pattern=r"^\d{2}\.\d{2}[A-Z]$")
    sector_code: str | None = Field(default=None, pattern=r"^\d{2}$")
    """NAF division: the first two digits of the NAF code."""
    sector_label: ShortText | None = None

    notes: tuple[Note, ...] = ()
    """Fields left out or cut; no part of the posting's content."""

    def fingerprint(self) -> str:
        """Return a SHA-256 (64 hex digits) of the content, notes left out.

        Equal content gives equal fingerprints in every process, so an import can tell an
        unchanged posting without comparing fields.
        """
        content = self.model_dump_json(exclude={"notes"})
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(slots=True)
class FeedBatch:
    """All that one reading of a feed gave, accounted for to the unit.

    ``received == len(postings) + len(repeated) + len(rejections)`` always holds.
    """

    source: str
    postings: list[FeedPosting] = field(default_factory=list)
    """One per ``source_id``, in the feed's order of first appearance."""
    repeated: list[str] = field(default_factory=list)
    """``source_id`` of each further copy of an item already met."""
    rejections: list[Rejection] = field(default_factory=list)
    received: int = 0
    expected: int | None = None
    """Number of items the source announced; ``None`` when it does not say."""
    complete: bool = True
    """False when items may be missing: nothing may then be withdrawn on this feed's word."""
    notes: list[str] = field(default_factory=list)
    """Why the feed is incomplete, in sentences for a person."""
    _rank: dict[str, int] = field(default_factory=dict, repr=False)

    def add(self, items: Iterable[FeedPosting | Rejection]) -> None:
        """Count ``items`` in. Of two copies of one posting the most recently updated is kept."""
        for item in items:
            self.received += 1
            if isinstance(item, Rejection):
                self.rejections.append(item)
                continue
            known = self._rank.setdefault(item.source_id, len(self.postings))
            if known == len(self.postings):
                self.postings.append(item)
                continue
            self.repeated.append(item.source_id)
            if _moment(item) > _moment(self.postings[known]):
                self.postings[known] = item


def _moment(posting: FeedPosting) -> datetime:
    latest = posting.source_updated_at or posting.source_created_at
    return latest or datetime.min.replace(tzinfo=UTC)
