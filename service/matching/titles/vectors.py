"""Sparse vectors compared by cosine: a few thousand rows, a handful of features per query."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


class SparseRows:
    """Rows of weighted features; a rare feature weighs more (inverse document frequency)."""

    def __init__(self, rows: Sequence[Mapping[str, float]]) -> None:
        counts = Counter(feature for row in rows for feature in row)
        self._size = len(rows)
        self._rarity = {feature: math.log(1 + self._size / count) for feature, count in counts.items()}
        starts = dict(zip(counts, accumulate(counts.values(), initial=0), strict=False))
        self._spans = {feature: (start, start + counts[feature]) for feature, start in starts.items()}
        self._numbers = np.empty(counts.total(), dtype=np.int32)
        self._weights = np.empty(counts.total(), dtype=np.float32)
        for number, row in enumerate(rows):
            weighted = [weight * self._rarity[feature] for feature, weight in row.items()]
            norm = math.hypot(*weighted) or 1.0
            for feature, weight in zip(row, weighted, strict=True):
                place = starts[feature]
                starts[feature] = place + 1
                self._numbers[place] = number
                self._weights[place] = weight / norm

    def similarities(self, features: Mapping[str, float]) -> Scores:
        """Return the cosine (0 to 1) of ``features`` with every row; unknown features are ignored."""
        scores = np.zeros(self._size, dtype=np.float64)
        norm = 0.0
        for feature, weight in features.items():
            span = self._spans.get(feature)
            if span is None:
                continue
            weighted = weight * self._rarity[feature]
            norm += weighted * weighted
            start, end = span
            scores[self._numbers[start:end]] += weighted * self._weights[start:end]
        return scores / math.sqrt(norm) if norm else scores


def letters(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the groups of three and four letters of the words, each as heavy as its words."""
    found: defaultdict[str, float] = defaultdict(float)
    for word, weight in weights.items():
        edged = f"^{word}$"
        for length in (3, 4):
            for start in range(max(1, len(edged) - length + 1)):
                found[edged[start : start + length]] += weight
    return dict(found)


def neighbours(weights: Mapping[str, float], share: float) -> dict[str, float]:
    """Return the words and, for ``share`` of their weight, each pair of words that follow."""
    pairs = {
        f"{first} {second}": share * min(weights[first], weights[second])
        for first, second in pairwise(weights)
    }
    return {**weights, **pairs}


def counted(words: Iterable[str]) -> dict[str, float]:
    """Return each word with a weight that grows with the logarithm of its count."""
    return {word: 1 + math.log(count) for word, count in Counter(words).items()}
