"""The best postings for a candidate, the best candidates for a posting, and all at once.

Only pairs that pass every gate are ranked. Equal scores are ordered by the fresher posting, then by
id, so that neither the order of the inputs nor of the storage ever matters. Results are exact: the
same as scoring every pair with ``scoring.evaluate``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import CandidateColumns, Integers, PostingColumns
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts
from service.matching.kernel import relation_points, score_candidates, score_postings
from service.matching.weights import MAX_SCORE

BEST: Final = 20

_BUFFER: Final = 1 << 21
"""Pairs kept before the candidates' best are sifted again: bounds the memory of a whole run."""

_PRECEDENCE_BITS: Final = 32

_YIELDED: Final = 1 << 16
"""Pairs turned into objects at a time when a run yields its results."""

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the best: the other side's id, its score in hundredths of a point, its rank from 1."""

    id: UUID
    score: int
    rank: int


@dataclass(frozen=True, slots=True)
class RankedPair:
    """A pair among the best of its candidate, of its posting, or of both.

    ``candidate_rank`` is the posting's rank for the candidate, ``posting_rank`` the candidate's
    rank for the posting, from 1; ``None`` where it is not among the best.
    """

    candidate_id: UUID
    posting_id: UUID
    score: int
    candidate_rank: int | None
    posting_rank: int | None


def best_for_candidate(
    candidate: CandidateFacts,
    postings: PostingColumns | Iterable[PostingFacts],
    context: MatchingContext,
    k: int = BEST,
) -> list[Ranked]:
    """Return the candidate's best postings, the best first, ``k`` at most."""
    columns = _posting_columns(postings, context)
    positions, scores = score_postings(CandidateColumns.build([candidate]), 0, columns)
    return _ranked(columns.ids, columns.precedence, positions, scores, k)


def best_for_posting(
    posting: PostingFacts,
    candidates: CandidateColumns | Iterable[CandidateFacts],
    context: MatchingContext,
    k: int = BEST,
) -> list[Ranked]:
    """Return the posting's best candidates, the best first, ``k`` at most."""
    columns = _candidate_columns(candidates)
    related = relation_points(columns, context.graph, posting.occupation)
    one = PostingColumns.build([posting], context)
    positions, scores = score_candidates(columns, one, 0, related)
    return _ranked(columns.ids, columns.precedence, positions, scores, k)


