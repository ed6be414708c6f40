"""From the facts of a posting, or of anything else, to its document in the index.

A document holds no text as it was written: stems to be found and ranked by, codes to be filtered and counted
by. What is shown is read from the database.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from service.schemas.search import DocumentFacts, PostingFacts
from service.search.meilisearch.values import (
    CODE,
    ELSEWHERE,
    ENDLESS,
    EVERYTHING,
    NAME,
    kept,
    microseconds,
    newest,
    salary,
)
from service.search.postgresql.writing import Spoken, spoken
from service.search.words import Word

_DOMAIN_SIZES: Final = (1, 3)  # Letters of a ROME code that name its major domain and its domain.

_SHARES: Final = 8  # Steps. Titles of so many words that one is less than half a step are alike.

# Endings whose other gender or number begins otherwise than the stem: "serveus" must find "serveur".
_TURNS: Final = (("teur", "trice"), ("eur", "euse"), ("if", "ive"), ("al", "aux"))


def document(facts: PostingFacts | DocumentFacts) -> dict[str, Any]:
    """Return the whole document, its digest included. The same facts always make the same document."""
    found: dict[str, Any] = {
        "id": str(facts.id),
        "territory": str(facts.territory_id),
        "newest": newest(facts.published_at, facts.id),
        "valid_through": ENDLESS if facts.valid_through is None else microseconds(facts.valid_through),
        **_texts(spoken(facts)),
    }
    if isinstance(facts, PostingFacts):
        found |= _filtered(facts)
    whole = {name: value for name, value in found.items() if value not in (None, "", [])}
    return whole | {"digest": digest(whole)}


def digest(document: Mapping[str, Any]) -> str:
    """Return what tells this document from any other state of it."""
    content = {name: value for name, value in document.items() if name != "digest"}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _texts(found: Spoken) -> dict[str, Any]:
    """Return the searchable attributes, the two that a text's words are filtered by, and one to rank by.

    ``title_share`` is how much of the title one word is, in steps, so that short titles come first.
    ``forms`` are spellings that do not begin like their stem, for beginnings. ``beginnings`` are all
    spellings of names; ``words`` every stem.
    """
    named = [*found.title, *found.names, *found.surroundings]
    everything = (*named, *found.details, *found.description)
    spellings = {spelling for word in named for spelling in (word.folded, word.stem, *_turned(word.stem))}
    return {
        "title": _stems(found.title),
        "title_share": round(_SHARES / len({word.stem for word in found.title})) if found.title else _SHARES,
        "title_forms": _forms(found.title),
        "names": _not_a_title(_stems(found.names)),
        "forms": _forms((*found.names, *found.surroundings)),
        "surroundings": _not_a_title(_stems(found.surroundings)),
        "details": _not_a_title(_stems(found.details)),
        "description": _not_a_title(_stems(found.description)),
        "beginnings": sorted(spellings),
        "words": sorted({word.stem for word in everything}),
        "everything": EVERYTHING,
    }


def _stems(found: Iterable[Word]) -> str:
    return " ".join(dict.fromkeys(word.stem for word in found))


def _not_a_title(stems: str) -> str:
    """Return stems that do not count as the very words typed, nor as beginning with them."""
    return f"{ELSEWHERE} {stems}" if stems else ""


def _forms(found: Iterable[Word]) -> str:
    forms: dict[str, None] = {}
    for word in found:
        for form in (word.folded, *_turned(word.stem)):
            if not form.startswith(word.stem):
                forms.setdefault(form)
    return " ".join(forms)


def _turned(stem: str) -> list[str]:
    for ending, other in _TURNS:
        if stem.endswith(ending):
            return [stem.removesuffix(ending) + other]
    return []


def _filtered(facts: PostingFacts) -> dict[str, Any]:
    """Return what only postings are filtered and counted by."""
    amount = facts.yearly_salary_min if facts.yearly_salary_max is None else facts.yearly_salary_max
    occupation = facts.occupation_code
    placed = facts.latitude is not None and facts.longitude is not None
    return {
        "contract": facts.contract_kind and facts.contract_kind.value,
        "working_time": facts.working_time and facts.working_time.value,
        "remote": facts.remote and facts.remote.value,
        "in_tension": facts.in_tension,
        "occupation": _code(occupation),
        "occupation_domains": [_code(occupation[:size]) for size in _DOMAIN_SIZES] if occupation else [],
        "sector": _code(facts.sector_code),
        "commune": _code(facts.commune_code),
        "departement": _code(facts.departement_code),
        "employer": facts.employer_id and str(facts.employer_id),
        "source": kept(facts.source, NAME),
        "salary": None if amount is None else salary(amount),
        "_geo": {"lat": facts.latitude, "lng": facts.longitude} if placed else None,
        "placed": placed,
    }


def _code(value: str | None) -> str | None:
    return None if value is None else kept(value, CODE)
