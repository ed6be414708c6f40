"""Feeds of postings and the reports of their imports, as those who manage them see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from service.schemas.base import CommuneCode, ReadModel, Slug, WriteModel
from service.schemas.territories import DepartementCode, RegionCode

SourceName = Literal["france-travail"]
Printable = r"^[^\x00-\x1f\x7f]+$"
FeedName = Annotated[str, StringConstraints(pattern=Printable, max_length=120, strip_whitespace=True)]
# What the adapter itself decides: the areas, the order and the windows in which it reads.
_RESERVED = frozenset(
    {"range", "sort", "region", "departement", "commune", "distance", "minCreationDate", "maxCreationDate"}
)


def _free(name: str) -> str:
    if name in _RESERVED:
        message = f"is set by the feed itself, as are {', '.join(sorted(_RESERVED - {name}))}"
        raise ValueError(message)
    return name


ParameterName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,39}$"), AfterValidator(_free)
]
ParameterValue = Annotated[str, StringConstraints(pattern=Printable, max_length=500)]


class FeedCriteria(WriteModel):
    """What to ask the source for. Areas add up; with none, the communes of the territory are asked for."""

    departements: list[DepartementCode] = Field(default_factory=list, max_length=20, examples=[["07"]])
    communes: list[CommuneCode] = Field(default_factory=list, max_length=500, description="INSEE codes.")
    region: RegionCode | None = None
    parameters: dict[ParameterName, ParameterValue] = Field(
        default_factory=dict,
        max_length=20,
        description="Further parameters of the source's own search, as it names them.",
        examples=[{"typeContrat": "CDI"}],
    )


Interval = Annotated[int, Field(ge=15, le=1440, description="Minutes between two readings of a live feed.")]
Floor = Annotated[
    int,
    Field(
        ge=0,
        le=100,
        description="When less than this percentage of what the feed listed is still listed, nothing is "
        "withdrawn and the import is `partial`: it is more likely broken than true. 0 switches this off.",
    ),
]


class FeedUpdate(WriteModel):
    """What to change; what is left out stays."""

    name: FeedName | None = None
    criteria: FeedCriteria | None = None
    enabled: bool | None = None
    live: bool | None = None
    interval_minutes: Interval | None = None
    floor_percent: Floor | None = None


class FeedCreate(WriteModel):
    """A new feed of a territory."""

    territory: Slug
    source: SourceName = "france-travail"
    name: FeedName = Field(examples=["Ardèche, CDI"])
    criteria: FeedCriteria = Field(default_factory=FeedCriteria)
    enabled: bool = True
    live: bool = Field(
        default=False, description="True: we fetch it. False: it comes from files, by command."
    )
    interval_minutes: Interval = 360
    floor_percent: Floor = 50


class ImportState(StrEnum):
    """How an import went."""

    RUNNING = "running"  # not ended yet
    DONE = "done"  # read whole, and what the source no longer lists is withdrawn
    PARTIAL = "partial"  # what came was imported, but nothing was withdrawn; the message says why
    FAILED = "failed"  # the message says why; what was imported before the failure stays


class LastImport(ReadModel):
    """The latest import of a feed."""

    report_id: UUID
    state: ImportState
    finished_at: datetime | None


class FeedRead(ReadModel):
    """A feed of a territory."""

    id: UUID
    territory: str
    source: str
    name: str
    criteria: FeedCriteria
    enabled: bool
    live: bool
    interval_minutes: int
    floor_percent: int
    due_at: datetime | None = Field(description="When a live feed is next fetched.")
    listed: int = Field(description="How many postings it lists at present.")
    refreshed_at: datetime | None = Field(description="End of the last import that read the source.")
    stale: bool = Field(
        description="True for a live feed not refreshed for over 24 hours, which the source's terms forbid."
    )
    last_import: LastImport | None
    version: int
    created_at: datetime
    updated_at: datetime


class ImportRequested(ReadModel):
    """A live import was asked for; its report appears in `GET /v1/import-reports` once it has begun."""

    feed_id: UUID
    requested_at: datetime


class ImportCounts(ReadModel):
    """What became of every item.

    `read = imported + updated + unchanged + relisted + held + rejected + repeated`, always.
    """

    read: int = Field(0, description="Items in the feed.")
    distinct: int = Field(0, description="Different postings among them, rejected ones left out.")
    repeated: int = Field(0, description="Further copies of an item; the most recently updated one counts.")
    imported: int = Field(0, description="New postings.")
    updated: int = Field(0, description="Postings whose content changed.")
    unchanged: int = 0
    relisted: int = Field(0, description="Withdrawn earlier because the source no longer listed them; back.")
    held: int = Field(0, description="Left alone: a person paused, filled or withdrew them here.")
    rejected: int = Field(0, description="Not usable as postings; `problems` says why.")
    grouped: int = Field(
        0, description="Of those listed, how many are hidden behind a near-duplicate that is shown."
    )
    withdrawn: int = Field(0, description="No longer listed by the source, and withdrawn.")
    listed_elsewhere: int = Field(
        0, description="No longer listed by this feed, and kept because another feed lists them."
    )
    already_closed: int = Field(0, description="No longer listed, and closed here before.")
    kept_by_floor: int = Field(
        0, description="No longer listed, and kept: too few were still listed to believe the feed."
    )
    kept_incomplete: int = Field(0, description="No longer listed, and kept: the feed was not read whole.")
    listed_before: int = Field(0, description="Postings the feed listed before this import.")
    still_listed: int = Field(0, description="How many of those it still lists.")
    notes: int = Field(0, description="Optional fields that could not be used and were left out.")


class ProblemKind(StrEnum):
    """What a problem cost."""

    REJECTION = "rejection"  # the item
    NOTE = "note"  # one optional field of it


class ImportProblem(ReadModel):
    """An item, or one optional field of an item, that could not be used."""

    kind: ProblemKind
    source_id: str | None = Field(description="The source's own identifier, when it is readable.")
    pointer: str = Field(description="JSON pointer into the source's item.")
    reason: str


class ImportReportSummary(ReadModel):
    """What one import of a feed did."""

    id: UUID
    territory: str
    feed_id: UUID
    feed: str
    source: str
    origin: str = Field(description="`file:<name>` or `live`.")
    state: ImportState
    message: str | None
    counts: ImportCounts
    started_at: datetime
    finished_at: datetime | None


class ImportReportRead(ImportReportSummary):
    """What one import of a feed did, with the items that could not be used."""

    checksum: str | None = Field(description="SHA-256 of the file.")
    problems: list[ImportProblem] = Field(
        description="At most 500, rejections first; `counts` has the exact numbers."
    )
