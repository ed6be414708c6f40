"""Postings that are the same opening, published several times.

Two postings are duplicates when they are in the same commune, by the same employer, under similar
titles, with compatible contracts, and nothing in their descriptions says otherwise: from one
source, two different texts are two openings; from two sources, one opening may be worded twice.
When an employer is unknown, nearly the same description must stand for it.

A group is a posting to show and its direct duplicates: A ~ B ~ C does not make A and C one opening.
Results do not depend on the order of the postings.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Final, Generic, TypeVar
from uuid import UUID

import numpy as np
from rapidfuzz import fuzz

from service.core.text import fold
from service.matching.titles.words import stem, telling_words
from service.models.enums import ContractKind

Id = TypeVar("Id", str, UUID)

SAME_TITLE: Final = 85.0
SAME_WORD: Final = 85.0
SAME_EMPLOYER: Final = 90.0
SAME_TEXT: Final = 0.9
SAME_OPENING: Final = 0.5
_SHINGLE_WORDS: Final = 3
_TELLING_SHINGLES: Final = 12
_SIGNATURE: Final = 8
_LARGEST_BLOCK: Final = 300
_PRIME: Final = 4_294_967_311
_WIDEST: Final = 2**31

_LEGAL_FORMS: Final = frozenset(
    {
        "sa", "sas", "sasu", "sarl", "eurl", "snc", "sci", "scop", "scic", "selarl", "gie", "earl", "gaec",
        "ste", "societe", "entreprise", "etablissement", "etablissements", "ets", "groupe", "france",
        "association", "asso", "cie", "et", "de", "des", "du", "la", "le", "les", "l", "d", "a", "en",
    }
)  # fmt: skip
# Words that make another opening of an otherwise similar title.
_TELLING_APART: Final = frozenset(
    stem(word)
    for word in (
        "nuit", "jour", "weekend", "matin", "soir", "adjoint", "assistant", "aide", "apprenti", "alternance",
        "apprentissage", "stage", "stagiaire", "chef", "cheffe", "responsable", "directeur", "second",
        "commis", "lead", "manager", "remplacement", "tournant", "partiel",
    )
)  # fmt: skip
_MULTIPLIERS: Final = np.random.default_rng(1).integers(1, _WIDEST, size=(_SIGNATURE, 2), dtype=np.uint64)
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class DuplicateFacts(Generic[Id]):
    """What decides whether a posting is the same opening as another.

    ``source`` tells publishers apart: two sources, or two partners of one source, may word one
    opening differently. ``departement_code`` stands in when the commune is unknown.
    ``completeness`` counts the facts the posting has: the fullest is shown.
    """

    id: Id
    source: str
    title: str
    description: str | None = None
    employer_name: str | None = None
    siret: str | None = None
    commune_code: str | None = None
    departement_code: str | None = None
    contract: ContractKind | None = None
    updated_at: datetime | None = None
    completeness: int = 0


def group(postings: Iterable[DuplicateFacts[Id]]) -> list[list[Id]]:
    """Return the groups of two postings or more, in each the one to show first.

    Shown is the most complete, then the most recently updated, then the smallest identifier. Groups
    come in the order of the shown identifiers. Time grows with the number of postings, not with its
    square: only postings that share a commune and an employer, or a piece of text, are compared.
    """
    traits: list[_Traits[Id]] = [_Traits(facts) for facts in postings]
    traits.sort(key=lambda trait: trait.preference)
    neighbours: defaultdict[int, set[int]] = defaultdict(set)
    for first, second in _pairs(traits):
        if _are_duplicates(traits[first], traits[second]):
            neighbours[first].add(second)
            neighbours[second].add(first)
    groups: list[list[Id]] = []
    grouped: set[int] = set()
    for number in sorted(neighbours):
        # In order of preference, so a posting joins the best one it is a direct duplicate of.
        if number in grouped:
            continue
        others: list[int] = sorted(neighbours[number] - grouped)
        if others:
            grouped.update((number, *others))
            groups.append([traits[other].facts.id for other in (number, *others)])
    return sorted(groups, key=lambda members: str(members[0]))


def similar_to(one: DuplicateFacts[Id], candidates: Iterable[DuplicateFacts[Id]]) -> list[Id]:
    """Return the candidates that are direct duplicates of ``one``, the one to show first."""
    own = _Traits(one)
    found = [trait for trait in map(_Traits, candidates) if trait.facts.id != one.id]
    found = [trait for trait in found if _are_duplicates(own, trait)]
    return [trait.facts.id for trait in sorted(found, key=lambda trait: trait.preference)]


class _Traits(Generic[Id]):
    """A posting's facts in the form they are compared in."""

    __slots__ = (
        "apart",
        "employer",
        "facts",
        "numbers",
        "place",
        "preference",
        "shingles",
        "signature",
        "stems",
    )

    def __init__(self, facts: DuplicateFacts[Id]) -> None:
        self.facts: DuplicateFacts[Id] = facts
        updated = facts.updated_at or datetime.min.replace(tzinfo=UTC)
        self.preference = (-facts.completeness, -updated.timestamp(), str(facts.id))
        folded = fold(facts.title)
        stems = {stem(word) for word in folded.split()}
        self.apart = stems & _TELLING_APART
        self.numbers = frozenset(_NUMBER.findall(folded))
        self.stems = tuple(sorted({stem(word) for word in telling_words(facts.title)}))
        self.place = facts.commune_code or facts.departement_code
        words = fold(facts.employer_name or "").split()
        self.employer = " ".join(word for word in words if word not in _LEGAL_FORMS) or " ".join(words)
        self.shingles = _shingles(facts.description or "")
        self.signature = _signature(self.shingles)

    def content(self) -> tuple[object, ...]:
        """Return what exact copies have in common."""
        facts = self.facts
        kind = facts.contract.value if facts.contract else ""
        return (
            self.stems,
            self.signature,
            self.employer,
            facts.siret,
            kind,
            facts.source,
            tuple(sorted(self.apart)),
        )


