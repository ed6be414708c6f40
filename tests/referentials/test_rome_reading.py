"""Reading a release of ROME: whole, partial, odd."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from service.adapters.referentials import read_rome
from service.core.errors import Invalid
from service.demo.referentials.facts import rome_release
from service.schemas.referential_files import RomeRelease


def _silent(_: str) -> None:
    """Say nothing."""


def _read(*paths: Path, version: str | None = None) -> RomeRelease:
    return read_rome(paths, version=version, progress=_silent)


@pytest.fixture
def rome_folder(published: Path) -> Path:
    """Return the files of a small release, to be spoilt."""
    return published / "rome"


def _append(folder: Path, name: str, line: str) -> None:
    with next(folder.glob(f"unix_{name}_v*")).open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def test_every_row_of_every_file_is_accounted_for(rome_folder: Path) -> None:
    release = _read(rome_folder)
    assert release.version == "60"
    for file in release.files:
        assert file.rows == file.kept + sum(file.left_out.values()), file.name
    lines = (rome_folder / "unix_liens_rome_referentiels_v460_utf8.csv").read_text().splitlines()
    assert sum(release.links.values()) == len(lines) - 1
    assert release.links["the occupation itself"] == len(release.occupations)
    assert release.links["titles"] == len(release.titles)
    assert release.links["competence"] + release.links["knowledge"] == len(release.occupation_skills)


def test_facts_are_those_of_the_files(rome_folder: Path) -> None:
    release = _read(rome_folder)
    baker = next(row for row in release.occupations if row.code == "D1102")
    assert (baker.label, baker.parent_code, baker.domain_code) == ("Boulanger / Boulangère", "D1102", "D11")
    assert baker.major_domain_label == "Commerce, Vente et Grande distribution"
    known = rome_release()
    assert release.occupations == known.occupations
    assert release.titles == known.titles
    assert release.mobilities == known.mobilities
    assert release.sectors == known.sectors
    assert release.occupation_sectors == known.occupation_sectors
    assert sorted(release.skills) == sorted(known.skills)
    assert release.occupation_skills == known.occupation_skills


def test_importance_and_sectors_are_read_as_the_publisher_writes_them(rome_folder: Path) -> None:
    _append(rome_folder, "secteur_naf", "1,0,Transverse aux secteurs")
    _append(rome_folder, "secteur_naf", "2,1,Culture et production animale")
    _append(rome_folder, "arborescence_secteur_naf", "1,Culture et production animale,6,D1102,Boulanger")
    _append(rome_folder, "coherence_item", '"D1102","405319","Émergente"')
    release = _read(rome_folder)
    assert [row.code for row in release.sectors[-2:]] == ["00", "01"]
    assert release.occupation_sectors[-1] == ("D1102", "01")
    importance = {row.importance for row in release.occupation_skills}
    assert importance == {"principale", "émergente", None}
    assert ("D1102", "405319", "émergente") in release.occupation_skills


def test_sentences_of_a_definition_are_put_in_order_with_single_apostrophes(rome_folder: Path) -> None:
    _append(rome_folder, "texte", '"D1102","3","definition","2","L\'\'entretien aussi."')
    _append(rome_folder, "texte", '"D1102","3","definition","10","Vend."')
    _append(rome_folder, "texte", '"D1102","3","definition","1","Pétrit la pâte."')
    _append(rome_folder, "texte", '"D1102","4","acces_metier","1","Avec un CAP."')
    _append(rome_folder, "texte", '"D1102","9","autre","1","Ailleurs."')
    release = _read(rome_folder)
    baker = next(row for row in release.occupations if row.code == "D1102")
    assert baker.definition == "Pétrit la pâte. L'entretien aussi. Vend."
    assert baker.access == "Avec un CAP."


def test_rows_that_name_unknown_things_are_left_out_and_counted(rome_folder: Path) -> None:
    before = _read(rome_folder)
    _append(rome_folder, "referentiel_appellation", "1,Fantôme,Fantôme,Z9999,,,,,,SYNONYME,,Z9999,N")
    _append(rome_folder, "referentiel_appellation", "x,Sans code,Sans code,D1102,,,,,,SYNONYME,,D1102,N")
    _append(rome_folder, "rubrique_mobilite", "D1102,Z9999,1")
    _append(rome_folder, "rubrique_mobilite", "D1102,Z9999")
    _append(rome_folder, "rubrique_mobilite", "D1102,N4101,²")
    _append(rome_folder, "liens_rome_referentiels", "D1102,5,1,999999999")
    _append(rome_folder, "arborescence_secteur_naf", "77,Inconnu,1,D1102,Boulanger")
    after = _read(rome_folder)
    by_kind = {file.taken_for: file for file in after.files}
    assert by_kind["titles"].left_out == {
        "names an occupation this release does not hold": 1,
        "no OGR code or no label": 1,
    }
    assert by_kind["mobilities"].left_out == {
        "names an occupation this release does not hold": 1,
        "another number of cells than the header": 1,
        "no rank": 1,
    }
    assert after.links["unknown"] == 1
    assert (len(after.titles), len(after.mobilities)) == (len(before.titles), len(before.mobilities))


def test_a_zip_and_a_folder_are_the_same_release(rome_folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "RefRomeCsv.zip", "w") as archive:
        for path in rome_folder.iterdir():
            archive.write(path, f"ROME/{path.name}")
    assert _read(tmp_path / "RefRomeCsv.zip").checksum == _read(rome_folder).checksum
    assert _read(tmp_path / "RefRomeCsv.zip").titles == _read(rome_folder).titles


def test_files_are_known_by_their_columns_whatever_their_names(rome_folder: Path) -> None:
    expected = _read(rome_folder)
    for number, path in enumerate(sorted(rome_folder.glob("*.csv"))):
        path.rename(rome_folder / f"{number}.csv")
    assert _read(rome_folder).checksum == expected.checksum


def test_the_version_comes_from_the_option_the_text_or_the_names(rome_folder: Path) -> None:
    assert _read(rome_folder, version="61").version == "61"
    (rome_folder / "version.txt").unlink()
    assert _read(rome_folder).version == "60"
    for number, path in enumerate(sorted(rome_folder.glob("*.csv"))):
        path.rename(rome_folder / f"{number}.csv")
    with pytest.raises(Invalid, match="which release of ROME"):
        _read(rome_folder)


def test_a_partial_release_is_refused_and_what_lacks_is_named(rome_folder: Path) -> None:
    next(rome_folder.glob("*mobilite*")).unlink()
    next(rome_folder.glob("*savoir*")).unlink()
    with pytest.raises(Invalid, match=r"knowledge \(unix_referentiel_savoir.*mobilities .*missing"):
        _read(rome_folder)


def test_two_releases_at_once_are_refused(rome_folder: Path) -> None:
    shutil.copy(
        rome_folder / "unix_secteur_naf_v460_utf8.csv", rome_folder / "unix_secteur_naf_v461_utf8.csv"
    )
    with pytest.raises(Invalid, match="one release at a time"):
        _read(rome_folder)


def test_what_is_not_imported_is_named_with_the_reason(
    rome_folder: Path, write_csv: Callable[..., Path]
) -> None:
    other = write_csv("riasec.csv", "code_rome riasec_majeur riasec_mineur", ("D1102", "R", ""))
    picture = rome_folder / "logo.png"
    picture.write_bytes(b"\x89PNG")
    release = _read(rome_folder, other)
    ignored = {file.name: file.sentence() for file in release.files if file.taken_for is None}
    assert ignored == {
        "riasec.csv": "riasec.csv: ignored, its columns are not among those imported",
        "logo.png": "logo.png: ignored, not a kind of file ROME comes in",
    }
