"""Job titles suggested while someone types."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from service.core.text import fold
from service.matching.titles.words import stem

_SMALL: Final = frozenset(
    {"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "sur"}
)
_TYPO_FROM: Final = 4
_TWO_TYPOS_FROM: Final = 8
_LONGEST_QUERY: Final = 120
_MOST_WORDS: Final = 8
_EXACT, _SAME_STEM, _BEGINNING, _TYPO = 1.0, 0.95, 0.8, 0.5
_HEAD_BONUS: Final = 0.5
_START_BONUS: Final = 1.0
_PLAIN_BONUS: Final = 0.6
_PRINCIPAL_BONUS: Final = 0.2
_COMMON_BONUS: Final = 0.3
_LENGTH_PENALTY: Final = 0.002


@dataclass(frozen=True, slots=True)
class Completion:
    """A ROME title that may be what is being typed.

    An occupation without titles stands for itself: ``title_code`` is None, ``label`` its own.
    """

    occupation_code: str
    title_code: str | None
    label: str
    occupation_label: str


class TitleCompletion:
    """Finds titles by the beginnings of their words; immutable once built."""

    def __init__(self, titles: Iterable[Completion]) -> None:
        """Index the titles; of two that fit equally, the one given first comes first."""
        self._titles = list(titles)
        self._folded = [fold(title.label) for title in self._titles]
        by_word: defaultdict[str, set[int]] = defaultdict(set)
        by_stem: defaultdict[str, set[int]] = defaultdict(set)
        by_head: defaultdict[str, set[int]] = defaultdict(set)
        for number, title in enumerate(self._titles):
            for word in self._folded[number].split():
                by_word[word].add(number)
                by_stem[stem(word)].add(number)
            for form in title.label.split("/"):
                by_head[stem((fold(form).split() or [""])[0])].add(number)
        self._vocabulary = sorted(by_word)
        counts = [len(by_word[word]) for word in self._vocabulary]
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        flat = [number for word in self._vocabulary for number in sorted(by_word[word])]
        self._flat = np.array(flat, dtype=np.int64)
        self._by_stem = {key: np.array(sorted(numbers)) for key, numbers in by_stem.items()}
        self._by_head = {key: np.array(sorted(numbers)) for key, numbers in by_head.items()}
        lengths = np.array([len(folded) for folded in self._folded], dtype=np.float64)
        self._principal = np.array(
            [
                fold(title.occupation_label) == folded
                for title, folded in zip(self._titles, self._folded, strict=True)
            ],
            dtype=np.float64,
        )
        self._merits = _PRINCIPAL_BONUS * self._principal - _LENGTH_PENALTY * lengths
        self._widths = np.array([_width(title.label) for title in self._titles], dtype=np.int64)
        occupations = dict.fromkeys(title.occupation_code for title in self._titles)
        numbers = {code: number for number, code in enumerate(occupations)}
        self._owners = np.array([numbers[title.occupation_code] for title in self._titles], dtype=np.int64)
        self._beginnings = {
            length: sorted({word[:length] for word in self._vocabulary if len(word) >= length})
            for length in range(_TYPO_FROM - 1, max(map(len, self._vocabulary), default=0) + 1)
        }

    def complete(self, q: str, limit: int = 10) -> list[Completion]:
        """Return at most ``limit`` titles for the typed text ``q``, the most likely first.

        Every word of ``q`` is the beginning of a word of the title, or has the same stem (feminine,
        plural), or differs by one letter (two from eight letters on). Accents, case, apostrophes and
        small words do not matter. When no title has all the words, those with the most come.

        A title that says nothing more than ``q`` comes first. Then, of the titles that name their whole
        occupation, the one whose occupation has the most titles that fit: whoever types "infirmier"
        more likely means the general nurse, with a dozen titles, than the school nurse, with one.
        """
        typed = fold(q[:_LONGEST_QUERY])
        tokens = typed.split()
        telling = [token for token in tokens if token not in _SMALL] or tokens
        telling = list(dict.fromkeys(telling))[:_MOST_WORDS]
        if not telling or not self._titles:
            return []
        fits = np.stack([self._fit(token) for token in telling])
        matched = (fits > 0).sum(axis=0)
        most = int(matched.max())
        if most * 2 < len(telling):
            return []
        scores = fits.sum(axis=0) + self._merits
        heads = self._by_head.get(stem(telling[0]))
        if heads is not None:
            scores[heads] += _HEAD_BONUS
        found = np.flatnonzero(matched == most)
        scores[found] += _COMMON_BONUS * self._principal[found] * self._commonness(found)
        if most == len(telling):
            scores[found[self._widths[found] == most]] += _PLAIN_BONUS
        starting = [number for number in found.tolist() if self._folded[number].startswith(typed)]
        scores[starting] += _START_BONUS
        best = found[np.argsort(-scores[found], kind="stable")[:limit]]
        return [self._titles[number] for number in best.tolist()]

    def _commonness(self, found: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return for each found title how many are of its occupation, against the occupation with most."""
        owners = self._owners[found]
        counts = np.bincount(owners)
        shares: NDArray[np.float64] = counts[owners] / counts.max()
        return shares

    def _fit(self, token: str) -> NDArray[np.float64]:
        """Return how well each title's best word fits one typed word, 0 to 1."""
        fit = np.zeros(len(self._titles))
        fit[self._numbers_beginning_with(token)] = _BEGINNING
        same_stem = self._by_stem.get(stem(token))
        if same_stem is not None:
            fit[same_stem] = _SAME_STEM
        place = bisect_left(self._vocabulary, token)
        if self._vocabulary[place : place + 1] == [token]:
            fit[self._flat[self._starts[place] : self._starts[place + 1]]] = _EXACT
        if not fit.any():
            for beginning in self._misspelt(token):
                fit[self._numbers_beginning_with(beginning)] = _TYPO
        return fit

    def _numbers_beginning_with(self, beginning: str) -> NDArray[np.int64]:
        first = bisect_left(self._vocabulary, beginning)
        last = bisect_left(self._vocabulary, beginning + "\U0010ffff", lo=first)
        return self._flat[self._starts[first] : self._starts[last]]

    def _misspelt(self, token: str) -> list[str]:
        """Return the beginnings of words that ``token`` may be a misspelling of, the nearest."""
        if len(token) < _TYPO_FROM:
            return []
        allowed = 2 if len(token) >= _TWO_TYPOS_FROM else 1
        found = [
            (distance, beginning)
            for length in (len(token) - 1, len(token), len(token) + 1)
            for beginning, distance, _ in process.extract(
                token, self._beginnings.get(length, ()), scorer=OSA.distance, score_cutoff=allowed, limit=None
            )
        ]
        nearest = min((distance for distance, _ in found), default=0)
        return [beginning for distance, beginning in found if distance == nearest]


def _width(label: str) -> int:
    """Return how many telling words a title has, masculine and feminine counted once."""
    return max(len(set(fold(form).split()) - _SMALL) for form in label.split("/"))
