"""Everybody under one outermost territory, and the best of each side. Pure: no I/O.

A candidate and a posting can meet when one's territory holds the other's, or is the same: a candidate
of an EPCI sees the postings of that EPCI, of the communes inside it and of the région around it, not
those of the EPCI next door. That is what "anywhere in the territory" means too.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from service.domain.matches.facts import Subjects
from service.matching.bulk import BEST, Ranked, best_both_ways, best_for_candidate, best_for_posting
from service.matching.columns import CandidateColumns, PostingColumns
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts

Place = tuple[int, int]
"""A score in hundredths of a point and a rank from 1."""

Ranking = dict[uuid.UUID, Place]
Pair = tuple[uuid.UUID, uuid.UUID]
"""A candidate and a posting."""

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Lists:
    """The best of each owner whose list was computed, by the other side's id."""

    of_candidates: dict[uuid.UUID, Ranking] = field(default_factory=dict)
    of_postings: dict[uuid.UUID, Ranking] = field(default_factory=dict)
    pairs_scored: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from what was matched before: subjects new, changed or gone."""

    candidates: frozenset[uuid.UUID]
    postings: frozenset[uuid.UUID]

    def __len__(self) -> int:
        """Return how many subjects these are."""
        return len(self.candidates | self.postings)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the current matches say of the subjects that changed, and of everybody's last place.

    ``ranked``: pairs of a changed subject, with both ranks. ``last_of_candidates`` and
    ``last_of_postings``: the score at the last place of each full list.
    """

    ranked: Mapping[Pair, tuple[int | None, int | None]]
    last_of_candidates: Mapping[uuid.UUID, int]
    last_of_postings: Mapping[uuid.UUID, int]


