"""Reading the list of communes, as csv and as API Géo gives it."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from service.adapters.referentials import read_communes
from service.core.errors import Invalid
from service.schemas.referential_files import CommuneRelease

_HEADER = (
    "code_insee nom codes_postaux population code_departement departement code_region region "
    "siren_epci epci latitude longitude"
)
_AUBENAS = (
    *("07019", "Aubenas", "07200", "12416", "07", "Ardèche"),
    *("84", "Auvergne-Rhône-Alpes", "200073245", "Bassin", "44.61", "4.39"),
)


def _silent(_: str) -> None:
    """Say nothing."""


def _read(*paths: Path) -> CommuneRelease:
    return read_communes(paths, version="2025", progress=_silent)


def _changed(**cells: str) -> list[str]:
    names = _HEADER.split()
    return [cells.get(name, cell) for name, cell in zip(names, _AUBENAS, strict=True)]


@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8"), (";", "cp1252"), (";", "utf-8-sig")])
def test_a_commune_reads_the_same_whatever_the_dialect(
    write_csv: Callable[..., Path], separator: str, encoding: str
) -> None:
    path = write_csv("communes.csv", _HEADER, _AUBENAS, separator=separator, encoding=encoding)
    (commune,) = _read(path).communes
    assert (commune.code, commune.name, commune.postal_codes) == ("07019", "Aubenas", ["07200"])
    assert (commune.population, commune.departement_name, commune.epci_code) == (
        12416,
        "Ardèche",
        "200073245",
    )
    assert (commune.latitude, commune.longitude) == (44.61, 4.39)
    assert commune.employment_area_code is None


def test_what_the_publisher_does_not_give_is_nothing(write_csv: Callable[..., Path]) -> None:
    path = write_csv(
        "communes.csv",
        _HEADER,
        _changed(codes_postaux="", population="", siren_epci="", epci="", latitude=""),
        _changed(
            code_insee="2A004", codes_postaux="20000|20090|20167|20000|abc", latitude="44,61", longitude="400"
        ),
    )
    first, second = _read(path).communes
    assert (first.postal_codes, first.population, first.epci_code, first.epci_name) == ([], None, None, None)
    assert (first.latitude, first.longitude) == (None, None)
    assert second.postal_codes == ["20000", "20090", "20167"]
    assert (second.latitude, second.longitude) == (None, None)


def test_rows_that_are_no_commune_are_left_out_and_counted(write_csv: Callable[..., Path]) -> None:
    path = write_csv(
        "communes.csv",
        _HEADER,
        _AUBENAS,
        _AUBENAS,
        _changed(code_insee="7019"),
        _changed(code_insee="07020", nom=""),
        ["07021", "Short"],
    )
    (file,) = _read(path).files
    assert (file.rows, file.kept) == (5, 1)
    assert file.left_out == {
        "another number of cells than the header": 1,
        "code met before": 1,
        "no INSEE code of a commune": 1,
        "no name, département or région": 1,
    }


def test_the_json_of_api_geo_is_read(tmp_path: Path) -> None:
    commune = {
        "nom": "Aubenas",
        "code": "07019",
        "codesPostaux": ["07200"],
        "population": 12416,
        "departement": {"code": "07", "nom": "Ardèche"},
        "region": {"code": "84", "nom": "Auvergne-Rhône-Alpes"},
        "epci": {"code": "200073245", "nom": "CC du Bassin d'Aubenas"},
        "centre": {"type": "Point", "coordinates": [4.39, 44.61]},
    }
    path = tmp_path / "communes.json"
    path.write_bytes(orjson.dumps([commune, commune | {"code": "07020", "centre": None}]))
    first, second = _read(path).communes
    assert (first.code, first.latitude, first.longitude) == ("07019", 44.61, 4.39)
    assert (first.epci_name, first.region_code) == ("CC du Bassin d'Aubenas", "84")
    assert (second.latitude, second.longitude) == (None, None)


@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b'[{"nom": "Aubenas"}]', b"[1]", b'["\\u0000"]'])
def test_json_that_holds_no_communes_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(Invalid, match=r"x\.json"):
        _read(tmp_path / "x.json")


def test_another_table_is_refused_and_named(write_csv: Callable[..., Path]) -> None:
    with pytest.raises(Invalid, match=r"No list of communes was found\. other\.csv: ignored"):
        _read(write_csv("other.csv", "code label", ("1", "x")))
