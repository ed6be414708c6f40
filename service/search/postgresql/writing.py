"""From the facts of a posting, or of anything else, to its rows in the index."""

from collections.abc import Iterable, Iterator
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


def words_row(facts: PostingFacts) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of the posting's ``PostingWords`` row, and the stem of each word it holds."""
    columns, vocabulary = _columns(
        facts.title,
        names=_words(facts.occupation_label, *facts.occupation_titles),
        surroundings=_surroundings(facts),
        details=_spoken(facts, _prose(facts.sector_label, *facts.skills, *facts.details)),
        description=_spoken(facts, _prose(facts.description)),
    )
    return {"posting_id": facts.id} | columns, vocabulary


def document_row(facts: DocumentFacts) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of the ``SearchDocument`` row, and the stem of each word it holds."""
    columns, vocabulary = _columns(
        facts.title,
        names=_words(*facts.names),
        surroundings=_words(*facts.places),
        details=_prose(*facts.details),
        description=_prose(facts.description),
    )
    row = {
        "kind": facts.kind.value,
        "document_id": facts.id,
        "territory_id": facts.territory_id,
        "published_at": facts.published_at,
        "valid_through": facts.valid_through,
        "title": facts.title,
        "description": facts.description,
    }
    return row | columns, vocabulary


def _columns(
    title: str,
    *,
    names: Iterable[Word],
    surroundings: Iterable[Word],
    details: Iterable[Word],
    description: Iterable[Word],
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the columns that words are found and ranked by, and the stem of each word."""
    vocabulary: dict[str, str] = {}
    weights: dict[str, str] = {}

    def weigh(weight: str, found: Iterable[Word]) -> None:
        for word in found:
            weights.setdefault(word.stem, weight)
            vocabulary[word.folded] = word.stem

    titled = list(words(title))
    weigh("A", titled)
    weigh("B", names)
    weigh("C", surroundings)
    named = [NAMED + stem for stem in weights]
    weigh("C", details)
    stems = {*weights, *named}
    for word in description:
        stems.add(word.stem)
        vocabulary[word.folded] = word.stem
    heading = [f"'{stem}':1{weight}" for stem, weight in weights.items()]
    heading += [f"'={folded}':1A" for folded in dict.fromkeys(word.folded for word in titled)]
    columns = {
        "title_key": title_key(title),
        "title_size": max(1, len({word.stem for word in titled})),
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
