"""The best postings for a candidate, the best candidates for a posting, and all at once.

Only pairs that pass every gate are ranked. Equal scores are ordered by the fresher posting, then by
id, so that neither the order of the inputs nor of the storage ever matters. Results are exact: the
same as scoring every pair with ``scoring.evaluate``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import CandidateColumns, Integers, PostingColumns
from service.matching.everything import best_of_all
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts
from service.matching.kernel import relation_points, score_candidates, score_postings

BEST: Final = 20

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


class RankedPair(NamedTuple):
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

    ``progress`` is called with the number of postings done and their total, some dozens at a time. Nothing
    runs until the first pair is asked for; all postings are scored before it is given.
    """
    people, work = _candidate_columns(candidates), _posting_columns(postings, context)
    yield from best_pairs(people, work, k, progress).ranked()


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
class BestPairs:
    """The pairs among the best of either side, by candidate id, then posting id.

    ``people`` and ``work`` are positions in the columns; a rank of 0 means "not among the best".
    """

    candidates: CandidateColumns
    postings: PostingColumns
    people: Integers
    work: Integers
    scores: Integers
    candidate_ranks: Integers
    posting_ranks: Integers

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self.people)

    def ranked(self) -> Iterator[RankedPair]:
        """Yield the pairs with their ids."""
        candidate_ids, posting_ids = self.candidates.ids, self.postings.ids
        for start in range(0, len(self), _YIELDED):
            span = slice(start, start + _YIELDED)
            columns = (self.people, self.work, self.scores, self.candidate_ranks, self.posting_ranks)
            for person, posting, score, candidate_rank, posting_rank in zip(
                *(column[span].tolist() for column in columns), strict=True
            ):
                yield RankedPair(
                    candidate_ids[person],
                    posting_ids[posting],
                    score,
                    candidate_rank or None,
                    posting_rank or None,
                )


def best_pairs(
    candidates: CandidateColumns,
    postings: PostingColumns,
    k: int = BEST,
    progress: Callable[[int, int], None] | None = None,
) -> BestPairs:
    """Return what ``best_both_ways`` yields, as columns: nothing is made per pair."""
    ours, theirs = best_of_all(candidates, postings, k, progress)
    people_order, work_order = _order(candidates.ids), _order(postings.ids)
    width = max(1, len(postings))
    our_numbers = _place(people_order, ours.owners) * width + _place(work_order, ours.others)
    their_numbers = _place(people_order, theirs.others) * width + _place(work_order, theirs.owners)
    numbers = np.concatenate([our_numbers, their_numbers])
    numbers.sort()
    numbers = np.delete(numbers, np.flatnonzero(numbers[1:] == numbers[:-1]))
    scores, our_ranks, their_ranks = np.zeros((3, len(numbers)), dtype=np.int32)
    for best, best_numbers, ranks in ((ours, our_numbers, our_ranks), (theirs, their_numbers, their_ranks)):
        found = np.searchsorted(numbers, best_numbers)
        ranks[found], scores[found] = best.ranks, best.scores
    del our_numbers, their_numbers, best_numbers, best, found, ours, theirs
    return BestPairs(
        candidates,
        postings,
        people_order[numbers // width],
        work_order[numbers % width],
        scores,
        our_ranks,
        their_ranks,
    )


def _order(ids: tuple[UUID, ...]) -> Integers:
    """Return the positions of the ids, in their order."""
    halves = np.frombuffer(b"".join(one.bytes for one in ids), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return np.lexsort((halves[:, 1], halves[:, 0])).astype(np.int32)


def _place(order: Integers, positions: Integers) -> NDArray[np.int64]:
    """Return at which place of the order these positions stand."""
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order), dtype=np.int64)
    found: NDArray[np.int64] = places[positions]
    return found
