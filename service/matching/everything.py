"""All candidates against all postings: which rectangles are scored, in which order, and which are not.

A pair can only be suggested through a related occupation or through skills that carry a quarter of the
posting's. So a block of postings of one trade is scored first against who wants the trade, which fills
most lists well; then against who is related to it otherwise or holds one of the skills without which a
quarter cannot be reached; the skills that very many hold come last, each with the postings for which it
matters. After the first, only those are scored for whom the most that their facts allow would still
enter a list, theirs or a posting's. A pair may be scored twice, never not at all.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.matching import weights
from service.matching.columns import CandidateColumns, Integers, PostingColumns
from service.matching.concern import (
    Positions,
    Relations,
    TellingSkills,
    Worths,
    most_of_candidates,
    most_of_postings,
    spans,
)
from service.matching.faces import Face, Scores
from service.matching.ranking import Best, Sieve
from service.matching.rectangles import Rectangles

_THREADS: Final = 2
"""numpy lets go of the interpreter while it counts; between calls it does not, so more gain little."""

_ROWS: Final = 128
_FEW_ROWS: Final = 48
"""Postings of a block: small trades are put together up to the second, large ones cut at the first."""

_PAIRS: Final = 1 << 18
"""Pairs of a rectangle, which bounds its memory."""

_FEW: Final = 512
"""A skill that more candidates hold is looked at apart."""

_SURE: Final = 100
"""Percent of confidence in an occupation."""

Progress = Callable[[int, int], None]


class _Run:
    def __init__(self, candidates: CandidateColumns, postings: PostingColumns, k: int) -> None:
        self._candidates, self._postings, self._k = candidates, postings, k
        self._relations = Relations(candidates, postings)
        self._rectangles = Rectangles(candidates, postings)
        self.for_candidates = Sieve(len(candidates), postings.precedence, k)
        self.for_postings = Sieve(len(postings), candidates.precedence, k)
        self._most_candidates = most_of_candidates(candidates)
        self._most_postings = most_of_postings(postings)
        self._says_occupation = np.ascontiguousarray(candidates.rows["says_occupation"])
        work = postings.rows
        self._unsure = ~work["named"] | (work["confidence"] < _SURE)
        self._near = self._rectangles.stay_near()
        self._telling = TellingSkills.find(candidates, postings, _FEW)

    def blocks(self) -> list[Face]:
        """Return the open postings in blocks of one trade, or of some small ones together."""
        blocks: list[Face] = []
        rows = np.flatnonzero(self._postings.rows["open"])
        rows = rows[np.argsort(self._relations.offered[rows], kind="stable")]
        waiting: list[Positions] = []
        for trade in np.split(rows, np.flatnonzero(np.diff(self._relations.offered[rows])) + 1):
            if waiting and sum(map(len, waiting)) + len(trade) > _FEW_ROWS:
                blocks.append(self._face(np.concatenate(waiting)))
                waiting = []
            if len(trade) <= _FEW_ROWS:
                waiting.append(trade)
            else:
                blocks += map(self._face, np.array_split(trade, -(-len(trade) // _ROWS)))
        if any(map(len, waiting)):
            blocks.append(self._face(np.concatenate(waiting)))
        return blocks

    def common(self) -> list[tuple[int, Positions]]:
        """Return the skills that very many hold, each with open postings for which it matters."""
        is_open = self._postings.rows["open"]
        return [
            (skill, part)
            for skill, rows in self._telling.common
            for part in np.array_split(rows[is_open[rows]], -(-len(rows) // _ROWS))
            if len(part)
        ]

    def _face(self, rows: Positions) -> Face:
        return self._rectangles.face(rows, self._relations.offered[rows])

    def meet_wanting(self, block: Face) -> None:
        """Score a block against who wants one of its occupations."""
        columns = np.flatnonzero(self._relations.wanting(block.occupations))
        if len(columns):
            self._score(block, columns, self._relations.worth(block.occupations, columns))

    def meet_others(self, block: Face) -> None:
        """Score a block against everybody else whom it may concern."""
        concerned = self._relations.concerned(block.occupations)
        _, entries = spans(self._telling.rare_starts, block.rows)
        held = self._candidates.skills
        _, entries = spans(held.starts, np.unique(self._telling.rare[entries]))
        concerned[held.rows[entries]] = True
        concerned &= ~self._relations.wanting(block.occupations)
        columns = np.flatnonzero(concerned)
        if len(columns):
            related = self._relations.worth(block.occupations, columns)
            most = self._most_postings[block.rows]
            self._meet_promising(block, columns, related, related.max(axis=0), most)

    def meet_holders(self, skill: int, rows: Positions) -> None:
        """Score the postings that call for a common skill against its holders."""
        starts, holders = self._candidates.skills.starts, self._candidates.skills.rows
        columns = holders[starts[skill] : starts[skill + 1]].astype(np.int64)
        block = self._face(rows)
        # Who is related, or holds a rarer skill that matters, was met with the block of the trade.
        most = self._most_postings[block.rows] - weights.SKILLS.max_points
        most += self._telling.remainder[block.rows]
        self._meet_promising(block, columns, None, np.zeros(len(columns), dtype=np.int16), most)

    def _meet_promising(
        self,
        block: Face,
        columns: Positions,
        related: Worths | None,
        best: Worths,
        most: Integers,
    ) -> None:
        """Score only what could still enter a list.

        ``best`` bounds what the relation is worth to each candidate, ``most`` what the rest is worth to
        each posting.
        """
        neutral = weights.OCCUPATION.neutral
        least = neutral if self._unsure[block.rows].any() else 0
        occupation = np.maximum(best, np.where(self._says_occupation[columns], least, neutral))
        theirs = occupation + self._most_candidates[columns]
        bound = np.minimum(theirs, occupation + most.max())
        promising = self.for_candidates.floors[columns] <= bound
        floors = self.for_postings.floors[block.rows]
        short = (floors <= theirs.max()) & (floors <= most + occupation.max())
        if short.all():
            promising |= bound >= floors.min()
        elif short.any():
            rest = np.flatnonzero(~promising & (bound >= floors[short].min()))
            if len(rest):
                self._score(
                    self._face(block.rows[short]),
                    columns[rest],
                    None if related is None else related[:, rest],
                )
        if related is not None:
            related = related[:, promising]
        if promising.any():
            self._score(block, columns[promising], related)

    def _score(self, block: Face, columns: Positions, related: Worths | None) -> None:
        if related is None:
            related = self._relations.worth(block.occupations, columns)
        near = self._near[columns]
        width = max(1, _PAIRS // len(block.rows))
        for places, keep in ((~near, self._keep_of_all), (near, self._keep_of_near)):
            chosen = np.flatnonzero(places)
            for start in range(0, len(chosen), width):
                part = chosen[start : start + width]
                keep(block, columns[part], related[:, part])

    def _keep_of_near(self, block: Face, columns: Positions, related: Worths) -> None:
        row, column, scores = self._rectangles.score_near(block, columns, related)
        scores -= np.int16(1)
        rows, columns = block.rows[row], columns[column]
        good = np.flatnonzero(scores >= self.for_candidates.floors[columns])
        self.for_candidates.offer(columns[good], rows[good], scores[good])
        good = np.flatnonzero(scores >= self.for_postings.floors[rows])
        self.for_postings.offer(rows[good], columns[good], scores[good])

    def _keep_of_all(self, block: Face, columns: Positions, related: Worths) -> None:
        # One too high, 0 where a gate is closed.
        scores = self._rectangles.score(block, columns, related)
        rows, k = block.rows, self._k
        floors = self.for_candidates.floors[columns] + np.int16(1)
        good = scores >= floors
        if len(rows) > k and np.count_nonzero(good) > 2 * k * len(columns):
            turned = scores.T.copy(order="C")
            turned.partition(len(rows) - k, axis=1)
            least = np.maximum(floors, turned[:, len(rows) - k])
            self.for_candidates.raise_floors(columns, least - np.int16(1))
            np.greater_equal(scores, least, out=good)
        row, column, kept = _chosen(scores, good)
        self.for_candidates.offer(columns[column], rows[row], kept)
        floors = self.for_postings.floors[rows] + np.int16(1)
        np.greater_equal(scores, floors[:, None], out=good)
        if len(columns) > k and np.count_nonzero(good) > 2 * k * len(rows):
            least = np.partition(scores, len(columns) - k, axis=1)[:, len(columns) - k]
            least = np.maximum(floors, least)
            self.for_postings.raise_floors(rows, least - np.int16(1))
            np.greater_equal(scores, least[:, None], out=good)
        row, column, kept = _chosen(scores, good)
        self.for_postings.offer(rows[row], columns[column], kept)


def _chosen(scores: Scores, good: NDArray[np.bool_]) -> tuple[Positions, Positions, Scores]:
    found = np.flatnonzero(good)
    row, column = np.divmod(found, scores.shape[1])
    return row, column, scores.ravel()[found] - np.int16(1)


def best_of_all(
    candidates: CandidateColumns, postings: PostingColumns, k: int, progress: Progress | None = None
) -> tuple[Best, Best]:
    """Return the ``k`` best postings of every candidate and the ``k`` best candidates of every posting.

    ``progress`` is called with the number of postings done and their total, the last time with both alike.
    """
    run = _Run(candidates, postings, k)
    blocks = run.blocks()
    steps: list[tuple[Callable[[], None], int]] = [
        *((partial(run.meet_wanting, block), 0) for block in blocks),
        *((partial(run.meet_others, block), len(block.rows)) for block in blocks),
        *((partial(run.meet_holders, skill, rows), 0) for skill, rows in run.common()),
    ]
    total = len(postings)
    done = total - sum(size for _, size in steps)
    if progress is not None and done == total:
        progress(done, total)
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), "matching") as threads:
        for size in threads.map(_take, steps):
            done += size
            if size and progress is not None:
                progress(done, total)
    return run.for_candidates.best(), run.for_postings.best()


def _take(step: tuple[Callable[[], None], int]) -> int:
    work, size = step
    work()
    return size