class Board:
    """The subjects of one tree, laid out in columns as they are needed."""

    def __init__(
        self,
        lineages: Mapping[uuid.UUID, frozenset[uuid.UUID]],
        candidates: Subjects[CandidateFacts],
        postings: Subjects[PostingFacts],
        context: MatchingContext,
    ) -> None:
        self.candidates = candidates
        self.postings = postings
        self.context = context
        self._lineages = lineages
        self._candidates_of = _by_territory(candidates.territories)
        self._postings_of = _by_territory(postings.territories)
        self._posting_columns: dict[frozenset[uuid.UUID], PostingColumns] = {}
        self._candidate_columns: dict[frozenset[uuid.UUID], CandidateColumns] = {}

    def affected(self, change: Change, stored: Stored) -> Change:
        """Return whose lists may differ because of ``change``: never too few, seldom too many.

        Those are the changed themselves, whoever had one of them in the list, and whoever now has one
        that is at least as good as the last of a full list.
        """
        candidates, postings = set(change.candidates), set(change.postings)
        for (candidate_id, posting_id), (candidate_rank, posting_rank) in stored.ranked.items():
            if candidate_rank is not None and posting_id in change.postings:
                candidates.add(candidate_id)
            if posting_rank is not None and candidate_id in change.candidates:
                postings.add(posting_id)
        for posting_id in change.postings & self.postings.facts.keys():
            candidates |= _entered(self._candidates_for(posting_id), stored.last_of_candidates)
        for candidate_id in change.candidates & self.candidates.facts.keys():
            postings |= _entered(self._postings_for(candidate_id), stored.last_of_postings)
        return Change(frozenset(candidates), frozenset(postings))

    def some(self, owners: Change) -> Lists:
        """Compute the lists of ``owners``; who no longer takes part has an empty one."""
        lists = Lists()
        for candidate_id in owners.candidates:
            ranked = self._postings_for(candidate_id, BEST) if candidate_id in self.candidates.facts else []
            lists.of_candidates[candidate_id] = _ranking(ranked)
        for posting_id in owners.postings:
            ranked = self._candidates_for(posting_id, BEST) if posting_id in self.postings.facts else []
            lists.of_postings[posting_id] = _ranking(ranked)
        lists.pairs_scored = sum(
            self._count(self._postings_of, self.candidates.territories[candidate_id])
            for candidate_id in owners.candidates & self.candidates.facts.keys()
        ) + sum(
            self._count(self._candidates_of, self.postings.territories[posting_id])
            for posting_id in owners.postings & self.postings.facts.keys()
        )
        return lists

    def everything(self, progress: Progress | None = None) -> Lists:
        """Compute every list. ``progress`` is called with pairs scored so far and in all."""
        groups: dict[frozenset[uuid.UUID], set[uuid.UUID]] = defaultdict(set)
        for territory_id in self._candidates_of:
            groups[self._related(territory_id, self._postings_of)].add(territory_id)
        sizes = {
            offered: sum(len(self._candidates_of[territory_id]) for territory_id in asking)
            for offered, asking in groups.items()
        }
        total = sum(size * self._size(self._postings_of, offered) for offered, size in sizes.items())
        lists = Lists(of_candidates={candidate_id: {} for candidate_id in self.candidates.facts})
        among: dict[uuid.UUID, list[tuple[int, uuid.UUID]]] = {
            posting_id: [] for posting_id in self.postings.facts
        }
        for offered, asking in groups.items():

            def tell(done: int, _of: int, size: int = sizes[offered]) -> None:
                if progress is not None:
                    progress(lists.pairs_scored + done * size, total)

            columns = CandidateColumns.build(self._facts_of_candidates(asking))
            for pair in best_both_ways(columns, self._columns_of_postings(offered), self.context, BEST, tell):
                if pair.candidate_rank is not None:
                    place = (pair.score, pair.candidate_rank)
                    lists.of_candidates[pair.candidate_id][pair.posting_id] = place
                if pair.posting_rank is not None:
                    among[pair.posting_id].append((-pair.score, pair.candidate_id))
            lists.pairs_scored += sizes[offered] * self._size(self._postings_of, offered)
        # The best of all are among the best of each group, in the engine's own order: score, then id.
        lists.of_postings = {
            posting_id: {
                candidate_id: (-lost, rank)
                for rank, (lost, candidate_id) in enumerate(sorted(found)[:BEST], start=1)
            }
            for posting_id, found in among.items()
        }
        return lists

    def _related(self, territory_id: uuid.UUID, others: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        lineage = self._lineages[territory_id]
        return frozenset(
            other for other in others if other in lineage or territory_id in self._lineages[other]
        )

    def _size(self, of: Mapping[uuid.UUID, list[uuid.UUID]], territories: Iterable[uuid.UUID]) -> int:
        return sum(len(of[territory_id]) for territory_id in territories)

    def _count(self, of: Mapping[uuid.UUID, list[uuid.UUID]], territory_id: uuid.UUID) -> int:
        return self._size(of, self._related(territory_id, of))

    def _facts_of_candidates(self, territories: Iterable[uuid.UUID]) -> Iterable[CandidateFacts]:
        for territory_id in territories:
            for candidate_id in self._candidates_of[territory_id]:
                yield self.candidates.facts[candidate_id]

    def _columns_of_postings(self, territories: frozenset[uuid.UUID]) -> PostingColumns:
        if territories not in self._posting_columns:
            facts = (
                self.postings.facts[posting_id]
                for territory_id in territories
                for posting_id in self._postings_of[territory_id]
            )
            self._posting_columns[territories] = PostingColumns.build(facts, self.context)
        return self._posting_columns[territories]

    def _columns_of_candidates(self, territories: frozenset[uuid.UUID]) -> CandidateColumns:
        if territories not in self._candidate_columns:
            self._candidate_columns[territories] = CandidateColumns.build(
                self._facts_of_candidates(territories)
            )
        return self._candidate_columns[territories]

    def _postings_for(self, candidate_id: uuid.UUID, best: int | None = None) -> list[Ranked]:
        territory_id = self.candidates.territories[candidate_id]
        columns = self._columns_of_postings(self._related(territory_id, self._postings_of))
        facts = self.candidates.facts[candidate_id]
        return best_for_candidate(facts, columns, self.context, best or max(1, len(columns)))

    def _candidates_for(self, posting_id: uuid.UUID, best: int | None = None) -> list[Ranked]:
        territory_id = self.postings.territories[posting_id]
        columns = self._columns_of_candidates(self._related(territory_id, self._candidates_of))
        facts = self.postings.facts[posting_id]
        return best_for_posting(facts, columns, self.context, best or max(1, len(columns)))


def _by_territory(territories: Mapping[uuid.UUID, uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    subjects: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for subject_id, territory_id in territories.items():
        subjects[territory_id].append(subject_id)
    return dict(subjects)


def _ranking(ranked: Iterable[Ranked]) -> Ranking:
    return {other.id: (other.score, other.rank) for other in ranked}


def _entered(ranked: Iterable[Ranked], last: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    """Return those whose full list ends no better than this; ties are settled by computing the list."""
    return {other.id for other in ranked if other.score >= last.get(other.id, 0)}
