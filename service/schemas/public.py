"""What brand websites ask of a territory's postings, and what they get."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from service.core.pagination import MAX_LIMIT
from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.schemas.base import CommuneCode, Moment, OccupationCode, ReadModel
from service.schemas.public_postings import PublicPosting
from service.schemas.search import PostingFacet, SearchOrder

_MANY = 50


def _near(value: str) -> str:
    latitude, separator, longitude = value.partition(",")
    if not separator:
        return value
    try:
        point = (float(latitude), float(longitude))
    except ValueError:
        point = (999.0, 999.0)
    if not (-90 <= point[0] <= 90 and -180 <= point[1] <= 180):  # noqa: PLR2004 - degrees
        message = "must be a commune's INSEE code or `latitude,longitude` in degrees, such as 44.62,4.39"
        raise ValueError(message)
    return value


Near = Annotated[
    str,
    StringConstraints(pattern=r"^((\d{2}|2[AB])\d{3}|-?\d{1,2}(\.\d+)?,-?\d{1,3}(\.\d+)?)$"),
    AfterValidator(_near),
]
DepartementCode = Annotated[str, StringConstraints(pattern=r"^(\d{2}|2[AB]|97\d)$")]
DomainCode = Annotated[str, StringConstraints(pattern=r"^[A-N](\d{2})?$")]
SectorCode = Annotated[str, StringConstraints(pattern=r"^\d{2}$")]
SourceCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]


class PostingSearch(BaseModel):
    """Filters all hold together; several values of one filter mean any of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: str = Field(
        "",
        max_length=1000,
        description="Words, as typed. Accents, elisions, plurals, feminines and small typos are understood; "
        "the last word may be unfinished. Up to 12 words are read.",
        examples=["boulanger aubenas"],
    )
    occupation: list[OccupationCode] = Field(default=[], max_length=_MANY, description="ROME codes.")
    domain: list[DomainCode] = Field(
        default=[],
        max_length=_MANY,
        description="ROME domains, one letter (`D`) or three characters (`D11`).",
    )
    sector: list[SectorCode] = Field(default=[], max_length=_MANY, description="NAF divisions, two digits.")
    contract: list[ContractKind] = Field(default=[], max_length=_MANY)
    working_time: list[WorkingTime] = Field(default=[], max_length=_MANY)
    in_tension: bool | None = Field(
        None, description="Only shortage trades (true), or only the others (false)."
    )
    commune: list[CommuneCode] = Field(default=[], max_length=_MANY, description="INSEE codes.")
    departement: list[DepartementCode] = Field(default=[], max_length=_MANY)
    near: Near | None = Field(
        None,
        description="Centre of a circle: a commune's INSEE code, or `latitude,longitude`.",
        examples=["07019", "44.62,4.39"],
    )
    radius_km: Annotated[float, Field(gt=0, le=500, allow_inf_nan=False)] = Field(
        20, description="Radius of the circle around `near`."
    )
    salary_from: Annotated[Decimal, Field(ge=0, le=10_000_000, allow_inf_nan=False)] | None = Field(
        None,
        description="Gross euros a year that the posting's upper amount reaches. "
        "Postings that state no amount are left out.",
        examples=[24000],
    )
    remote: list[RemoteKind] = Field(default=[], max_length=_MANY)
    published_since: Moment | None = Field(None, examples=["2026-11-01T00:00:00Z"])
    employer: list[UUID] = Field(default=[], max_length=_MANY)
    source: list[SourceCode] = Field(default=[], max_length=_MANY)
    order: SearchOrder = Field(SearchOrder.RELEVANCE, description="Without words, both mean newest first.")
    facets: list[PostingFacet] = Field(
        default=[],
        max_length=20,
        description="What to count. A facet's counts ignore the filter on that facet.",
    )
    highlight: bool = Field(default=True, description="Mark the found words (only when `q` has some).")
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 20
    after: str | None = Field(
        None, max_length=2000, description="The `next` value of the page before, asked with the same filters."
    )


class HighlightsRead(ReadModel):
    """HTML: everything escaped, found words inside `<mark>`."""

    title: str
    description: str | None


class FoundPosting(PublicPosting):
    """A posting in a list; `highlights` is there when words were searched."""

    highlights: HighlightsRead | None = None


class FacetValueRead(ReadModel):
    """How many postings a value would leave."""

    value: str
    label: str
    count: int


class CorrectionRead(ReadModel):
    """A word that no posting holds, and what was searched in its place."""

    typed: str
    read_as: list[str]


class FoundPostings(ReadModel):
    """One page of a territory's postings."""

    items: list[FoundPosting]
    next: str | None = Field(description="Cursor of the following page, or null on the last one.")
    total: int = Field(description="How many there are in all.")
    facets: dict[PostingFacet, list[FacetValueRead]] = Field(description="The facets asked for.")
    engine: str = Field(description="Which engine answered.")
    degraded: bool = Field(
        description="Another engine should have answered and could not: what is found is right, its order "
        "may differ, and nobody may keep this answer."
    )
    relaxed: bool = Field(description="No posting has all the words; these have some of them.")
    corrections: list[CorrectionRead] = Field(description="Words that were read as others.")
    ignored: list[str] = Field(description="Words that nothing resembles.")
    cut: bool = Field(description="There were more words than are read.")
