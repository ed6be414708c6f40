"""Opening what people give: folders, archives, encodings, separators."""

import gzip
import zipfile
from pathlib import Path

import openpyxl
import pytest

from service.adapters.referentials import files
from service.adapters.referentials.files import SourceFile, Table, checksum, open_files, tables
from service.core.errors import Invalid


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_reads_the_same_in_every_encoding_and_separator(encoding: str, separator: str) -> None:
    text = f'"Code Rome"{separator}"Libellé"\r\n"D1102"{separator}"Pâtissier, œuvres ; été"\r\n'
    if encoding == "latin-1":
        text = text.replace("œ", "oe")
    (table,) = tables(SourceFile("x.csv", text.encode(encoding)))
    assert table.header == ("code_rome", "libelle")
    assert table.rows == [
        ["D1102", "Pâtissier, oeuvres ; été" if encoding == "latin-1" else "Pâtissier, œuvres ; été"]
    ]


def test_bytes_that_windows_leaves_undefined_are_read_as_latin_1() -> None:
    (table,) = tables(SourceFile("x.csv", b"code;nom\n1;caf\xe9\x81\n"))
    assert table.rows == [["1", "caf\u00e9\u0081"]]


def test_folders_archives_and_files_give_the_same_files(tmp_path: Path) -> None:
    inside = tmp_path / "folder" / "below"
    inside.mkdir(parents=True)
    (inside / "a.csv").write_bytes(b"code\n1\n")
    (inside / ".hidden.csv").write_bytes(b"code\n2\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("deep/a.csv", b"code\n1\n")
        archive.writestr("__MACOSX/a.csv", b"junk")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"code\n1\n"))
    given = [tmp_path / "folder", tmp_path / "a.zip", tmp_path / "a.csv.gz"]
    found = list(open_files(given))
    assert [file.name for file in found] == ["a.csv", "a.zip/deep/a.csv", "a.csv"]
    assert {file.content for file in found} == {b"code\n1\n"}


def test_a_checksum_knows_bytes_not_names_nor_order() -> None:
    one, two = SourceFile("a.csv", b"1"), SourceFile("b.csv", b"2")
    assert checksum([one, two]) == checksum([two, SourceFile("renamed.csv", b"1")])
    assert checksum([one, two]) != checksum([one, SourceFile("b.csv", b"3")])


def test_a_workbook_gives_one_table_per_sheet(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    first = workbook.worksheets[0]
    first.append([None, None])
    first.append(["Année", "BE24", "met"])
    first.append([2024, 101.0, "*"])
    first.append([2024, None, 3])
    workbook.create_sheet("Vide")
    workbook.save(tmp_path / "x.xlsx")
    (file,) = open_files([tmp_path / "x.xlsx"])
    table, empty = tables(file)
    assert table.header == ("annee", "be24", "met")
    assert table.rows == [["2024", "101", "*"], ["2024", "", "3"]]
    assert (empty.header, empty.rows) == ((), [])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv.gz", b"\x1f\x8b\x08\x00broken", "not a whole gzip"),
        ("a.csv.gz", b"plain text", "not a whole gzip"),
        ("a.zip", b"plain text", "not a zip archive"),
        ("a.xlsx", b"plain text", "not an Excel workbook"),
        ("a.csv", b"code\n\x00\n", "NUL"),
        ("a.csv", b"\xff\xfec\x00o\x00d", "utf-16"),
        ("a.csv", b'code\n"' + b"x" * 200_000 + b'"\n', "field larger"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid, match=words) as refused:
        _tables_of(tmp_path / name)
    assert "a." in refused.value.detail


def _tables_of(path: Path) -> list[Table]:
    return [table for file in open_files([path]) for table in tables(file)]


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"code\n" + bytes(range(32, 127)) * 500)
    (tmp_path / "a.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(Invalid, match="not a whole gzip"):
        list(open_files([tmp_path / "a.csv.gz"]))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 1001))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"x" * 1001)
    (tmp_path / "a.csv").write_bytes(b"x" * 1001)
    for name in ("a.gz", "a.zip", "a.csv"):
        with pytest.raises(Invalid, match="1,000"):
            list(open_files([tmp_path / name]))


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"There is no file or folder .*nowhere"):
        list(open_files([tmp_path / "nowhere"]))
