"""Who is among the best of whom, when pairs come in any order and from several threads."""

from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import Integers
from service.matching.weights import MAX_SCORE

Keys = NDArray[np.int64]

_BUFFER: Final = 1 << 20
"""Pairs kept before the best are sifted again: bounds the memory of a whole run."""

_SCORE_BITS: Final = MAX_SCORE.bit_length()


@dataclass(frozen=True, slots=True)
class Best:
    """The pairs kept for one side: owner and other as positions in columns, score, rank from 1."""

    owners: Integers
    others: Integers
    scores: Integers
    ranks: Integers


class Sieve:
    """The ``k`` best others of every owner, sifted as pairs go by.

    A pair is one number, owner then score then the other's precedence, so that sifting is sorting
    numbers: 14 bits hold a score, 49 are left for the two positions.

    ``floors`` holds a score for each owner that a pair must reach to be among the best; it only rises.
    """

    def __init__(self, owners: int, precedence: Integers, k: int) -> None:
        if k < 1:
            raise ValueError("the best are at least one")
        self.floors = np.zeros(owners, dtype=np.int16)
        self._k = k
        self._precedence = precedence
        self._score_shift = len(precedence).bit_length()
        self._owner_shift = self._score_shift + _SCORE_BITS
        self._kept = np.empty(0, dtype=np.int64)
        self._waiting: list[Keys] = []
        self._waiting_pairs = 0
        self._lock = Lock()

    def raise_floors(self, owners: NDArray[np.int64], scores: NDArray[np.int16]) -> None:
        """Note that each of these owners has ``k`` pairs of at least this score."""
        with self._lock:
            self.floors[owners] = np.maximum(self.floors[owners], scores)

    def offer(self, owners: NDArray[np.int64], others: NDArray[np.int64], scores: NDArray[np.int16]) -> None:
        """Take in pairs. One may come again, with the same score."""
        keys = owners << self._owner_shift
        keys |= scores.astype(np.int64) << self._score_shift
        keys |= self._precedence[others]
        with self._lock:
            self._waiting.append(keys)
            self._waiting_pairs += len(keys)
            if self._waiting_pairs > _BUFFER:
                self._sift()

    def best(self) -> Best:
        """Return what is among the best of everything offered, by owner, the best last."""
        with self._lock:
            self._sift()
            keys, (starts, ends) = self._kept, self._bounds(self._kept)
        others = np.empty(len(self._precedence), dtype=np.int32)
        others[self._precedence] = np.arange(len(self._precedence), dtype=np.int32)
        counts = ends - starts
        return Best(
            owners=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            others=others[keys & ((1 << self._score_shift) - 1)],
            scores=self._scores(keys).astype(np.int32),
            ranks=(np.repeat(ends, counts) - np.arange(len(keys))).astype(np.int32),
        )

    def _sift(self) -> None:
        """Keep the best of each owner."""
        keys = np.concatenate([self._kept, *self._waiting])
        self._kept, self._waiting, self._waiting_pairs = keys[:0], [], 0
        keys.sort()
        again = np.flatnonzero(keys[1:] == keys[:-1])
        if len(again):
            keys = np.delete(keys, again)
        starts, ends = self._bounds(keys)
        full = np.flatnonzero(ends - starts >= self._k)
        self.floors[full] = np.maximum(self.floors[full], self._scores(keys[ends[full] - self._k]))
        starts = np.maximum(starts, ends - self._k)
        places = np.arange(int((ends - starts).sum()))
        places += np.repeat(starts - np.cumsum(ends - starts) + (ends - starts), ends - starts)
        self._kept = keys[places]

    def _bounds(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where each owner's keys begin and end."""
        bounds = np.searchsorted(keys, np.arange(len(self.floors) + 1) << self._owner_shift)
        return bounds[:-1], bounds[1:]

    def _scores(self, keys: Keys) -> NDArray[np.int16]:
        return ((keys >> self._score_shift) & ((1 << _SCORE_BITS) - 1)).astype(np.int16)
