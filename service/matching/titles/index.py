"""From a posting's title to ROME occupations, most likely first."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from service.matching.titles.completion import Completion, TitleCompletion
from service.matching.titles.vectors import Scores, SparseRows, counted, letters, neighbours
from service.matching.titles.vocabulary import OF_EVERY_POSTING, SPELT_OUT
from service.matching.titles.words import stem, telling_words, words

# Chosen on development sets only: ROME titles left out one by one, postings whose title is a ROME
# title with one word taken away, and IT postings. The figures vary by less than one point around.
WORDS_SHARE: Final = 0.5
PAIRS_SHARE: Final = 0.5
SPELT_OUT_SHARE: Final = 0.8
SKILLS_WEIGHT: Final = 0.3
DESCRIPTION_WEIGHT: Final = 1.0
CROWD_SHARE: Final = 0.15
CROWD_SHARPNESS: Final = 12.0
TEMPERATURE: Final = 0.08
HIGHEST_CONFIDENCE: Final = 0.85

_ORDINARY: Final = frozenset(stem(word) for word in OF_EVERY_POSTING)
_SPELT_OUT: Final = {short: tuple(stem(word) for word in spelt.split()) for short, spelt in SPELT_OUT.items()}


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """A ROME title (appellation)."""

    code: str
    label: str
    occupation_code: str
    rarely_used: bool = False


@dataclass(frozen=True, slots=True)
class OccupationFacts:
    """A ROME occupation; ``definition`` is its sentences, one after the other."""

    code: str
    label: str
    definition: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An occupation that a posting's title suggests.

    ``title_code`` and ``label`` are those of the nearest ROME title (the occupation's own label,
    without a code, if it has no title). ``confidence`` is the chance that the occupation is the one
    an agent would give, as measured (see ``OccupationTitleIndex.suggest``).
    """

    occupation_code: str
    title_code: str | None
    label: str
    confidence: float


