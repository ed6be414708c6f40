"""How hard occupations are to fill, from the files of three official sources.

The Dares indicator (levels 1 to 5 by FAP 2009), the official list of shortage occupations by région
(FAP 2009) and France Travail's BMO survey by bassin (FAP 2021, ``*`` = masked). Each file is known
by its columns, so that a whole folder can be given.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, Literal

from service.adapters.referentials.families import CROSSWALK, LABELS_2021, Families
from service.adapters.referentials.files import SourceFile, Table, checksum, open_files, tables
from service.adapters.referentials.kinds import Kind, Reader, recognise
from service.core.errors import Invalid
from service.core.text import fold
from service.schemas.referential_files import FileReading, Progress, TensionFiles, TensionRelease, TensionRow

COUNTRY: Final = "FR"
_WHOLE_COUNTRY = "france entiere"
_YEAR = re.compile(r"(?<!\d)(20\d{2})(?!\d)")
_DETAILED_LEVEL = "fap 225"
_LEVELS = range(1, 6)
# Far above every figure and below what a database integer holds.
_IMPLAUSIBLE = 1_000_000_000

# INSEE codes of the régions, which the official list gives by name.
_REGIONS: Final = {
    fold(name): (code, name)
    for code, name in (
        ("01", "Guadeloupe"),
        ("02", "Martinique"),
        ("03", "Guyane"),
        ("04", "La Réunion"),
        ("06", "Mayotte"),
        ("11", "Île-de-France"),
        ("24", "Centre-Val de Loire"),
        ("27", "Bourgogne-Franche-Comté"),
        ("28", "Normandie"),
        ("32", "Hauts-de-France"),
        ("44", "Grand Est"),
        ("52", "Pays de la Loire"),
        ("53", "Bretagne"),
        ("75", "Nouvelle-Aquitaine"),
        ("76", "Occitanie"),
        ("84", "Auvergne-Rhône-Alpes"),
        ("93", "Provence-Alpes-Côte d'Azur"),
        ("94", "Corse"),
    )
}

DARES = Kind("Dares indicator", frozenset({"fap", "categorie_tension", "annee", "niveau_geo", "niveau_fap"}))
OFFICIAL_LIST = Kind(
    "official list of shortage occupations", frozenset({"region", "famille_professionnelle", "code_fap"})
)
BMO = Kind("BMO survey", frozenset({"annee", "code_metier_bmo", "nom_metier_bmo", "met", "xmet", "smet"}))
BY_ROME = Kind(
    "hiring difficulty by ROME v3 code",
    frozenset({"fap_code", "tension_pct", "rome_code"}),
    held=False,
    reason="a share computed by a third party from an old BMO, which the official sources replace",
)
KINDS = (DARES, OFFICIAL_LIST, BMO, CROSSWALK, LABELS_2021, BY_ROME)

Source = Literal["dares", "official-list", "bmo"]


@dataclass(slots=True)
class _Gathered:
    """One year of one source, as its files are read."""

    nomenclature: Literal["fap2009", "fap2021"]
    files: list[SourceFile] = field(default_factory=list)
    rows: dict[tuple[str, str, str, str | None], TensionRow] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def add(self, reader: Reader, row: TensionRow) -> None:
        """Keep ``row`` unless its family and area were met before; a contradiction is refused."""
        key = (row.family_code, row.area_kind, row.area_code, row.departement_code)
        known = self.rows.setdefault(key, row)
        if known is row:
            reader.keep()
        elif known == row:
            reader.leave("the same was met before")
        else:
            raise Invalid(
                f"{reader.table.name} contradicts what was read before about family {row.family_code} in "
                f"{row.area_name or row.area_code}: give one edition of a file at a time."
            )


def read_tension(paths: Sequence[Path], *, year: int | None = None, progress: Progress) -> TensionFiles:
    """Return what the files say of tension, with what each file was taken for.

    ``year`` is that of the official list, whose columns do not hold it; when None it is read from the
    file's name. Raises :class:`Invalid` when nothing usable was found, when the list's year cannot be
    told, or when two files contradict each other.
    """
    reading = _Reading(year, progress)
    for file in open_files(paths):
        reading.take(file)
    return reading.result()


class _Reading:
    def __init__(self, year: int | None, progress: Progress) -> None:
        self.year = year
        self.progress = progress
        self.files: list[FileReading] = []
        self.families = Families()
        self.gathered: dict[tuple[Source, int], _Gathered] = {}
        self.readers: Mapping[str, Callable[[SourceFile, Reader], None]] = {
            DARES.name: self._dares,
            OFFICIAL_LIST.name: self._official_list,
            BMO.name: self._bmo,
        }

    def take(self, file: SourceFile) -> None:
        if not file.readable:
            self.files.append(FileReading(file.name, None, "not a kind of file tension comes in"))
            return
        if file.suffix in {".txt", ""} and (found := self.families.take_text(file)) is not None:
            self._announce(found.name, found.taken_for, found.rows)
            self.files.append(found)
            return
        for table in tables(file):
            self.files.append(self._take_table(file, table))

    def _take_table(self, file: SourceFile, table: Table) -> FileReading:
        kind = recognise(table, KINDS)
        if kind is None:
            return FileReading(table.name, None, "its columns are not among those imported")
        if not kind.held:
            return FileReading(table.name, None, f"{kind.name} is not imported: {kind.reason}")
        self._announce(table.name, kind.name, len(table.rows))
        if kind in {CROSSWALK, LABELS_2021}:
            return self.families.take_table(file, table, kind)
        reader = Reader(table, kind.name)
        self.readers[kind.name](file, reader)
        return reader.reading()

    def _announce(self, name: str, taken_for: str | None, rows: int) -> None:
        self.progress(f"Reading {name}: {taken_for}, {rows:,} rows")

    def result(self) -> TensionFiles:
        families = self.families.release()
        releases = [
            TensionRelease(
                source=source,
                year=year,
                nomenclature=found.nomenclature,
                checksum=checksum(found.files),
                rows=list(found.rows.values()),
                labels=found.labels,
            )
            for (source, year), found in sorted(self.gathered.items())
            if found.rows
        ]
        if families is None and not releases:
            ignored = "; ".join(reading.sentence() for reading in self.files)
            raise Invalid(f"Nothing about tension was found. {ignored}")
        return TensionFiles(self.files, families, releases)

    def _gather(
        self, source: Source, year: int, nomenclature: Literal["fap2009", "fap2021"], file: SourceFile
    ) -> _Gathered:
        found = self.gathered.setdefault((source, year), _Gathered(nomenclature))
        if file not in found.files:
            found.files.append(file)
        return found

    def _dares(self, file: SourceFile, reader: Reader) -> None:
        columns = {
            "family": "fap",
            "year": "annee",
            "level": "categorie_tension",
            "indicator": "tension",
            "kind": "niveau_geo",
            "detail": "niveau_fap",
            "region": "reg",
            "departement": "dep",
        }
        for row in reader.rows(columns):
            year, level = _whole(row["year"]), _whole(row["level"])
            area = _dares_area(row)
            if row["detail"] != _DETAILED_LEVEL:
                reader.leave("an aggregate of families, which the crosswalk does not know")
            elif not row["family"] or year is None or area is None:
                reader.leave("no family, year or area")
            elif level is None:
                reader.leave("no level published")
            elif level not in _LEVELS:
                reader.leave("a level outside 1 to 5")
            else:
                found = self._gather("dares", year, "fap2009", file)
                found.add(
                    reader,
                    TensionRow(row["family"], *area, level=level, indicator=_decimal(row["indicator"])),
                )

    def _official_list(self, file: SourceFile, reader: Reader) -> None:
        named = _YEAR.search(file.name)
        year = self.year or (int(named[1]) if named else None)
        if year is None:
            raise Invalid(
                f"{file.name} is an official list of shortage occupations and does not say of which year: "
                "give it with --year."
            )
        columns = {"region": "region", "label": "famille_professionnelle", "family": "code_fap"}
        for row in reader.rows(columns):
            name = fold(row["region"])
            if name == _WHOLE_COUNTRY:
                area: tuple[_AreaKind, str, str | None] = ("country", COUNTRY, "France")
            elif name in _REGIONS:
                area = ("region", *_REGIONS[name])
            else:
                reader.leave("an unknown région")
                continue
            if not row["family"]:
                reader.leave("no family")
                continue
            found = self._gather("official-list", year, "fap2009", file)
            found.labels.setdefault(row["family"], " ".join(row["label"].split()))
            found.add(reader, TensionRow(row["family"], *area, listed=True))

    def _bmo(self, file: SourceFile, reader: Reader) -> None:
        code = next((name for name in reader.table.header if re.fullmatch(r"be\d{2}", name)), "")
        columns = {
            "year": "annee",
            "family": "code_metier_bmo",
            "label": "nom_metier_bmo",
            "departement": "dept",
            "area": code,
            "area_name": f"nom{code}",
            "planned": "met",
            "difficult": "xmet",
            "seasonal": "smet",
        }
        for row in reader.rows(columns):
            year = _whole(row["year"])
            counts = [_count(row[name]) for name in ("planned", "difficult", "seasonal")]
            if year is None or not row["family"] or not row["area"]:
                reader.leave("no family, year or bassin")
            elif _UNREADABLE in counts:
                reader.leave("a figure that is neither a number nor *")
            else:
                planned, difficult, seasonal = counts
                found = self._gather("bmo", year, "fap2021", file)
                found.labels.setdefault(row["family"], " ".join(row["label"].split()))
                found.add(
                    reader,
                    TensionRow(
                        row["family"],
                        "bmo-area",
                        row["area"],
                        row["area_name"] or None,
                        departement_code=row["departement"].zfill(2) if row["departement"] else None,
                        planned_hirings=planned,
                        difficult_hirings=difficult,
                        seasonal_hirings=seasonal,
                    ),
                )


_AreaKind = Literal["country", "region", "departement", "bmo-area"]
_UNREADABLE: Final = -1


def _dares_area(row: Mapping[str, str]) -> tuple[_AreaKind, str, str | None] | None:
    kind = row["kind"].strip()
    if kind == "nat":
        return ("country", COUNTRY, "France")
    if kind == "reg" and (code := _whole(row["region"])) is not None:
        region = f"{code:02d}"
        return ("region", region, next((name for known, name in _REGIONS.values() if known == region), None))
    if kind == "dep" and row["departement"]:
        return ("departement", row["departement"].zfill(2), None)
    return None


def _whole(text: str) -> int | None:
    number = _decimal(text)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _IMPLAUSIBLE else None


def _count(text: str) -> int | None:
    """Return a number of hirings; None when it is masked (``*``) or empty."""
    if text in {"*", ""}:
        return None
    number = _whole(text.replace(" ", "").replace(" ", ""))
    return number if number is not None and number >= 0 else _UNREADABLE
