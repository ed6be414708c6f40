"""Professional families (FAP): labels, and the Dares crosswalk from FAP 2009 to ROME v3.

The crosswalk comes as a table of pairs (``fap225_rome.csv``) and as SAS formats
(``passage_fap2009_romev3.txt``). Only the second tells which family a ROME code falls to when it
belongs to several: it is decided by the worker's qualification, digit 0 meaning "not said".
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from service.adapters.referentials.files import SourceFile, Table, checksum, decode
from service.adapters.referentials.kinds import Kind, Reader
from service.schemas.referential_files import CrosswalkRow, FamilyRelease, FamilyRow, FileReading

CROSSWALK = Kind("crosswalk from FAP 2009 to ROME v3", frozenset({"fap", "rome"}))
LABELS_2021 = Kind("labels of the families of FAP 2021", frozenset({"code_fap_228", "intitule_fap_228"}))
# SAS format → what it holds.
LABELS_2009_FORMAT = "FAP9_5L"
BY_ROME_FORMAT = "FAP9RSQ"
BY_QUALIFICATION_FORMAT = "FAP9RAQ"
ALL_QUALIFICATIONS = tuple("0123456789")

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FORMAT = re.compile(r"\bvalue\s+\$(\w+)", re.IGNORECASE)
_ENTRY = re.compile(r'((?:"[^"]*"\s*,?\s*)+)=\s*"([^"]*)"')
_QUOTED = re.compile(r'"([^"]*)"')
_FAMILY = re.compile(r"[A-Z]\d[A-Z0-9]\d{2}")
_ROME = re.compile(r"[A-Z]\d{4}")
_ROME_LENGTH = 5


def sas_formats(text: str) -> Mapping[str, list[tuple[str, str]]]:
    """Return each ``value $NAME`` of a SAS program as its pairs (value formatted, result)."""
    pieces = _FORMAT.split(_COMMENT.sub("", text))
    found = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        found[name.upper()] = list(_entries(body))
    return found


def _entries(body: str) -> Iterator[tuple[str, str]]:
    for match in _ENTRY.finditer(body):
        for key in _QUOTED.findall(match[1]):
            yield key.strip(), match[2].strip()


class Families:
    """Labels and crosswalk, gathered from whichever files hold them."""

    def __init__(self) -> None:
        self.used: list[SourceFile] = []
        self.labels: dict[tuple[str, str], str] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.qualifications: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def take_text(self, file: SourceFile) -> FileReading | None:
        """Read a SAS program if it is one of the two known; return None for any other text."""
        formats = sas_formats(decode(file))
        if BY_ROME_FORMAT in formats or BY_QUALIFICATION_FORMAT in formats:
            reading = self._passage(file.name, formats)
        elif LABELS_2009_FORMAT in formats:
            reading = self._labels_2009(file.name, formats[LABELS_2009_FORMAT])
        else:
            return None
        self.used.append(file)
        return reading

    def take_table(self, file: SourceFile, table: Table, kind: Kind) -> FileReading:
        """Read a table of pairs or of labels."""
        self.used.append(file)
        return self._crosswalk(table) if kind is CROSSWALK else self._labels_2021(table)

    def release(self) -> FamilyRelease | None:
        """Return what was gathered, or None when no file held any of it."""
        if not self.used:
            return None
        crosswalk = [
            CrosswalkRow(
                family, rome, sorted(digits) if (digits := self.qualifications.get((family, rome))) else None
            )
            for family, rome in sorted(self.pairs | set(self.qualifications))
        ]
        labels = [FamilyRow(*key, label) for key, label in sorted(self.labels.items())]
        # These files carry no date; the nomenclature is the version.
        return FamilyRelease("FAP 2009", checksum(self.used), labels, crosswalk)

    def _passage(self, name: str, formats: Mapping[str, list[tuple[str, str]]]) -> FileReading:
        entries = [
            *((rome, ALL_QUALIFICATIONS, family) for rome, family in formats.get(BY_ROME_FORMAT, ())),
            *(
                (key[:_ROME_LENGTH], (key[_ROME_LENGTH:],), family)
                for key, family in formats.get(BY_QUALIFICATION_FORMAT, ())
            ),
        ]
        kept = 0
        for rome, digits, family in entries:
            if _ROME.fullmatch(rome) and _FAMILY.fullmatch(family) and set(digits) <= set(ALL_QUALIFICATIONS):
                self.qualifications[family, rome].update(digits)
                kept += 1
        left_out = (
            {"not a ROME code, a digit and a family": len(entries) - kept} if kept < len(entries) else {}
        )
        return FileReading(
            name, "crosswalk from FAP 2009 to ROME v3 by qualification", "", len(entries), kept, left_out
        )

    def _labels_2009(self, name: str, entries: list[tuple[str, str]]) -> FileReading:
        for code, text in entries:
            self.labels["fap2009", code] = text.partition(" : ")[2] or text
        return FileReading(name, "labels of the families of FAP 2009", "", len(entries), len(entries))

    def _labels_2021(self, table: Table) -> FileReading:
        reader = Reader(table, LABELS_2021.name)
        for row in reader.rows({"code": "code_fap_228", "label": "intitule_fap_228"}):
            key = ("fap2021", row["code"])
            if not row["code"] or not row["label"]:
                reader.leave("no code or no label")
            elif key in self.labels:
                reader.leave("family met before")
            else:
                self.labels[key] = " ".join(row["label"].split())
                reader.keep()
        return reader.reading()

    def _crosswalk(self, table: Table) -> FileReading:
        reader = Reader(table, CROSSWALK.name)
        for row in reader.rows({"family": "fap", "rome": "rome"}):
            pair = (row["family"], row["rome"])
            if row["rome"] == "NA":
                reader.leave("a family no ROME code belongs to")
            elif not _FAMILY.fullmatch(row["family"]) or not _ROME.fullmatch(row["rome"]):
                reader.leave("no family or no ROME code")
            elif pair in self.pairs:
                reader.leave("pair met before")
            else:
                self.pairs.add(pair)
                reader.keep()
        return reader.reading()
