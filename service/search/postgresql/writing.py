"""From the facts of a posting, or of anything else, to its rows in the index."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.schemas.search import DocumentFacts, PostingFacts
from service.search.postgresql.reading import NAMED
from service.search.words import Word, title_key, words

# What visitors type for values that texts may not spell out.
_CONTRACT_WORDS = {
    ContractKind.PERMANENT: "CDI",
    ContractKind.FIXED_TERM: "CDD",
    ContractKind.TEMPORARY: "intérim intérimaire mission",
    ContractKind.SEASONAL: "saisonnier saison",
    ContractKind.APPRENTICESHIP: "alternance apprentissage apprenti",
    ContractKind.PROFESSIONALISATION: "alternance professionnalisation",
    ContractKind.INTERNSHIP: "stage stagiaire",
    ContractKind.CIVIL_SERVICE: "fonction publique fonctionnaire",
    ContractKind.SELF_EMPLOYED: "libéral indépendant",
}
_WORKING_TIME_WORDS = {
    WorkingTime.FULL_TIME: "temps plein complet",
    WorkingTime.PART_TIME: "temps partiel mi-temps",
}
_REMOTE_WORDS = {
    RemoteKind.PARTIAL: "télétravail partiel distance",
    RemoteKind.FULL: "télétravail complet distance",
}
# "CDD pouvant déboucher sur un CDI" is no answer to who types CDI: the contract itself decides.
_CONTRACT_STEMS = frozenset({"cdi", "cdd", "interim"})

GREATEST = (1 << 31) - 1  # of a column of whole numbers
_SHORTEST_NUMBER = 3  # "04 75 07 12 34" in a description must not answer to a département.


def index_row(facts: PostingFacts) -> dict[str, Any]:
    """Return the values of the posting's ``PostingIndex`` row."""
    salary = facts.yearly_salary_min if facts.yearly_salary_max is None else facts.yearly_salary_max
    return {
        "posting_id": facts.id,
        "territory_id": facts.territory_id,
        "employer_id": facts.employer_id,
        "published_at": facts.published_at,
        "valid_through": facts.valid_through,
        "latitude": facts.latitude,
        "longitude": facts.longitude,
        "yearly_salary": None if salary is None else min(int(salary), GREATEST),
        "in_tension": facts.in_tension,
        "occupation_code": facts.occupation_code,
        "sector_code": facts.sector_code,
        "contract_kind": facts.contract_kind,
        "working_time": facts.working_time,
        "remote": facts.remote,
        "commune_code": facts.commune_code,
        "departement_code": facts.departement_code,
        "source": facts.source,
    }


@dataclass(frozen=True, slots=True)
class Spoken:
    """The words of a thing, by where they are said; every engine indexes these and no others."""

    title: tuple[Word, ...]
    names: tuple[Word, ...]
    surroundings: tuple[Word, ...]
    details: tuple[Word, ...]
    description: tuple[Word, ...]


def spoken(facts: PostingFacts | DocumentFacts) -> Spoken:
    """Return the words that ``facts`` are found by."""
    title = tuple(words(facts.title))
    if isinstance(facts, DocumentFacts):
        return Spoken(
            title=title,
            names=tuple(_words(*facts.names)),
            surroundings=tuple(_words(*facts.places)),
            details=tuple(_prose(*facts.details)),
            description=tuple(_prose(facts.description)),
        )
    return Spoken(
        title=title,
        names=tuple(_words(facts.occupation_label, *facts.occupation_titles)),
        surroundings=tuple(_surroundings(facts)),
        details=tuple(_spoken(facts, _prose(facts.sector_label, *facts.skills, *facts.details))),
        description=tuple(_spoken(facts, _prose(facts.description))),
    )


def words_row(facts: PostingFacts) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of the posting's ``PostingWords`` row, and the stem of each word it holds."""
    columns, vocabulary = _columns(facts.title, spoken(facts))
    return {"posting_id": facts.id} | columns, vocabulary


def document_row(facts: DocumentFacts) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of the ``SearchDocument`` row, and the stem of each word it holds."""
    columns, vocabulary = _columns(facts.title, spoken(facts))
    row = {
        "kind": facts.kind.value,
        "document_id": facts.id,
        "territory_id": facts.territory_id,
        "published_at": facts.published_at,
        "valid_through": facts.valid_through,
        "title": facts.title,
        "description": facts.description,
        "names": list(facts.names),
        "places": list(facts.places),
        "details": list(facts.details),
    }
    return row | columns, vocabulary


def _columns(title: str, found: Spoken) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the columns that words are found and ranked by, and the stem of each word."""
    vocabulary: dict[str, str] = {}
    weights: dict[str, str] = {}

    def weigh(weight: str, found: Iterable[Word]) -> None:
        for word in found:
            weights.setdefault(word.stem, weight)
            vocabulary[word.folded] = word.stem

    weigh("A", found.title)
    weigh("B", found.names)
    weigh("C", found.surroundings)
    named = [NAMED + stem for stem in weights]
    weigh("C", found.details)
    stems = {*weights, *named}
    for word in found.description:
        stems.add(word.stem)
        vocabulary[word.folded] = word.stem
    heading = [f"'{stem}':1{weight}" for stem, weight in weights.items()]
    heading += [f"'={folded}':1A" for folded in dict.fromkeys(word.folded for word in found.title)]
    columns = {
        "title_key": title_key(title),
        "title_size": max(1, len({word.stem for word in found.title})),
        "heading": " ".join(heading),
        "stems": " ".join(f"'{stem}'" for stem in sorted(stems)),
    }
    return columns, vocabulary


def _words(*texts: str | None) -> Iterator[Word]:
    for text in texts:
        if text:
            yield from words(text)


def _surroundings(facts: PostingFacts) -> Iterator[Word]:
    """Yield the words of what surrounds the work: employer, place, conditions."""
    return _words(
        facts.employer_name,
        *facts.places,
        *facts.postal_codes,
        facts.departement_code,
        _CONTRACT_WORDS.get(facts.contract_kind) if facts.contract_kind else None,
        _WORKING_TIME_WORDS.get(facts.working_time) if facts.working_time else None,
        _REMOTE_WORDS.get(facts.remote) if facts.remote else None,
    )


def _prose(*texts: str | None) -> Iterator[Word]:
    """Yield the words of free text, without figures that would answer falsely to a département's."""
    for word in _words(*texts):
        if not (word.folded.isdigit() and len(word.folded) < _SHORTEST_NUMBER):
            yield word


def _spoken(facts: PostingFacts, found: Iterable[Word]) -> Iterator[Word]:
    """Yield the words without those that would answer falsely to a contract."""
    for word in found:
        if facts.contract_kind is None or word.stem not in _CONTRACT_STEMS:
            yield word
