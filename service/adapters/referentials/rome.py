"""ROME 4.0 from France Travail's open data: the folder or zip of ``unix_*_v4NN_utf8.csv``."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.adapters.referentials.files import SourceFile, checksum, decode, open_files, tables
from service.adapters.referentials.kinds import Kind, Reader, recognise
from service.core.errors import Invalid
from service.core.text import fold
from service.schemas.referential_files import (
    FileReading,
    MobilityRow,
    OccupationRow,
    OccupationSectorRow,
    OccupationSkillRow,
    Progress,
    RomeRelease,
    SectorRow,
    SkillRow,
    TitleRow,
)

_CODE = re.compile(r"[A-Z]\d{4}")
_OGR = re.compile(r"\d{1,9}")
_SECTOR = re.compile(r"\d{1,2}")
_NUMBER = re.compile(r"[0-9]{1,6}")
_STATED_VERSION = re.compile(r"numero de version (\d+)")
_NAMED_VERSION = re.compile(r"_v4(\d{2,3})(?:_|\.)")


def _kind(name: str, usual_name: str, *columns: str, without: Sequence[str] = ()) -> Kind:
    return Kind(name, frozenset(columns), usual_name, frozenset(without))


OCCUPATIONS = _kind("occupations", "referentiel_code_rome", "code_rome", "code_ogr", "libelle_rome")
DOMAINS = _kind(
    "fields of work",
    "cr_gd_dp",
    "code_rome",
    "code_grand_domaine",
    "libelle_grand_domaine",
    "code_domaine_professionel",
    "libelle_domaine_professionel",
)
TEXTS = _kind("texts", "texte", "code_rome", "libelle_type_texte", "position_phrase", "libelle_texte")
TITLES = _kind(
    "titles",
    "referentiel_appellation",
    "code_ogr",
    "code_rome",
    "libelle_appellation_long",
    "libelle_appellation_court",
)
COMPETENCES = _kind("competences", "referentiel_competence", "code_ogr", "libelle_competence")
KNOWLEDGE = _kind("knowledge", "referentiel_savoir", "code_ogr_savoir", "libelle_savoir")
LINKS = _kind("links", "liens_rome_referentiels", "code_rome", "code_compo_bloc", "code_rubrique", "code_ogr")
IMPORTANCE = _kind("importance of skills", "coherence_item", "code_rome", "code_ogr", "coeur_metier")
MOBILITIES = _kind("mobilities", "rubrique_mobilite", "code_rome", "code_rome_cible", "numero_ordre")
SECTORS = _kind("sectors", "secteur_naf", "code_secteur_naf", "libelle_secteur_naf", without=["code_rome"])
OCCUPATION_SECTORS = _kind(
    "sectors of occupations", "arborescence_secteur_naf", "code_secteur_naf", "code_rome"
)
CONTEXTS = _kind("contexts of work", "referentiel_contexte_travail", "code_ogr", "libelle_cont_travail")
NEEDED = (
    OCCUPATIONS,
    DOMAINS,
    TEXTS,
    TITLES,
    COMPETENCES,
    KNOWLEDGE,
    LINKS,
    IMPORTANCE,
    MOBILITIES,
    SECTORS,
    OCCUPATION_SECTORS,
)


def read_rome(paths: Sequence[Path], *, version: str | None = None, progress: Progress) -> RomeRelease:
    """Return the whole release found in ``paths`` (a folder, a zip, or the files themselves).

    ``version`` is the release's number; when None it is read from ``version.txt`` ("Numero de
    version : 60"), else from the file names (``v460``). Raises :class:`Invalid` when a file that a
    release needs is missing, when one comes twice, or when no version can be told.
    """
    assembly = _Assembly(progress)
    for file in open_files(paths):
        assembly.take(file)
    return assembly.release(version)


class _Assembly:
    """The files of one release, as they are found."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.readers: dict[str, Reader] = {}
        self.used: list[SourceFile] = []
        self.others: list[FileReading] = []
        self.context_codes: set[str] = set()
        self.stated_version: str | None = None
        self.named_version: str | None = None

    def take(self, file: SourceFile) -> None:
        """Recognise one file."""
        if not file.readable:
            self._ignore(file.name, "not a kind of file ROME comes in")
            return
        if file.suffix == ".txt" and (stated := _STATED_VERSION.search(fold(decode(file)))):
            self.stated_version = stated[1]
            self.others.append(FileReading(file.name, f"version {stated[1]} of ROME"))
            return
        for table in tables(file):
            kind = recognise(table, (*NEEDED, CONTEXTS))
            if kind is None:
                self._ignore(table.name, "its columns are not among those imported")
                continue
            if kind.name in self.readers:
                raise Invalid(
                    f"{self.readers[kind.name].table.name} and {table.name} both hold ROME's {kind.name}: "
                    "give one release at a time."
                )
            if (named := _NAMED_VERSION.search(file.name)) is not None:
                self.named_version = named[1]
            self.progress(f"Reading {table.name}: {kind.name}, {len(table.rows):,} rows")
            self.readers[kind.name] = Reader(table, kind.name)
            self.used.append(file)

    def _ignore(self, name: str, reason: str) -> None:
        self.others.append(FileReading(name, None, reason))

    def release(self, version: str | None) -> RomeRelease:
        """Return the release, every row of every file accounted for."""
        if missing := [kind for kind in NEEDED if kind.name not in self.readers]:
            names = ", ".join(f"{kind.name} (unix_{kind.usual_name}_v4NN_utf8.csv)" for kind in missing)
            raise Invalid(f"This is not a whole release of ROME: {names} missing.")
        known = version or self.stated_version or self.named_version
        if known is None:
            raise Invalid(
                "No file says which release of ROME this is: add its version.txt or give its number "
                "with --release."
            )
        self._read_contexts()
        sectors = self._sectors()
        occupations = self._occupations()
        codes = {row.code for row in occupations}
        titles = self._titles(codes)
        skills = self._skills()
        occupation_skills, links = self._links(codes, {row.code for row in titles}, skills)
        return RomeRelease(
            version=known,
            sectors=sectors,
            occupations=occupations,
            titles=titles,
            skills=skills,
            occupation_skills=occupation_skills,
            mobilities=self._mobilities(codes),
            occupation_sectors=self._occupation_sectors(codes, {row.code for row in sectors}),
            links=links,
            files=[*(reader.reading() for reader in self.readers.values()), *self.others],
            checksum=checksum(self.used),
        )

    def _read_contexts(self) -> None:
        reader = self.readers.get(CONTEXTS.name)
        if reader is not None:
            for row in reader.rows({"code": "code_ogr"}):
                self.context_codes.add(row["code"])
                reader.leave("contexts of work are not held")

    def _sectors(self) -> list[SectorRow]:
        reader = self.readers[SECTORS.name]
        found: dict[str, SectorRow] = {}
        for row in reader.rows({"code": "code_secteur_naf", "label": "libelle_secteur_naf"}):
            code = row["code"].zfill(2)
            if not _SECTOR.fullmatch(row["code"]) or not row["label"]:
                reader.leave("no code or no label")
            elif code in found:
                reader.leave("code met before")
            else:
                found[code] = SectorRow(code, row["label"])
                reader.keep()
        return list(found.values())

    def _texts(self) -> Mapping[tuple[str, str], str]:
        reader = self.readers[TEXTS.name]
        sentences: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        columns = {
            "code": "code_rome",
            "kind": "libelle_type_texte",
            "position": "position_phrase",
            "text": "libelle_texte",
        }
        for row in reader.rows(columns):
            if row["kind"] not in {"definition", "acces_metier"}:
                reader.leave("another kind of text")
            elif not _NUMBER.fullmatch(row["position"]) or not row["text"]:
                reader.leave("no text or no position")
            else:
                # This file alone doubles its apostrophes, as if for SQL.
                text = row["text"].replace("''", "'")
                sentences[row["code"], row["kind"]].append((int(row["position"]), text))
                reader.keep()
        return {key: " ".join(text for _, text in sorted(parts)) for key, parts in sentences.items()}

    def _domains(self) -> Mapping[str, dict[str, str]]:
        reader = self.readers[DOMAINS.name]
        found = {}
        columns = {
            "code": "code_rome",
            "major": "code_grand_domaine",
            "major_label": "libelle_grand_domaine",
            "domain": "code_domaine_professionel",
            "domain_label": "libelle_domaine_professionel",
        }
        for row in reader.rows(columns):
            found[row["code"]] = row
            reader.keep()
        return found

    def _occupations(self) -> list[OccupationRow]:
        texts, domains = self._texts(), self._domains()
        reader = self.readers[OCCUPATIONS.name]
        found: dict[str, OccupationRow] = {}
        columns = {"code": "code_rome", "label": "libelle_rome", "parent": "code_rome_parent"}
        for row in reader.rows(columns):
            code = row["code"]
            if not _CODE.fullmatch(code) or not row["label"]:
                reader.leave("no ROME code or no label")
                continue
            if code in found:
                reader.leave("code met before")
                continue
            domain = domains.get(code, {})
            found[code] = OccupationRow(
                code=code,
                label=row["label"],
                definition=texts.get((code, "definition")),
                access=texts.get((code, "acces_metier")),
                parent_code=row["parent"] or None,
                domain_code=domain.get("domain") or None,
                domain_label=domain.get("domain_label") or None,
                major_domain_code=domain.get("major") or None,
                major_domain_label=domain.get("major_label") or None,
            )
            reader.keep()
        return list(found.values())

    def _titles(self, codes: set[str]) -> list[TitleRow]:
        reader = self.readers[TITLES.name]
        found: dict[str, TitleRow] = {}
        columns = {
            "code": "code_ogr",
            "occupation": "code_rome",
            "label": "libelle_appellation_long",
            "short": "libelle_appellation_court",
            "rare": "peu_usite",
        }
        for row in reader.rows(columns):
            if not _OGR.fullmatch(row["code"]) or not row["label"]:
                reader.leave("no OGR code or no label")
            elif row["occupation"] not in codes:
                reader.leave("names an occupation this release does not hold")
            elif row["code"] in found:
                reader.leave("code met before")
            else:
                found[row["code"]] = TitleRow(
                    row["code"],
                    row["occupation"],
                    row["label"],
                    row["short"] or row["label"],
                    row["rare"] == "O",
                )
                reader.keep()
        return list(found.values())

    def _skills(self) -> list[SkillRow]:
        found: dict[str, SkillRow] = {}
        competences = {
            "code": "code_ogr",
            "label": "libelle_competence",
            "category": "cat_comp",
            "macro": "code_ogr_macro_comp",
        }
        knowledge = {"code": "code_ogr_savoir", "label": "libelle_savoir", "category": "categorie_savoir"}
        for kind, columns in ((COMPETENCES, competences), (KNOWLEDGE, knowledge)):
            reader = self.readers[kind.name]
            for row in reader.rows(columns):
                if not _OGR.fullmatch(row["code"]) or not row["label"]:
                    reader.leave("no OGR code or no label")
                elif row["code"] in found:
                    reader.leave("code met before")
                else:
                    found[row["code"]] = SkillRow(
                        code=row["code"],
                        label=row["label"],
                        kind="competence" if kind is COMPETENCES else "knowledge",
                        category=row["category"] or None,
                        macro_code=row.get("macro") or None,
                    )
                    reader.keep()
        return list(found.values())

    def _importance(self) -> Mapping[tuple[str, str], str]:
        reader = self.readers[IMPORTANCE.name]
        found = {}
        columns = {"occupation": "code_rome", "skill": "code_ogr", "importance": "coeur_metier"}
        for row in reader.rows(columns):
            if row["importance"]:
                found[row["occupation"], row["skill"]] = row["importance"].lower()
                reader.keep()
            else:
                reader.leave("importance not said")
        return found

    def _links(
        self, codes: set[str], title_codes: set[str], skills: Sequence[SkillRow]
    ) -> tuple[list[OccupationSkillRow], Mapping[str, int]]:
        importance = self._importance()
        kinds = {row.code: row.kind for row in skills}
        reader = self.readers[LINKS.name]
        account: Counter[str] = Counter()
        found: dict[tuple[str, str], OccupationSkillRow] = {}
        columns = {"occupation": "code_rome", "block": "code_compo_bloc", "item": "code_ogr"}
        for row in reader.rows(columns):
            occupation, item = row["occupation"], row["item"]
            if occupation not in codes:
                reader.leave("names an occupation this release does not hold")
            elif item in kinds:
                if (occupation, item) in found:
                    reader.leave("link met before")
                    continue
                found[occupation, item] = OccupationSkillRow(
                    occupation, item, importance.get((occupation, item))
                )
                account[kinds[item]] += 1
                reader.keep()
            elif row["block"] == "1":
                account["the occupation itself"] += 1
                reader.leave("the occupation itself")
            elif item in title_codes:
                account["titles"] += 1
                reader.leave("a title, which names its occupation itself")
            elif item in self.context_codes:
                account["contexts of work"] += 1
                reader.leave("contexts of work are not held")
            else:
                account["unknown"] += 1
                reader.leave("names an item this release does not hold")
        return list(found.values()), dict(account)

    def _mobilities(self, codes: set[str]) -> list[MobilityRow]:
        reader = self.readers[MOBILITIES.name]
        found: dict[tuple[str, str], MobilityRow] = {}
        columns = {"start": "code_rome", "end": "code_rome_cible", "rank": "numero_ordre"}
        for row in reader.rows(columns):
            move = (row["start"], row["end"])
            if not codes.issuperset(move):
                reader.leave("names an occupation this release does not hold")
            elif not _NUMBER.fullmatch(row["rank"]):
                reader.leave("no rank")
            elif move in found:
                reader.leave("move met before")
            else:
                found[move] = MobilityRow(*move, int(row["rank"]))
                reader.keep()
        return list(found.values())

    def _occupation_sectors(self, codes: set[str], sectors: set[str]) -> list[OccupationSectorRow]:
        reader = self.readers[OCCUPATION_SECTORS.name]
        found: dict[tuple[str, str], OccupationSectorRow] = {}
        for row in reader.rows({"occupation": "code_rome", "sector": "code_secteur_naf"}):
            pair = (row["occupation"], row["sector"].zfill(2))
            if pair[0] not in codes or pair[1] not in sectors:
                reader.leave("names an occupation or a sector this release does not hold")
            elif pair in found:
                reader.leave("pair met before")
            else:
                found[pair] = OccupationSectorRow(*pair)
                reader.keep()
        return list(found.values())
