"""From the facts of a posting to its rows in the index."""

from collections.abc import Iterable, Iterator
from typing import Any

from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.schemas.search import PostingFacts
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
    vocabulary: dict[str, str] = {}
    weights: dict[str, str] = {}

    def weigh(weight: str, found: Iterable[Word]) -> None:
        for word in found:
            weights.setdefault(word.stem, weight)
            vocabulary[word.folded] = word.stem

    titled = list(words(facts.title))
    weigh("A", titled)
    weigh("B", _words(facts.occupation_label, *facts.occupation_titles))
    weigh("C", _surroundings(facts))
    named = [NAMED + stem for stem in weights]
    weigh("C", _prose(facts, facts.sector_label, *facts.skills, *facts.details))
    stems = {*weights, *named}
    for word in _prose(facts, facts.description):
        stems.add(word.stem)
        vocabulary[word.folded] = word.stem
    heading = [f"'{stem}':1{weight}" for stem, weight in weights.items()]
    heading += [f"'={folded}':1A" for folded in dict.fromkeys(word.folded for word in titled)]
    row = {
        "posting_id": facts.id,
        "title_key": title_key(facts.title),
        "title_size": max(1, len({word.stem for word in titled})),
        "heading": " ".join(heading),
        "stems": " ".join(f"'{stem}'" for stem in sorted(stems)),
    }
    return row, vocabulary


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


def _prose(facts: PostingFacts, *texts: str | None) -> Iterable[Word]:
    """Yield the words of free text, without those that would answer falsely to a code."""
    for word in _words(*texts):
        if word.folded.isdigit() and len(word.folded) < _SHORTEST_NUMBER:
            continue
        if facts.contract_kind is not None and word.stem in _CONTRACT_STEMS:
            continue
        yield word
