"""The list of communes: one row per INSEE code, with everything the commune belongs to.

Read from a CSV (``code_insee``, ``nom``, ``codes_postaux``…) or from the JSON of API Géo
(``geo.api.gouv.fr/communes?fields=nom,code,codesPostaux,population,departement,region,epci,centre``).
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from service.adapters.referentials.files import SourceFile, Table, checksum, open_files, tables
from service.adapters.referentials.kinds import Kind, Reader, recognise
from service.core.errors import Invalid
from service.schemas.referential_files import CommuneRelease, CommuneRow, FileReading, Progress

_CODE = re.compile(r"(?:\d{2}|2[AB])\d{3}")
_POSTAL_CODE = re.compile(r"\d{5}")
_POPULATION = re.compile(r"[0-9]{1,9}")
_NOT_DIGITS = re.compile(r"\D+")
COMMUNES = Kind(
    "communes",
    frozenset(
        {
            "code_insee",
            "nom",
            "codes_postaux",
            "code_departement",
            "departement",
            "code_region",
            "region",
        }
    ),
)
# CommuneRow's field → the CSV's column.
_COLUMNS = {
    "code": "code_insee",
    "name": "nom",
    "postal_codes": "codes_postaux",
    "population": "population",
    "departement_code": "code_departement",
    "departement_name": "departement",
    "region_code": "code_region",
    "region_name": "region",
    "epci_code": "siren_epci",
    "epci_name": "epci",
    "employment_area_code": "code_zone_emploi_2020",
    "employment_area_name": "zone_emploi_2020",
    "bmo_area_code": "code_bassin_emploi",
    "bmo_area_name": "bassin_emploi",
    "latitude": "latitude",
    "longitude": "longitude",
}
_NEEDED = ("name", "departement_code", "departement_name", "region_code", "region_name")


def read_communes(paths: Sequence[Path], *, version: str, progress: Progress) -> CommuneRelease:
    """Return the communes found in ``paths``, as release ``version`` (by habit a date, ``2025-01-01``).

    A row without INSEE code, name, département or région is left out and counted; an unreadable
    population or point is ``None``. Raises :class:`Invalid` when no file holds communes.
    """
    found: dict[str, CommuneRow] = {}
    readings: list[FileReading] = []
    used: list[SourceFile] = []
    for file in open_files(paths):
        taken = False
        for table in _tables(file):
            if recognise(table, [COMMUNES]) is None:
                readings.append(
                    FileReading(table.name, None, "it has no columns code_insee, nom, codes_postaux…")
                )
                continue
            progress(f"Reading {table.name}: communes, {len(table.rows):,} rows")
            reader = Reader(table, COMMUNES.name)
            for cells in reader.rows(_COLUMNS):
                _take(reader, cells, found)
            readings.append(reader.reading())
            taken = True
        if taken:
            used.append(file)
    if not found:
        ignored = "; ".join(reading.sentence() for reading in readings)
        raise Invalid(f"No list of communes was found. {ignored}")
    return CommuneRelease(
        version=version, checksum=checksum(used), files=readings, communes=list(found.values())
    )


def _take(reader: Reader, cells: Mapping[str, str], found: dict[str, CommuneRow]) -> None:
    if not _CODE.fullmatch(cells["code"]):
        reader.leave("no INSEE code of a commune")
    elif not all(cells[name] for name in _NEEDED):
        reader.leave("no name, département or région")
    elif cells["code"] in found:
        reader.leave("code met before")
    else:
        found[cells["code"]] = _commune(cells)
        reader.keep()


def _commune(cells: Mapping[str, str]) -> CommuneRow:
    latitude, longitude = _degrees(cells["latitude"], 90), _degrees(cells["longitude"], 180)
    if latitude is None or longitude is None:
        latitude = longitude = None
    postal_codes = _NOT_DIGITS.split(cells["postal_codes"])
    return CommuneRow(
        code=cells["code"],
        name=cells["name"],
        postal_codes=sorted({code for code in postal_codes if _POSTAL_CODE.fullmatch(code)}),
        population=int(cells["population"]) if _POPULATION.fullmatch(cells["population"]) else None,
        departement_code=cells["departement_code"],
        departement_name=cells["departement_name"],
        region_code=cells["region_code"].zfill(2),
        region_name=cells["region_name"],
        epci_code=cells["epci_code"] or None,
        epci_name=cells["epci_name"] or None,
        employment_area_code=cells["employment_area_code"] or None,
        employment_area_name=cells["employment_area_name"] or None,
        bmo_area_code=cells["bmo_area_code"] or None,
        bmo_area_name=cells["bmo_area_name"] or None,
        latitude=latitude,
        longitude=longitude,
    )


def _degrees(text: str, most: float) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= most else None


def _tables(file: SourceFile) -> list[Table]:
    if not file.readable:
        return [Table(file.name, (), [])]
    return [_from_api_geo(file)] if file.suffix == ".json" else tables(file)


def _from_api_geo(file: SourceFile) -> Table:
    try:
        items = orjson.loads(file.content)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{file.name} is not JSON: {error}.") from error
    # Escaped, it passes JSON and is refused by PostgreSQL.
    if b"\\u0000" in file.content:
        raise Invalid(f"{file.name} is not a text file: it holds NUL characters.")
    communes = items if isinstance(items, list) else []
    rows = [list(_cells(item)) for item in communes if isinstance(item, dict) and "codesPostaux" in item]
    return Table(file.name, tuple(_COLUMNS.values()) if rows else (), list(rows))


def _cells(item: Mapping[str, Any]) -> Iterator[str]:
    def inside(name: str, key: str) -> Any:
        part = item.get(name)
        return part.get(key) if isinstance(part, dict) else None

    point = inside("centre", "coordinates")
    longitude, latitude = point if isinstance(point, list) and len(point) == 2 else (None, None)  # noqa: PLR2004 - a point has two coordinates
    codes = item.get("codesPostaux")
    values = {
        "code": item.get("code"),
        "name": item.get("nom"),
        "postal_codes": " ".join(map(str, codes)) if isinstance(codes, list) else None,
        "population": item.get("population"),
        "departement_code": item.get("codeDepartement") or inside("departement", "code"),
        "departement_name": inside("departement", "nom"),
        "region_code": item.get("codeRegion") or inside("region", "code"),
        "region_name": inside("region", "nom"),
        "epci_code": item.get("codeEpci") or inside("epci", "code"),
        "epci_name": inside("epci", "nom"),
        "latitude": latitude,
        "longitude": longitude,
    }
    for name in _COLUMNS:
        value = values.get(name)
        yield "" if value is None else str(value).strip()
