"""Small releases for tests, made with sensible values; every argument overrides one."""

from typing import Any

from service.domain.access import system
from service.schemas.referential_files import (
    CommuneRelease,
    CommuneRow,
    CrosswalkRow,
    FamilyRelease,
    FamilyRow,
    MobilityRow,
    OccupationRow,
    OccupationSectorRow,
    OccupationSkillRow,
    RomeRelease,
    SectorRow,
    SkillRow,
    TensionRelease,
    TensionRow,
    TitleRow,
)

ACTOR = system("test")
LABELS = {
    "D1102": "Boulanger / Boulangère",
    "D1104": "Pâtissier / Pâtissière",
    "F1703": "Maçon / Maçonne",
    "J1501": "Aide-soignant / Aide-soignante",
    "N4101": "Conducteur / Conductrice de poids lourd",
    "K1302": "Assistant / Assistante de vie dépendance",
}


def occupation(code: str, **overrides: Any) -> OccupationRow:
    """Return an occupation."""
    row = OccupationRow(code, LABELS.get(code, code), None, None, code, code[:3], "Domain", code[0], "Major")
    return row._replace(**overrides)


def rome(**overrides: Any) -> RomeRelease:
    """Return a release of six occupations, one title and one skill each, and one move."""
    codes = list(LABELS)
    values: dict[str, Any] = {
        "version": "60",
        "checksum": "a" * 64,
        "files": [],
        "sectors": [SectorRow("10", "Industries alimentaires"), SectorRow("43", "Travaux")],
        "occupations": [occupation(code) for code in codes],
        "titles": [
            TitleRow(f"1{number}", code, LABELS[code], LABELS[code], rarely_used=False)
            for number, code in enumerate(codes)
        ],
        "skills": [SkillRow(f"2{n}", f"Compétence {n}", "competence", None, None) for n in range(6)],
        "occupation_skills": [OccupationSkillRow(code, f"2{n}", None) for n, code in enumerate(codes)],
        "mobilities": [MobilityRow("D1102", "D1104", 1)],
        "occupation_sectors": [OccupationSectorRow("D1102", "10")],
        "links": {"titles": 6},
    } | overrides
    return RomeRelease(**values)


def commune(code: str, name: str, **overrides: Any) -> CommuneRow:
    """Return a commune of Ardèche."""
    row = CommuneRow(
        code=code,
        name=name,
        postal_codes=["07200"],
        population=1000,
        departement_code="07",
        departement_name="Ardèche",
        region_code="84",
        region_name="Auvergne-Rhône-Alpes",
        epci_code="200073245",
        epci_name="CC du Bassin d'Aubenas",
        employment_area_code="8402",
        employment_area_name="Aubenas",
        bmo_area_code="8420",
        bmo_area_name="AUBENAS",
        latitude=44.61,
        longitude=4.39,
    )
    return row._replace(**overrides)


def communes(*rows: CommuneRow, **overrides: Any) -> CommuneRelease:
    """Return a list of communes."""
    values: dict[str, Any] = {"version": "2025", "checksum": "b" * 64, "files": []} | overrides
    return CommuneRelease(**values, communes=list(rows))


def families(*crosswalk: CrosswalkRow, labels: dict[str, str] | None = None) -> FamilyRelease:
    """Return a crosswalk, with labels of FAP 2009."""
    named = [FamilyRow("fap2009", code, label) for code, label in (labels or {}).items()]
    return FamilyRelease("FAP 2009", "c" * 64, named, list(crosswalk))


def dares(*rows: TensionRow, year: int = 2019, **overrides: Any) -> TensionRelease:
    """Return a year of the Dares indicator."""
    return TensionRelease("dares", year, "fap2009", overrides.get("checksum", "d" * 64), list(rows), {})


def official_list(*rows: TensionRow, year: int = 2024) -> TensionRelease:
    """Return a year of the official list."""
    return TensionRelease("official-list", year, "fap2009", "e" * 64, list(rows), {})


def level(family: str, kind: Any, code: str, value: int) -> TensionRow:
    """Return a level of the Dares indicator."""
    return TensionRow(family, kind, code, None, level=value)


def listed(family: str, kind: Any = "region", code: str = "84") -> TensionRow:
    """Return an entry of the official list."""
    return TensionRow(family, kind, code, "Auvergne-Rhône-Alpes" if code == "84" else None, listed=True)
