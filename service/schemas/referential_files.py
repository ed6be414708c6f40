"""What the publishers' own files of a referential say, in one shape: read by adapters, written by the domain.

Rows are named tuples in the order their table is loaded in. A value the publisher does not give, or
masks, is ``None``: never zero, never a guess.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file was taken for, and what became of its rows.

    ``taken_for`` is ``None`` when the file was ignored; ``reason`` then says why.
    ``rows == kept + sum(left_out.values())``; ``left_out`` counts rows by reason.
    """

    name: str
    taken_for: str | None
    reason: str = ""
    rows: int = 0
    kept: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def sentence(self) -> str:
        """Return the reading as one line for a person."""
        if self.taken_for is None:
            return f"{self.name}: ignored, {self.reason}"
        parts = [f"{self.name}: {self.taken_for}"]
        if self.rows:
            parts.append(f"{self.kept:,} of {self.rows:,} rows")
        parts += [f"{count:,} left out: {reason}" for reason, count in self.left_out.items()]
        return ", ".join(parts)


class SectorRow(NamedTuple):
    """A NAF division: two digits, and ``00`` for what crosses all sectors."""

    code: str
    label: str


class OccupationRow(NamedTuple):
    """A ROME occupation."""

    code: str
    label: str
    definition: str | None
    access: str | None
    parent_code: str | None
    domain_code: str | None
    domain_label: str | None
    major_domain_code: str | None
    major_domain_label: str | None


class TitleRow(NamedTuple):
    """A title (appellation) of an occupation."""

    code: str
    occupation_code: str
    label: str
    short_label: str
    rarely_used: bool


class SkillRow(NamedTuple):
    """A competence or a piece of knowledge."""

    code: str
    label: str
    kind: Literal["competence", "knowledge"]
    category: str | None
    macro_code: str | None


class OccupationSkillRow(NamedTuple):
    """A skill ROME lists for an occupation; ``importance`` is ``principale``, ``émergente`` or not said."""

    occupation_code: str
    skill_code: str
    importance: str | None


class MobilityRow(NamedTuple):
    """A move from one occupation to another, 1 the first ROME lists."""

    from_code: str
    to_code: str
    rank: int


class OccupationSectorRow(NamedTuple):
    """A NAF division in which an occupation is practised."""

    occupation_code: str
    sector_code: str


@dataclass(frozen=True, slots=True)
class RomeRelease:
    """One whole release of ROME. ``links`` accounts for every row of its links file, by what it links to."""

    version: str
    checksum: str
    files: list[FileReading]
    sectors: list[SectorRow]
    occupations: list[OccupationRow]
    titles: list[TitleRow]
    skills: list[SkillRow]
    occupation_skills: list[OccupationSkillRow]
    mobilities: list[MobilityRow]
    occupation_sectors: list[OccupationSectorRow]
    links: Mapping[str, int]


class CommuneRow(NamedTuple):
    """A commune as its publisher describes it; latitude and longitude in degrees (WGS 84)."""

    code: str
    name: str
    postal_codes: list[str]
    population: int | None
    departement_code: str
    departement_name: str
    region_code: str
    region_name: str
    epci_code: str | None
    epci_name: str | None
    employment_area_code: str | None
    employment_area_name: str | None
    bmo_area_code: str | None
    bmo_area_name: str | None
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class CommuneRelease:
    """One whole list of communes."""

    version: str
    checksum: str
    files: list[FileReading]
    communes: list[CommuneRow]


class FamilyRow(NamedTuple):
    """The label of a professional family in one nomenclature: ``fap2009`` or ``fap2021``."""

    nomenclature: str
    code: str
    label: str


class CrosswalkRow(NamedTuple):
    """A family of FAP 2009 covers a ROME v3 code, for these digits of qualification (``None``: not told)."""

    family_code: str
    rome_code: str
    qualifications: list[str] | None


@dataclass(frozen=True, slots=True)
class FamilyRelease:
    """Labels of the families and the crosswalk from FAP 2009 to ROME v3; either may be empty."""

    version: str
    checksum: str
    labels: list[FamilyRow]
    crosswalk: list[CrosswalkRow]


class TensionRow(NamedTuple):
    """What one source says of one family in one area. ``None`` is "not published" or masked."""

    family_code: str
    area_kind: Literal["country", "region", "departement", "bmo-area"]
    area_code: str
    area_name: str | None
    departement_code: str | None = None
    level: int | None = None
    indicator: Decimal | None = None
    listed: bool | None = None
    planned_hirings: int | None = None
    difficult_hirings: int | None = None
    seasonal_hirings: int | None = None


@dataclass(frozen=True, slots=True)
class TensionRelease:
    """One year of one source of tension. ``labels`` names the families in the source's own words."""

    source: Literal["dares", "official-list", "bmo"]
    year: int
    nomenclature: Literal["fap2009", "fap2021"]
    checksum: str
    rows: list[TensionRow]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TensionFiles:
    """All that was understood of the files given for tension."""

    files: list[FileReading]
    families: FamilyRelease | None
    releases: list[TensionRelease]