def _shingles(text: str) -> frozenset[int]:
    words = fold(text).split()
    runs = (words[start : start + _SHINGLE_WORDS] for start in range(len(words) - _SHINGLE_WORDS + 1))
    return frozenset(zlib.crc32(" ".join(run).encode()) for run in runs)


def _signature(shingles: frozenset[int]) -> tuple[int, ...]:
    """Return the text's minimal hashes: nearly equal texts share at least one, surely."""
    if not shingles:
        return ()
    values = np.fromiter(shingles, dtype=np.uint64, count=len(shingles))
    hashed = (values[None, :] % _WIDEST * _MULTIPLIERS[:, :1] + _MULTIPLIERS[:, 1:]) % _PRIME
    return tuple(hashed.min(axis=1).tolist())


def _pairs(traits: Sequence[_Traits[Id]]) -> set[tuple[int, int]]:
    """Return the pairs worth comparing: same commune, and an employer or a piece of text in common."""
    blocks: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, trait in enumerate(traits):
        for key in _keys(trait):
            blocks[key].append(number)
    pairs: set[tuple[int, int]] = set()
    for members in blocks.values():
        if len(members) <= _LARGEST_BLOCK:
            pairs.update(combinations(members, 2))
            continue
        # Too many to compare all: each is compared with the best of its exact copies, and those
        # with their neighbours once sorted by content.
        best: dict[tuple[object, ...], int] = {}
        for number in members:
            leader = best.setdefault(traits[number].content(), number)
            if leader != number:
                pairs.add((leader, number))
        alike = [number for _, number in sorted(best.items(), key=lambda entry: (str(entry[0]), entry[1]))]
        for start, number in enumerate(alike):
            near = alike[start + 1 : start + 1 + _LARGEST_BLOCK // 2]
            pairs.update((min(number, other), max(number, other)) for other in near)
    return pairs


def _keys(trait: _Traits[Id]) -> Iterator[tuple[object, ...]]:
    if trait.facts.siret:
        yield ("siret", trait.place, trait.facts.siret)
    for word in set(trait.employer.split()):
        yield ("employer", trait.place, word)
    for rank, value in enumerate(trait.signature):
        yield ("text", trait.place, rank, value)


def _are_duplicates(one: _Traits[Id], other: _Traits[Id]) -> bool:
    if not _may_be_duplicates(one, other):
        return False
    same_employer = _same_employer(one, other)
    if same_employer is False:
        return False
    likeness, telling = _likeness(one, other)
    same_text = telling and likeness >= SAME_TEXT
    if same_employer is None or one.place is None:
        enough = same_text
    else:
        enough = one.facts.source != other.facts.source or not telling or likeness >= SAME_OPENING
    return enough and _same_title(one.stems, other.stems, may_say_more=same_text)


def _may_be_duplicates(one: _Traits[Id], other: _Traits[Id]) -> bool:
    """Say whether nothing forbids it: commune, contract, the words and numbers that tell apart."""
    kinds = {one.facts.contract, other.facts.contract} - {None, ContractKind.OTHER}
    numbers = {trait.numbers for trait in (one, other) if trait.numbers}
    return (
        one.place == other.place
        and len(kinds) <= 1
        and len(numbers) <= 1
        and one.apart == other.apart
        and bool(one.stems and other.stems)
    )


def _same_title(one: Sequence[str], other: Sequence[str], *, may_say_more: bool) -> bool:
    """Say whether two titles name the same thing.

    Titles that each have a word of their own do not ("Java, banque" and "Java, industrie"); a word
    spelt a little differently is not its own. ``may_say_more`` lets one title add words, such as a
    place or a reference, to the other's.
    """
    if one == other:
        return True
    own = [word for word in one if not _has_like(word, other)]
    others = [word for word in other if not _has_like(word, one)]
    if own and others:
        return False
    return may_say_more or fuzz.ratio(" ".join(one), " ".join(other)) >= SAME_TITLE


def _has_like(word: str, words: Sequence[str]) -> bool:
    return any(word == other or fuzz.ratio(word, other) >= SAME_WORD for other in words)


def _likeness(one: _Traits[Id], other: _Traits[Id]) -> tuple[float, bool]:
    """Return the share of the shorter description found in the other, and whether both are telling.

    A share of the shorter one: partners cut descriptions, or wrap them in their own words.
    """
    least = min(len(one.shingles), len(other.shingles))
    if least < _TELLING_SHINGLES:
        return 0.0, False
    return len(one.shingles & other.shingles) / least, True


def _same_employer(one: _Traits[Id], other: _Traits[Id]) -> bool | None:
    """Return whether the employers are the same, ``None`` when one is unknown."""
    if one.facts.siret and other.facts.siret:
        return one.facts.siret == other.facts.siret
    if not one.employer or not other.employer:
        return None
    return bool(fuzz.token_set_ratio(one.employer, other.employer) >= SAME_EMPLOYER)