class OccupationTitleIndex:
    """All ROME titles, ready to classify postings and to complete what is typed.

    Immutable once built and independent of the order of its inputs; about 30 MB for ROME's 13,120
    titles. Obsolete titles and occupations are the caller's to leave out.
    """

    def __init__(
        self,
        titles: Iterable[TitleFacts],
        occupations: Iterable[OccupationFacts],
        skill_links: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Index the titles and their occupations; ``skill_links`` are (occupation, skill) codes."""
        known = {occupation.code: occupation for occupation in occupations}
        self._occupations = [known[code] for code in sorted(known)]
        self._numbers = {occupation.code: number for number, occupation in enumerate(self._occupations)}
        named = {title.code: title for title in titles if title.occupation_code in known}
        entries = [(title.occupation_code, title.code, title.label) for title in named.values()]
        rare = {title.code for title in named.values() if title.rarely_used}
        titled = {code for code, _, _ in entries}
        entries += [(code, "", known[code].label) for code in known if code not in titled]
        # Sorted by occupation, so that an occupation's titles are one slice.
        self._entries = sorted(entries)
        owners = np.array([self._numbers[code] for code, _, _ in self._entries], dtype=np.int64)
        self._starts = np.searchsorted(owners, np.arange(len(self._occupations)))
        rows = [dict.fromkeys(words(label), 1.0) for _, _, label in self._entries]
        self._words = SparseRows([neighbours(row, PAIRS_SHARE) for row in rows])
        self._letters = SparseRows([letters(row) for row in rows])
        self._texts = SparseRows(self._occupation_texts())
        self._skills = self._linked(skill_links)
        self._completion = TitleCompletion(
            Completion(occupation_code, title_code or None, label, known[occupation_code].label)
            for occupation_code, title_code, label in sorted(
                self._entries, key=lambda entry: (entry[1] in rare, entry[2], entry[1], entry[0])
            )
        )

    def suggest(
        self,
        title: str,
        description: str | None = None,
        skills: Sequence[str] = (),
        limit: int = 10,
    ) -> list[Suggestion]:
        """Return at most ``limit`` occupations, most likely first; none when nothing is told.

        The title is compared with every ROME title, the description with each occupation's titles
        and definition, the ``skills`` (ROME codes) with those ROME lists for the occupation.

        Confidences are rough chances. Measured with ``benchmarks/titles.py``: above 0.68 the first
        suggestion is right for 82% of the Ardèche test postings and 68% of the IT ones, whose own
        codes are less sure; from 0.34 to 0.68 for 69% and 33%; below 0.34 for 33% and 17%.
        """
        if not self._occupations:
            return []
        weights = _weighed(title)
        by_title = self._title_scores(weights)
        scores = self._over_occupations(by_title)
        if description:
            telling = (word for word in words(description) if word not in _ORDINARY)
            scores += DESCRIPTION_WEIGHT * self._texts.similarities(counted(telling))
        scores += SKILLS_WEIGHT * self._skill_scores(skills)
        if not scores.any():
            return []
        best = np.argsort(-scores, kind="stable")[:limit]
        chances = np.exp((scores - scores[best[0]]) / TEMPERATURE)
        chances *= HIGHEST_CONFIDENCE / chances.sum()
        return [self._suggestion(int(number), by_title, float(chances[number])) for number in best]

    def complete(self, q: str, limit: int = 10) -> list[Completion]:
        """Return at most ``limit`` titles for what is being typed; see ``TitleCompletion``."""
        return self._completion.complete(q, limit)

    def _title_scores(self, weights: dict[str, float]) -> Scores:
        by_words = self._words.similarities(neighbours(weights, PAIRS_SHARE))
        by_letters = self._letters.similarities(letters(weights))
        return WORDS_SHARE * by_words + (1 - WORDS_SHARE) * by_letters

    def _over_occupations(self, by_title: Scores) -> Scores:
        """Score each occupation by its best title, and a little by how many others come near."""
        best = np.maximum.reduceat(by_title, self._starts)
        if not best.any():
            return np.zeros(len(best))
        spread = np.add.reduceat(np.exp((by_title - 1) * CROWD_SHARPNESS), self._starts)
        crowd = np.log(spread) / CROWD_SHARPNESS + 1
        scores: Scores = (1 - CROWD_SHARE) * best + CROWD_SHARE * crowd
        return scores

    def _skill_scores(self, skills: Sequence[str]) -> Scores:
        """Return the share of the skills, weighed by rarity, that ROME lists for each occupation."""
        scores = np.zeros(len(self._occupations))
        total = 0.0
        for skill in sorted(set(skills) & self._skills.keys()):
            numbers = self._skills[skill]
            rarity = math.log(len(self._occupations) / len(numbers))
            scores[numbers] += rarity
            total += rarity
        return scores / total if total else scores

    def _occupation_texts(self) -> list[dict[str, float]]:
        bounds = [*self._starts.tolist(), len(self._entries)]
        texts = []
        for number, occupation in enumerate(self._occupations):
            labels = [label for _, _, label in self._entries[bounds[number] : bounds[number + 1]]]
            texts.append(
                counted(word for text in (*labels, occupation.definition or "") for word in words(text))
            )
        return texts

    def _linked(self, skill_links: Iterable[tuple[str, str]]) -> dict[str, np.ndarray]:
        linked: defaultdict[str, set[int]] = defaultdict(set)
        for occupation_code, skill_code in skill_links:
            if occupation_code in self._numbers:
                linked[skill_code].add(self._numbers[occupation_code])
        return {skill: np.array(sorted(numbers), dtype=np.int64) for skill, numbers in linked.items()}

    def _suggestion(self, number: int, by_title: Scores, confidence: float) -> Suggestion:
        start = int(self._starts[number])
        end = int(self._starts[number + 1]) if number + 1 < len(self._starts) else len(self._entries)
        occupation_code, title_code, label = self._entries[start + int(by_title[start:end].argmax())]
        return Suggestion(occupation_code, title_code or None, label, round(confidence, 4))


def _weighed(title: str) -> dict[str, float]:
    """Return the stems of a posting's title with their weights, abbreviations spelt out."""
    weights: dict[str, float] = {}
    for word in telling_words(title):
        weights.setdefault(stem(word), 1.0)
        for spelt in _SPELT_OUT.get(word, ()):
            weights.setdefault(spelt, SPELT_OUT_SHARE)
    return weights
