"""Reading tension: each source known by its columns, nothing counted twice, nothing masked made zero."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from service.adapters.referentials import read_tension
from service.adapters.referentials.families import sas_formats
from service.core.errors import Invalid
from service.schemas.referential_files import TensionFiles

Write = Callable[..., Path]
_BMO = "annee Code_métier_BMO Nom_métier_BMO Dept BE24 NOMBE24 met xmet smet"
_DARES = "fap Emploi_moyen Tension Catégorie_Tension Année niveau_geo niveau_fap reg dep"
_LIST = "Region Famille_Professionnelle Code_FAP"
_PASSAGE = """
/* "F9999" = "Z9Z99" is only a comment */
value $FAP9RSQ
"F1703" , "F1704"   =  "B2Z40"
 Other = "ZZZZZ";
value $FAP9RAQ
"D11020","D11026" = "S0Z42"
"D11021" = "S0Z20"
"D1102" = "S0Z42"
;
"""


def _silent(_: str) -> None:
    """Say nothing."""


def _read(*paths: Path, year: int | None = None) -> TensionFiles:
    return read_tension(paths, year=year, progress=_silent)


def test_masked_figures_are_unknown_and_zero_is_zero(write_csv: Write) -> None:
    path = write_csv(
        "bmo.csv",
        _BMO,
        ("2024", "A0X40", "Agriculteurs", "07", "8420", "AUBENAS", "17", "*", "0"),
        ("2024", "A0X40", "Agriculteurs", "7", "8421", "PRIVAS", "*", "*", "*"),
        ("2024", "A0X40", "Agriculteurs", "07", "8422", "X", "beaucoup", "1", "1"),
        ("2024", "A0X40", "Agriculteurs", "07", "8423", "X", "9" * 30, "1", "1"),
        ("2024", "A0X40", "Agriculteurs", "07", "8424", "X", "-1", "1", "1"),
        ("2024", "", "Agriculteurs", "07", "8422", "X", "1", "1", "1"),
    )
    (release,) = _read(path).releases
    assert (release.source, release.year, release.nomenclature) == ("bmo", 2024, "fap2021")
    first, second = release.rows
    assert (first.planned_hirings, first.difficult_hirings, first.seasonal_hirings) == (17, None, 0)
    assert (second.planned_hirings, second.difficult_hirings, second.seasonal_hirings) == (None, None, None)
    assert (second.area_kind, second.area_code, second.departement_code) == ("bmo-area", "8421", "07")
    (file,) = _read(path).files
    assert file.left_out == {"a figure that is neither a number nor *": 3, "no family, year or bassin": 1}


def test_the_same_survey_given_twice_counts_once(write_csv: Write) -> None:
    row = ("2024", "A0X40", "Agriculteurs", "07", "8420", "AUBENAS", "17", "*", "0")
    first, second = write_csv("a.csv", _BMO, row), write_csv("b.csv", _BMO, row, separator=";")
    found = _read(first, second)
    assert [len(release.rows) for release in found.releases] == [1]
    assert found.files[1].left_out == {"the same was met before": 1}


def test_two_editions_that_contradict_each_other_are_refused(write_csv: Write) -> None:
    row = ("2024", "A0X40", "Agriculteurs", "07", "8420", "AUBENAS", "17", "*", "0")
    first, second = write_csv("a.csv", _BMO, row), write_csv("b.csv", _BMO, (*row[:6], "18", "*", "0"))
    with pytest.raises(Invalid, match=r"b\.csv contradicts .* A0X40 in AUBENAS"):
        _read(first, second)


def test_only_detailed_families_with_a_level_are_kept_from_dares(write_csv: Write) -> None:
    path = write_csv(
        "dares.csv",
        _DARES,
        ("A0Z40", "63100", "-0.006", "3.0", "2019", "nat", "fap 225", "", ""),
        ("A0Z40", "100", "0,5", "4.0", "2019", "reg", "fap 225", "3.0", ""),
        ("A0Z40", "100", "1", "5", "2019", "dep", "fap 225", "", "2A"),
        ("A0Z", "100", "1", "5.0", "2019", "reg ", "fap 87", "84.0", ""),
        ("A0Z41", "100", "1", "", "2019", "dep", "fap 225", "", "07"),
        ("A0Z41", "100", "1", "7", "2019", "dep", "fap 225", "", "07"),
        ("A0Z41", "100", "1", "5", "2019", "ze", "fap 225", "", ""),
    )
    found = _read(path)
    (release,) = found.releases
    assert [(row.area_kind, row.area_code, row.level, row.indicator) for row in release.rows] == [
        ("country", "FR", 3, Decimal("-0.006")),
        ("region", "03", 4, Decimal("0.5")),
        ("departement", "2A", 5, Decimal(1)),
    ]
    assert found.files[0].left_out == {
        "an aggregate of families, which the crosswalk does not know": 1,
        "no level published": 1,
        "a level outside 1 to 5": 1,
        "no family, year or area": 1,
    }


def test_the_official_list_names_regions_in_its_own_way(write_csv: Write) -> None:
    path = write_csv(
        "metiers_en_tension_mars_2024.csv",
        _LIST,
        ("Ile-de-France", "Maçons", "B2Z40"),
        ("France Entière", "Agriculteurs   salariés", "A0Z40"),
        ("Moyen-Pays", "Maçons", "B2Z40"),
        ("Corse", "Maçons", ""),
    )
    found = _read(path)
    (release,) = found.releases
    assert (release.source, release.year) == ("official-list", 2024)
    assert [(row.area_kind, row.area_code, row.area_name, row.listed) for row in release.rows] == [
        ("region", "11", "Île-de-France", True),
        ("country", "FR", "France", True),
    ]
    assert release.labels == {"B2Z40": "Maçons", "A0Z40": "Agriculteurs salariés"}
    assert found.files[0].left_out == {"an unknown région": 1, "no family": 1}


def test_the_year_of_the_list_comes_from_its_name_or_from_the_option(write_csv: Write) -> None:
    nameless = write_csv("liste.csv", _LIST, ("Corse", "Maçons", "B2Z40"))
    with pytest.raises(Invalid, match="of which year"):
        _read(nameless)
    assert _read(nameless, year=2025).releases[0].year == 2025


def test_the_crosswalk_tells_the_family_by_qualification(write_csv: Write, tmp_path: Path) -> None:
    pairs = write_csv(
        "fap225_rome.csv",
        "Fap Rome intitule_rome",
        ("S0Z42", "D1102", "Boulangerie"),
        ("S0Z20", "D1102", "Boulangerie"),
        ("A0Z00", "NA", "NA"),
        ("A1Z41", "A1203", "Espaces verts"),
        ("", "", ""),
        separator=";",
    )
    passage = tmp_path / "passage.txt"
    passage.write_text(_PASSAGE, encoding="utf-8")
    found = _read(pairs, passage)
    assert found.families is not None
    digits = {(row.family_code, row.rome_code): row.qualifications for row in found.families.crosswalk}
    assert digits == {
        ("A1Z41", "A1203"): None,
        ("B2Z40", "F1703"): list("0123456789"),
        ("B2Z40", "F1704"): list("0123456789"),
        ("S0Z20", "D1102"): ["1"],
        ("S0Z42", "D1102"): ["0", "6"],
    }
    by_name = {file.name: file.left_out for file in found.files}
    assert by_name["fap225_rome.csv"] == {
        "a family no ROME code belongs to": 1,
        "no family or no ROME code": 1,
    }
    assert by_name["passage.txt"] == {"not a ROME code, a digit and a family": 1}


def test_labels_of_both_nomenclatures_are_read(write_csv: Write, tmp_path: Path) -> None:
    sas = tmp_path / "intitule.txt"
    sas.write_text('value $FAP9_5L\n"B2Z40"="B2Z40 : Maçons"\nOther="?";', encoding="utf-8")
    table = write_csv(
        "nomenclature.csv",
        "Code_FAP_228 Intitulé_FAP_228 Code_FAP_341",
        ("B2X40", "Maçons", "B2X40a"),
        ("B2X40", "Maçons", "B2X40b"),
        separator=";",
    )
    families = _read(sas, table).families
    assert families is not None
    assert [tuple(row) for row in families.labels] == [
        ("fap2009", "B2Z40", "Maçons"),
        ("fap2021", "B2X40", "Maçons"),
    ]


def test_sas_formats_ignore_comments_and_the_other_case() -> None:
    formats = sas_formats(_PASSAGE)
    assert formats["FAP9RSQ"] == [("F1703", "B2Z40"), ("F1704", "B2Z40")]
    assert dict(formats["FAP9RAQ"])["D11021"] == "S0Z20"


def test_what_is_not_for_us_is_named_with_the_reason(write_csv: Write, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "notes.txt").write_text("nothing, really")
    old = write_csv(
        "lbb.csv", "fap_code fap tension_pct rome_code rome_label", ("A0Z43", "x", "4", "A1101", "y")
    )
    usable = write_csv("list_2024.csv", _LIST, ("Corse", "Maçons", "B2Z40"))
    found = _read(tmp_path / "README.md", tmp_path / "notes.txt", old, usable)
    ignored = {file.name: file.reason for file in found.files if file.taken_for is None}
    assert set(ignored) == {"README.md", "notes.txt", "lbb.csv"}
    assert "third party" in ignored["lbb.csv"]
    with pytest.raises(Invalid, match=r"Nothing about tension was found.*README\.md: ignored"):
        _read(tmp_path / "README.md", old)