def best_both_ways(
    candidates: CandidateColumns | Iterable[CandidateFacts],
    postings: PostingColumns | Iterable[PostingFacts],
    context: MatchingContext,
    k: int = BEST,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[RankedPair]:
    """Yield every pair among the ``k`` best of either side, by candidate id, then posting id.

    ``progress`` is called with the number of postings done and their total. Nothing runs until the
    first pair is asked for; all postings are scored before it is given.
    """
    people, work = _candidate_columns(candidates), _posting_columns(postings, context)
    for_candidates, for_postings = _BestOfEachCandidate(people, work, k), _BestOfEachPosting(k)
    related, offered_before = relation_points(people, context.graph, None), None
    for done, (offered, row) in enumerate(_by_occupation(work), start=1):
        if offered != offered_before:
            related, offered_before = relation_points(people, context.graph, offered), offered
        positions, scores = score_candidates(people, work, row, related)
        for_candidates.offer(row, positions, scores)
        for_postings.offer(row, positions, scores, people.precedence)
        if progress is not None:
            progress(done, len(work))
    yield from _union(people, work, for_candidates.best(), for_postings.best())


def _candidate_columns(
    candidates: CandidateColumns | Iterable[CandidateFacts],
) -> CandidateColumns:
    if isinstance(candidates, CandidateColumns):
        return candidates
    return CandidateColumns.build(candidates)


def _posting_columns(
    postings: PostingColumns | Iterable[PostingFacts], context: MatchingContext
) -> PostingColumns:
    if not isinstance(postings, PostingColumns):
        return PostingColumns.build(postings, context)
    if postings.context is not context:
        raise ValueError("these columns were built for another context")
    return postings


def _by_occupation(postings: PostingColumns) -> list[tuple[str | None, int]]:
    """Return each posting's occupation and position, those of one occupation side by side."""
    occupations: list[str | None] = [None] * len(postings)
    for code in postings.occupations.names:
        for row in postings.occupations.holding(code)[0].tolist():
            occupations[row] = code
    return sorted(zip(occupations, range(len(postings)), strict=True), key=lambda it: it[0] or "")


def _keys(scores: Integers, precedence: Integers | np.int32) -> Keys:
    """Return one number per pair that sorts as the pairs do: by score, then by precedence."""
    return (scores.astype(np.int64) << _PRECEDENCE_BITS) | precedence


def _best(keys: Keys, k: int) -> NDArray[np.int64]:
    """Return the positions of the ``k`` highest keys, the highest first. Keys are distinct."""
    if k < 1:
        raise ValueError("the best are at least one")
    rest = max(len(keys) - k, 0)
    chosen = np.argpartition(keys, rest)[rest:] if rest else np.arange(len(keys))
    best: NDArray[np.int64] = chosen[np.argsort(-keys[chosen])]
    return best


def _ranked(
    ids: tuple[UUID, ...],
    precedence: Integers,
    positions: NDArray[np.int64],
    scores: Integers,
    k: int,
) -> list[Ranked]:
    best = _best(_keys(scores, precedence[positions]), k)
    pairs = zip(positions[best].tolist(), scores[best].tolist(), strict=True)
    return [
        Ranked(id=ids[position], score=score, rank=rank)
        for rank, (position, score) in enumerate(pairs, start=1)
    ]


@dataclass(frozen=True, slots=True)
class _Best:
    """Pairs kept for one side, as positions in the columns, with their rank on that side."""

    candidates: Integers
    postings: Integers
    scores: Integers
    ranks: Integers


class _BestOfEachPosting:
    """The ``k`` best candidates of every posting, gathered one posting at a time."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._rows: list[int] = []
        self._candidates: list[Integers] = []
        self._scores: list[Integers] = []

    def offer(self, row: int, positions: NDArray[np.int64], scores: Integers, precedence: Integers) -> None:
        """Keep the best of the candidates scored for the posting."""
        best = _best(_keys(scores, precedence[positions]), self._k)
        self._rows.append(row)
        self._candidates.append(positions[best].astype(np.int32))
        self._scores.append(scores[best])

    def best(self) -> _Best:
        """Return what was kept."""
        counts = [len(kept) for kept in self._candidates]
        nothing = [np.empty(0, dtype=np.int32)]
        ranks = [np.arange(1, count + 1, dtype=np.int32) for count in counts]
        return _Best(
            candidates=np.concatenate(nothing + self._candidates),
            postings=np.repeat(np.array(self._rows, dtype=np.int32), counts),
            scores=np.concatenate(nothing + self._scores),
            ranks=np.concatenate(nothing + ranks),
        )


class _BestOfEachCandidate:
    """The ``k`` best postings of every candidate, sifted as postings go by.

    A pair is one number, candidate then score then precedence, so that sifting is sorting numbers.
    14 bits hold a score; 49 are left for the two positions.
    """

    def __init__(self, candidates: CandidateColumns, postings: PostingColumns, k: int) -> None:
        self._k = k
        self._precedence = postings.precedence
        self._score_shift = len(postings).bit_length()
        self._candidate_shift = self._score_shift + MAX_SCORE.bit_length()
        self._size = len(candidates)
        # A pair below its candidate's threshold can no longer be among the best.
        self._threshold = np.full(len(candidates), -1, dtype=np.int64)
        self._kept = np.empty(0, dtype=np.int64)
        self._waiting: list[Keys] = []
        self._waiting_pairs = 0

    def offer(self, row: int, positions: NDArray[np.int64], scores: Integers) -> None:
        """Take in one posting's scores, leaving out those that cannot be among the best."""
        pairs = positions << self._candidate_shift
        pairs |= scores.astype(np.int64) << self._score_shift
        pairs |= self._precedence[row]
        better = pairs[pairs > self._threshold[positions]]
        self._waiting.append(better)
        self._waiting_pairs += len(better)
        if self._waiting_pairs > _BUFFER:
            self._sift()

    def _sift(self) -> Integers:
        """Keep the best of each candidate, and return their ranks."""
        pairs = np.concatenate([self._kept, *self._waiting])
        self._waiting, self._waiting_pairs = [], 0
        pairs.sort()
        candidates = (pairs >> self._candidate_shift).astype(np.int32)
        ends = np.cumsum(np.bincount(candidates, minlength=self._size))
        ranks = (ends[candidates] - np.arange(len(pairs))).astype(np.int32)
        last = ranks == self._k
        self._threshold[candidates[last]] = pairs[last]
        among_best = ranks <= self._k
        self._kept = pairs[among_best]
        return ranks[among_best]

    def best(self) -> _Best:
        """Return what was kept."""
        ranks, pairs = self._sift(), self._kept
        rows = np.empty(len(self._precedence), dtype=np.int32)
        rows[self._precedence] = np.arange(len(self._precedence), dtype=np.int32)
        score_mask = (1 << MAX_SCORE.bit_length()) - 1
        return _Best(
            candidates=(pairs >> self._candidate_shift).astype(np.int32),
            postings=rows[pairs & ((1 << self._score_shift) - 1)],
            scores=((pairs >> self._score_shift) & score_mask).astype(np.int32),
            ranks=ranks,
        )


def _union(
    candidates: CandidateColumns, postings: PostingColumns, ours: _Best, theirs: _Best
) -> Iterator[RankedPair]:
    """Yield the pairs of both sides, each once, with the ranks it has."""
    by_candidate = sorted(range(len(candidates)), key=candidates.ids.__getitem__)
    by_posting = sorted(range(len(postings)), key=postings.ids.__getitem__)
    candidate_order, posting_order = _places(by_candidate), _places(by_posting)
    width = len(postings)

    def numbers(best: _Best) -> Keys:
        places: Keys = candidate_order[best.candidates] * width + posting_order[best.postings]
        return places

    our_numbers, their_numbers = numbers(ours), numbers(theirs)
    pairs = np.concatenate([our_numbers, their_numbers])
    pairs.sort()
    first = np.ones(len(pairs), dtype=np.bool_)
    np.not_equal(pairs[1:], pairs[:-1], out=first[1:])
    pairs = pairs[first]
    scores, our_ranks, their_ranks = np.zeros((3, len(pairs)), dtype=np.int32)
    for best, best_numbers, ranks in (
        (ours, our_numbers, our_ranks),
        (theirs, their_numbers, their_ranks),
    ):
        found = np.searchsorted(pairs, best_numbers)
        ranks[found] = best.ranks
        scores[found] = best.scores
    for start in range(0, len(pairs), _YIELDED):
        span = slice(start, start + _YIELDED)
        people, work = np.divmod(pairs[span], width)
        columns = (people, work, scores[span], our_ranks[span], their_ranks[span])
        for person, posting, score, candidate_rank, posting_rank in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield RankedPair(
                candidate_id=candidates.ids[by_candidate[person]],
                posting_id=postings.ids[by_posting[posting]],
                score=score,
                candidate_rank=candidate_rank or None,
                posting_rank=posting_rank or None,
            )


def _places(order: list[int]) -> NDArray[np.int64]:
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order), dtype=np.int64)
    return places
