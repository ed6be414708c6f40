"""Whom a posting may concern at all, and the most that a score can come to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from service.matching import weights
from service.matching.columns import UNSAID, CandidateColumns, Integers, PostingColumns
from service.matching.kernel import relation_worth

Positions = NDArray[np.int64]
Truths = NDArray[np.bool_]
Worths = NDArray[np.int16]


def spans(starts: NDArray[np.int64], rows: Positions) -> tuple[Positions, Positions]:
    """Return the places of all entries of these rows, and for each the number of its row among them."""
    lengths = starts[rows + 1] - starts[rows]
    which = np.repeat(np.arange(len(rows)), lengths)
    before = np.cumsum(lengths) - lengths
    return which, np.arange(len(which)) + (starts[rows] - before)[which]


class Relations:
    """Which wanted occupations are related to the offered ones, and what that is worth.

    ``offered`` gives each posting's occupation as a number, -1 for none, neighbours in ROME side by side.
    """

    def __init__(self, candidates: CandidateColumns, postings: PostingColumns) -> None:
        graph = postings.context.graph
        self._wanted = candidates.wanted
        self._size = len(candidates)
        # A wanted occupation and whether it is the first choice make one number; the last one is nothing.
        starts = self._wanted.row_starts
        counts = np.diff(starts)
        self._nothing = 2 * len(self._wanted.names)
        self._choices = np.full((int(counts.max(initial=0)), len(candidates)), self._nothing, dtype=np.int32)
        choices = self._wanted.row_codes * 2 + self._wanted.row_values
        for place, numbers in enumerate(self._choices):
            who = np.flatnonzero(counts > place)
            numbers[who] = choices[starts[who] + place]
        names = sorted(postings.occupations.names)
        self.offered = np.full(len(postings), -1, dtype=np.int64)
        self._same: list[int | None] = []
        self._worths: list[tuple[Positions, Integers]] = []
        for number, code in enumerate(names):
            self.offered[postings.occupations.holding(code)[0]] = number
            self._same.append(self._wanted.codes.get(code))
            related: list[int] = []
            worths: list[int] = []
            for wanted in graph.toward(code):
                wanted_number = self._wanted.codes.get(wanted)
                if wanted_number is not None:
                    related += [2 * wanted_number, 2 * wanted_number + 1]
                    worths += [relation_worth(graph, wanted, code, choice) for choice in (0, 1)]
            self._worths.append((np.array(related, dtype=np.int64), np.array(worths, dtype=np.int32)))

    def wanting(self, occupations: Positions) -> Truths:
        """Tell of every candidate whether one of these occupations is wanted."""
        same = (self._same[number] for number in occupations.tolist() if number >= 0)
        return self._holding(number for number in same if number is not None)

    def concerned(self, occupations: Positions) -> Truths:
        """Tell of every candidate whether one of these occupations is related to a wanted one."""
        numbers = [self._worths[number][0][::2] // 2 for number in occupations.tolist() if number >= 0]
        return self._holding(np.unique(np.concatenate([*numbers, np.empty(0, dtype=np.int64)])).tolist())

    def _holding(self, numbers: Iterable[int]) -> Truths:
        holding = np.zeros(self._size, dtype=np.bool_)
        starts, rows = self._wanted.starts, self._wanted.rows
        for number in numbers:
            holding[rows[starts[number] : starts[number + 1]]] = True
        return holding

    def worth(self, occupations: Positions, columns: Positions) -> Worths:
        """Return what the best relation to each occupation is worth to each candidate, before confidence."""
        worths = np.zeros((len(occupations), self._nothing + 1), dtype=np.int16)
        for place, number in enumerate(occupations.tolist()):
            if number >= 0:
                choices, points = self._worths[number]
                worths[place, choices] = points
        best = np.zeros((len(occupations), len(columns)), dtype=np.int16)
        for numbers in self._choices:
            np.maximum(best, worths.take(numbers.take(columns), axis=1), out=best)
        return best


@dataclass(frozen=True, slots=True)
class TellingSkills:
    """For each posting, skills of which a candidate without a related occupation must hold one.

    From the most held skill on, skills are left out as long as together they weigh less than the share
    that makes a pair relevant: who holds only those is not brought together with the posting.
    ``rare``: by posting, those that few candidates hold; ``common``: by skill, who asks for one that many
    do. ``remainder``: the most points for skills without any of the rare ones, by posting.
    """

    rare_starts: NDArray[np.int64]
    rare: Positions
    common: tuple[tuple[int, Positions], ...]
    remainder: Integers

    @classmethod
    def find(cls, candidates: CandidateColumns, postings: PostingColumns, few: int) -> Self:
        """Find them; ``few`` candidates at most hold a rare skill."""
        asked, held = postings.skills, candidates.skills
        numbers = np.array([held.codes.get(code, -1) for code in asked.names], dtype=np.int64)
        skills = numbers[asked.row_codes]
        holders = np.append(np.diff(held.starts), 0)[skills]
        lengths = np.diff(asked.row_starts)
        of_row = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((-holders, of_row))
        skills, holders, weight = skills[order], holders[order], asked.row_values[order].astype(np.int64)
        sums = np.cumsum(weight)
        sums -= np.concatenate(([0], sums))[asked.row_starts[:-1]][of_row]
        total = postings.rows["skills_total"].astype(np.int64)
        needed = -(-weights.SKILLS_ALONE_PERCENT * total // 100)
        telling = (sums >= needed[of_row]) & (holders > 0)
        rare = telling & (holders <= few)
        common = telling & (holders > few)
        without = total - np.bincount(of_row[rare], weight[rare], minlength=len(total)).astype(np.int64)
        degree = weights.SKILLS.max_points - weights.SKILLS.neutral
        by_skill = np.flatnonzero(common)[np.argsort(skills[common], kind="stable")]
        cuts = np.flatnonzero(np.diff(skills[by_skill])) + 1
        return cls(
            rare_starts=np.concatenate(([0], np.cumsum(np.bincount(of_row[rare], minlength=len(total))))),
            rare=skills[rare],
            common=tuple(
                (int(skills[entries[0]]), of_row[entries])
                for entries in np.split(by_skill, cuts)
                if len(entries)
            ),
            remainder=(weights.SKILLS.neutral + degree * without // np.maximum(total, 1)).astype(np.int32),
        )


def most_of_candidates(candidates: CandidateColumns) -> Integers:
    """Return the most that everything but occupation can give each candidate."""
    rows = candidates.rows
    most = np.full(len(rows), _ALL_BUT_OCCUPATION, dtype=np.int32)
    for criterion, unsaid in (
        (weights.SKILLS, ~rows["says_skills"]),
        (weights.SALARY, rows["salary"] == UNSAID),
        (weights.AVAILABILITY, rows["available"] == UNSAID),
        (weights.LANGUAGES, ~rows["says_languages"]),
        (weights.LICENCES, ~rows["says_licences"]),
    ):
        most[unsaid] -= criterion.max_points - criterion.neutral
    return most


def most_of_postings(postings: PostingColumns) -> Integers:
    """Return the most that everything but occupation can give each posting."""
    rows = postings.rows
    most = np.full(len(rows), _ALL_BUT_OCCUPATION, dtype=np.int32)
    for criterion, unsaid in (
        (weights.SKILLS, rows["skills_total"] == 0),
        (weights.SALARY, rows["salary_high"] == UNSAID),
        (weights.AVAILABILITY, rows["needed"] == UNSAID),
        (weights.LANGUAGES, rows["languages_total"] == 0),
        (weights.LICENCES, rows["licences_total"] == 0),
    ):
        most[unsaid] -= criterion.max_points - criterion.neutral
    most += rows["freshness"] - weights.FRESHNESS.max_points
    return most


_ALL_BUT_OCCUPATION: Final = sum(
    criterion.max_points for criterion in weights.CRITERIA if criterion is not weights.OCCUPATION
)
