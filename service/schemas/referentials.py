"""Referentials as the public reads them: occupations, skills, sectors, communes, tension."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from service.schemas.base import ReadModel

_EXAMPLE_TENSION: dict[str, Any] = {
    "in_tension": True,
    "level": 5,
    "source": "official-list",
    "year": 2024,
    "area_kind": "region",
    "area_code": "84",
    "area_name": "Auvergne-Rhône-Alpes",
    "family_code": "B2Z40",
    "family_label": "Maçons",
    "labels": {
        "fr": "Métier en tension : sur la liste officielle 2024 (Auvergne-Rhône-Alpes)",
        "en": "Shortage occupation: on the official list of 2024 (Auvergne-Rhône-Alpes)",
    },
    "agree": True,
    "facts": [
        {
            "in_tension": True,
            "level": None,
            "listed": True,
            "source": "official-list",
            "year": 2024,
            "area_kind": "region",
            "area_code": "84",
            "area_name": "Auvergne-Rhône-Alpes",
            "family_code": "B2Z40",
            "family_label": "Maçons",
        },
        {
            "in_tension": True,
            "level": 5,
            "listed": None,
            "source": "dares",
            "year": 2019,
            "area_kind": "departement",
            "area_code": "07",
            "area_name": "Ardèche",
            "family_code": "B2Z40",
            "family_label": "Maçons",
        },
    ],
}

TensionSourceName = Literal["dares", "official-list"]
AreaKind = Literal["country", "region", "departement"]
DepartementCode = Annotated[str, StringConstraints(pattern=r"^(\d{2}|2[AB]|97\d|98\d)$")]
SkillKind = Literal["competence", "knowledge"]
Search = Annotated[str, StringConstraints(max_length=200)]


class TensionSource(ReadModel):
    """What one official source says of one family of occupations, in the narrowest area it covers."""

    in_tension: bool = Field(description="Listed, or at least level 4.")
    level: int | None = Field(description="Dares: 1 (very low) to 5 (very high). Null for the list.")
    listed: bool | None = Field(
        description="The official list: true when it names the family here, false when it covers the area "
        "without naming it. Null for Dares."
    )
    source: TensionSourceName
    year: int
    area_kind: AreaKind
    area_code: str
    area_name: str | None
    family_code: str = Field(description="Family of FAP 2009, through which sources and ROME are joined.")
    family_label: str | None


class TensionFact(ReadModel):
    """Whether an occupation is hard to fill in a place, who says so, and of which year.

    It is when the official list names its family there or in the whole country, or the Dares
    indicator is 4 or 5. Each source is read in the narrowest area it covers. ``source``, ``year`` and
    area are those of the fact that decided: among the facts that agree with the answer the most
    recent, then the narrowest. ``facts`` holds them all.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE_TENSION]})

    in_tension: bool
    level: int | None = Field(description="Dares level, 1 (very low) to 5 (very high), wherever known.")
    source: TensionSourceName
    year: int
    area_kind: AreaKind
    area_code: str
    area_name: str | None
    family_code: str
    family_label: str | None
    labels: dict[str, str] = Field(description="The answer as a sentence, by language: `fr`, `en`.")
    agree: bool = Field(description="False when the facts contradict each other.")
    facts: list[TensionSource]

    @property
    def label(self) -> str:
        """The answer as a French sentence."""
        return self.labels["fr"]

    def as_dict(self) -> dict[str, Any]:
        """Return the document stored with a posting: JSON types only."""
        return self.model_dump(mode="json")


class CodeLabel(ReadModel):
    """A code and what it means."""

    code: str
    label: str


class OccupationItem(ReadModel):
    """An occupation in a list; ``title`` is the wording that matched the search."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "D1102",
                    "label": "Boulanger / Boulangère",
                    "title": {"code": "11573", "label": "Boulanger / Boulangère"},
                    "tension": None,
                }
            ]
        }
    )

    code: str = Field(description="ROME 4.0 code.")
    label: str
    title: CodeLabel | None = Field(
        description="The title found, with its OGR code; null without a search, and when the occupation was "
        "found by its own label."
    )
    tension: TensionFact | None = Field(description="Only when a place is asked for, and a source covers it.")


class TitleItem(CodeLabel):
    """A title (appellation) of an occupation."""

    short_label: str
    rarely_used: bool


class OccupationSkillItem(CodeLabel):
    """A skill ROME lists for the occupation."""

    kind: SkillKind
    category: str | None
    importance: str | None = Field(description="`principale`, `émergente`, or null when ROME does not say.")


class MobilityItem(CodeLabel):
    """An occupation one can move to; rank 1 comes first."""

    rank: int


class ReleaseItem(ReadModel):
    """Which release of the referential this comes from."""

    referential: str
    version: str
    source: str = Field(examples=["France Travail, ROME 4.0, Licence Ouverte 2.0"])


class OccupationRead(ReadModel):
    """An occupation in full."""

    code: str
    label: str
    definition: str | None
    access: str | None = Field(description="How one enters the trade, in ROME's words.")
    parent_code: str | None = Field(description="The code it came from in ROME v3.")
    domain: CodeLabel | None
    major_domain: CodeLabel | None
    obsolete: bool = Field(description="True when the present release of ROME no longer holds it.")
    titles: list[TitleItem]
    skills: list[OccupationSkillItem] = Field(description="The heart of the trade first.")
    mobilities: list[MobilityItem]
    sectors: list[CodeLabel]
    tension: TensionFact | None = Field(description="Only when a place is asked for, and a source covers it.")
    release: ReleaseItem | None


class SkillItem(CodeLabel):
    """A ROME competence or piece of knowledge."""

    kind: SkillKind
    category: str | None


class SectorItem(CodeLabel):
    """A NAF division, two digits; `00` crosses all sectors."""


class CommuneItem(ReadModel):
    """A commune, by its INSEE code (never by its postal code)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "07019",
                    "name": "Aubenas",
                    "postal_codes": ["07200"],
                    "population": 12416,
                    "departement": {"code": "07", "label": "Ardèche"},
                    "region": {"code": "84", "label": "Auvergne-Rhône-Alpes"},
                    "latitude": 44.61,
                    "longitude": 4.39,
                }
            ]
        }
    )

    code: str
    name: str
    postal_codes: list[str]
    population: int | None
    departement: CodeLabel
    region: CodeLabel
    latitude: float | None = Field(description="Degrees, WGS 84; null when the publisher gives none.")
    longitude: float | None


class CommuneRead(CommuneItem):
    """A commune in full, with the territories of this platform that cover it."""

    epci: CodeLabel | None
    employment_area: CodeLabel | None = Field(description="Zone d'emploi 2020.")
    bmo_area: CodeLabel | None = Field(description="Bassin d'emploi of the BMO survey.")
    obsolete: bool = Field(description="True when the present list of communes no longer holds it.")
    territories: list[str] = Field(description="Slugs of the territories that cover it.")
