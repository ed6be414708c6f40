"""Opening what a person gives: folders, archives, files, in the encodings and separators publishers use."""

import csv
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from openpyxl import load_workbook

from service.core.errors import Invalid
from service.core.text import fold

# Far above the largest file known (6 MB unpacked): only a wrong or hostile file is larger.
MAX_BYTES = 300_000_000
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SEPARATORS = ",;\t|"
_READABLE = frozenset({"", ".csv", ".txt", ".json", ".xlsx"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file's bytes. ``name`` says where it came from: ``archive.zip/file.csv``."""

    name: str
    content: bytes

    @property
    def suffix(self) -> str:
        """The last extension in lower case, with its dot."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def readable(self) -> bool:
        """Whether the extension is one that referentials come in."""
        return self.suffix in _READABLE

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Table:
    """A table read from a file: ``header`` in lower case with underscores, ``rows`` as text.

    A cell is stripped of surrounding blanks; rows whose cells are all empty are kept, so that every
    row of the file is accounted for.
    """

    name: str
    header: tuple[str, ...]
    rows: list[Sequence[str]]


def checksum(files: Iterable[SourceFile]) -> str:
    """Return one SHA-256 for ``files``, whatever their names and order."""
    digests = sorted({file.digest for file in files})
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def open_files(paths: Sequence[Path]) -> Iterator[SourceFile]:
    """Yield every file under ``paths``: files, folders with all below them, ``.zip`` and ``.gz`` unpacked.

    Raises :class:`Invalid` for a path that does not exist or an archive that cannot be unpacked.
    """
    for path in paths:
        if path.is_dir():
            inside = sorted(child for child in path.rglob("*") if child.is_file())
            for child in inside:
                if not any(part.startswith(".") for part in child.relative_to(path).parts):
                    yield from _unpack(child.name, _read(child))
        elif path.exists():
            yield from _unpack(path.name, _read(path))
        else:
            raise Invalid(f"There is no file or folder {path}.")


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise Invalid(f"{path} has {size:,} bytes, more than the {MAX_BYTES:,} read here.")
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error


def _unpack(name: str, content: bytes) -> Iterator[SourceFile]:
    if name.lower().endswith(".gz"):
        yield SourceFile(name[: -len(".gz")], _gunzip(name, content))
    elif name.lower().endswith(".zip"):
        yield from _unzip(name, content)
    else:
        yield SourceFile(name, content)


def _gunzip(name: str, content: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(f"{name} is not a whole gzip file: {error}.") from error
    if len(unpacked) > MAX_BYTES:
        raise Invalid(f"{name} unpacks to more than the {MAX_BYTES:,} bytes read here.")
    return unpacked


def _unzip(name: str, content: bytes) -> Iterator[SourceFile]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise Invalid(f"{name} unpacks to more than the {MAX_BYTES:,} bytes read here.")
            for member in members:
                if not member.is_dir() and not member.filename.startswith("__MACOSX"):
                    yield SourceFile(f"{name}/{member.filename}", archive.read(member))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise Invalid(f"{name} is not a zip archive that can be unpacked: {error}.") from error


def decode(file: SourceFile) -> str:
    """Return the file's text: by its byte order mark, else UTF-8, else Windows-1252 (which holds Latin-1).

    Raises :class:`Invalid` for what is not text.
    """
    content = file.content
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(marked)
    except UnicodeDecodeError as error:
        if marked != "utf-8":
            raise Invalid(f"{file.name} begins as {marked} and is not: {error}.") from error
        # The five bytes Windows-1252 leaves undefined are controls in Latin-1, which defines all.
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    if "\0" in text:
        raise Invalid(f"{file.name} is not a text file: it holds NUL characters.")
    return text


def column_name(cell: object) -> str:
    """Return a column's heading as names are compared: folded, with underscores."""
    return fold(str(cell)).replace(" ", "_") if cell is not None else ""


def tables(file: SourceFile) -> list[Table]:
    """Return the tables of a file: one of a CSV file, one per sheet of a workbook.

    Raises :class:`Invalid` when the bytes are not what the extension says.
    """
    if file.suffix == ".xlsx":
        return _sheets(file)
    return [_csv(file)]


def _csv(file: SourceFile) -> Table:
    text = decode(file)
    first_line = text[: max(text.find("\n"), 0) or len(text)]
    separator = max(_SEPARATORS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = tuple(column_name(cell) for cell in next(reader, []))
        rows: list[Sequence[str]] = [[cell.strip() for cell in row] for row in reader if row]
    except csv.Error as error:
        raise Invalid(f"{file.name}, line {reader.line_num}: {error}.") from error
    return Table(file.name, header, rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _padded(row: list[str], width: int) -> Sequence[str]:
    # A sheet does not say where a row ends: empty cells at the end come or do not come.
    while len(row) > width and not row[-1]:
        row.pop()
    return row + [""] * (width - len(row))


def _sheets(file: SourceFile) -> list[Table]:
    try:
        workbook = load_workbook(io.BytesIO(file.content), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise Invalid(f"{file.name} is not an Excel workbook that can be read: {error}.") from error
    found = []
    for sheet in workbook.worksheets:
        lines = (row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row))
        header = tuple(column_name(cell) for cell in next(lines, ()))
        rows = [_padded([_cell(cell) for cell in row], len(header)) for row in lines]
        found.append(Table(f"{file.name}/{sheet.title}", header, rows))
    workbook.close()
    return found
