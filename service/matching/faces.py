"""What blocks of postings ask and offer, made ready to be scored against many candidates.

A criterion is computed once per distinct value on the postings' side and once per distinct value on the
candidates' side, and only looked up per pair.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.matching import weights
from service.matching.columns import (
    UNSAID,
    CandidateColumns,
    Incidence,
    Integers,
    PostingColumns,
    Rows,
    take,
    terms_points,
)
from service.matching.concern import Positions, spans
from service.matching.kernel import availability_points, salary_points

Scores = NDArray[np.int16]
"""One more than the score of a pair that passes every gate, 0 for any other."""

ALWAYS: Final = 100.0
"""Means "passes every radius", and below 0 "none": more than any squared chord, which is 4 at most."""

_FLOAT_EXACT: Final = 1 << 24
"""Whole numbers up to here are exact in 32 bits of floating point."""

_TABLE: Final = 1 << 22
"""Points of a criterion that are computed beforehand for all values that may meet, if there are no more."""


@dataclass(frozen=True, slots=True)
class _Classes:
    """The distinct values of something: which one each row has, and a row that has it."""

    of: Integers
    examples: Positions

    def __len__(self) -> int:
        return len(self.examples)


def _classes(rows: Rows, *fields: str) -> _Classes:
    keys = np.zeros(len(rows), dtype=np.int64)
    size = 1
    for field in fields:
        _, numbers = np.unique(rows[field], return_inverse=True)
        _, keys = np.unique(keys * (int(numbers.max(initial=0)) + 1) + numbers, return_inverse=True)
        size = int(keys.max(initial=0)) + 1
    examples = np.zeros(size if len(rows) else 0, dtype=np.int64)
    examples[keys] = np.arange(len(rows))
    return _Classes(keys.astype(np.int32), examples)


class Criterion:
    """A criterion that looks at one thing on each side, with few distinct values on the whole.

    ``said``: which postings say something; the others get their neutral elsewhere.
    """

    def __init__(
        self,
        candidates: tuple[Rows, _Classes],
        postings: tuple[Rows, _Classes],
        points: Callable[[Rows, Rows], Integers],
        said: NDArray[np.bool_],
    ) -> None:
        self._people, self._people_classes = candidates
        self._work, self._work_classes = postings
        self._points = points
        self.said = said
        self._all: Scores | None = None
        if len(self._people_classes) * len(self._work_classes) <= _TABLE:
            self._all = self._table(self._people_classes.examples, self._work_classes.examples)

    def offered(self, rows: Positions) -> "Offered":
        """Return the distinct values among these postings."""
        places = np.flatnonzero(self.said[rows])
        present = self._work_classes.of[rows[places]].astype(np.int64)
        values, numbers = np.unique(present, return_inverse=True)
        which = np.zeros(len(rows), dtype=np.int64)
        which[places] = numbers
        return Offered(self, places, values, which)

    def table(self, values: Positions, columns: Positions) -> tuple[Scores, Positions | Integers]:
        """Return the points by offered value and wanted value, and which wanted value each column has."""
        if self._all is not None:
            return self._all.take(values, axis=0), self._people_classes.of.take(columns)
        examples = self._work_classes.examples[values]
        if len(self._people_classes) <= len(columns):
            return self._table(self._people_classes.examples, examples), self._people_classes.of[columns]
        return self._table(columns, examples), np.arange(len(columns))

    def _table(self, columns: Positions, rows: Positions) -> Scores:
        wanted, offered = take(self._people, columns)[None, :], take(self._work, rows)[:, None]
        table = np.empty((len(rows), len(columns)), dtype=np.int16)
        table[:] = self._points(wanted, offered)
        return table


@dataclass(frozen=True, slots=True)
class Offered:
    """The distinct values of a criterion among some postings, and which each has of those at ``places``."""

    criterion: Criterion
    places: Positions
    values: Positions
    which: Positions


@dataclass(frozen=True, slots=True)
class Face:
    """What the postings of a block ask and offer, made once for all the candidates they meet.

    ``occupations``: the distinct ones, ``trades``: which of them each posting has. ``weight``: by
    posting and skill, times what a whole share is worth; ``needed``: likewise, what makes a pair relevant.
    """

    rows: Positions
    occupations: Positions
    trades: Positions
    constant: Scores
    offered: tuple[Offered, ...]
    rates: Positions
    rated: Positions
    which_rate: Positions
    lists: tuple[tuple[Positions, Any], ...]
    required: tuple[tuple[Positions, Any], ...]
    skills: Positions
    weight: NDArray[Any]
    asks: Scores
    total: NDArray[Any]
    needed: NDArray[Any]
    spots: NDArray[np.float64]


class Faces:
    """Makes the faces of blocks of postings, for one crowd of candidates."""

    def __init__(self, candidates: CandidateColumns, postings: PostingColumns) -> None:
        self._postings = postings
        people, work = candidates.rows, postings.rows
        self._shown = work["salary_high"] != UNSAID
        self._dated = work["needed"] != UNSAID
        pay = ("salary_low", "salary_high", "salary_close", "by_time", "part_time")
        self._criteria = tuple(
            Criterion((people, _classes(people, *wanted)), (work, _classes(work, *offered)), points, said)
            for wanted, offered, points, said in (
                (("terms",), ("terms",), _terms, np.ones(len(work), dtype=np.bool_)),
                (("salary", "by_time", "part_time"), pay, salary_points, self._shown),
                (("available",), ("needed",), availability_points, self._dated),
            )
        )
        self._constant = self._constants()
        self.spots = self._spots()
        numbers = candidates.skills.codes
        self._numbers = np.array([numbers.get(code, -1) for code in postings.skills.names], dtype=np.int64)

    def face(self, rows: Positions, offered: Positions) -> Face:
        """Prepare some postings, ``offered`` being each one's occupation."""
        occupations, trades = np.unique(offered, return_inverse=True)
        work = self._postings.rows[rows]
        confidence = np.where(work["named"], work["confidence"], 0).astype(np.int64)
        rates, which_rate = np.unique(trades * 101 + confidence, return_inverse=True)
        skills, weight = self._asked(rows)
        total = work["skills_total"].astype(np.int64)
        degree = weights.SKILLS.max_points - weights.SKILLS.neutral
        number = np.float32 if degree * (int(total.max()) + 1) < _FLOAT_EXACT else np.float64
        needed = np.maximum(-(-weights.SKILLS_ALONE_PERCENT * total // 100), 1) * degree
        return Face(
            rows=rows,
            occupations=occupations,
            trades=trades,
            constant=self._constant[rows][:, None],
            offered=tuple(criterion.offered(rows) for criterion in self._criteria),
            rates=rates % 101,
            rated=rates // 101,
            which_rate=which_rate,
            lists=tuple(
                (places, (criterion, codes))
                for criterion, asked in (
                    (weights.LANGUAGES, self._postings.languages),
                    (weights.LICENCES, self._postings.licences),
                )
                for places, codes in _asking(asked, rows)
            ),
            required=tuple(_asking(self._postings.required_licences, rows)),
            skills=skills,
            weight=(weight * degree).astype(number),
            asks=(total > 0).astype(np.int16)[:, None],
            total=np.maximum(total, 1).astype(number)[:, None],
            needed=needed.astype(number)[:, None],
            spots=self.spots[rows],
        )

    def _constants(self) -> Scores:
        """Return for each posting 1, its freshness, and the neutrals of what it leaves out."""
        work = self._postings.rows
        constant = 1 + work["freshness"].astype(np.int16)
        constant += np.where(self._shown, 0, weights.SALARY.neutral).astype(np.int16)
        constant += np.where(self._dated, 0, weights.AVAILABILITY.neutral).astype(np.int16)
        for criterion, field in (
            (weights.LANGUAGES, "languages_total"),
            (weights.LICENCES, "licences_total"),
        ):
            constant += np.where(work[field] > 0, 0, criterion.neutral).astype(np.int16)
        asks = work["skills_total"] > 0
        skills = weights.SKILLS
        constant += np.where(asks, skills.points["none"], skills.neutral).astype(np.int16)
        return constant

    def _asked(self, rows: Positions) -> tuple[Positions, NDArray[np.int64]]:
        """Return the skills that these postings ask and somebody holds, and their weights by posting."""
        asked = self._postings.skills
        which, entries = spans(asked.row_starts, rows)
        held = self._numbers[asked.row_codes[entries]]
        known = held >= 0
        skills, local = np.unique(held[known], return_inverse=True)
        weight = np.zeros((len(rows), len(skills)), dtype=np.int64)
        weight[which[known], local] = asked.row_values[entries[known]]
        return skills, weight

    def _spots(self) -> NDArray[np.float64]:
        """Return each posting's place, for the product with a candidate's circle."""
        rows = self._postings.rows
        spots = np.empty((len(rows), 5))
        for axis, field in enumerate("xyz"):
            spots[:, axis] = rows[field]
        spots[:, 3] = -(rows["x"] ** 2 + rows["y"] ** 2 + rows["z"] ** 2)
        spots[:, 4] = 1
        spots[~rows["placed"]] = np.array([0, 0, 0, -ALWAYS, 1])
        spots[rows["fully_remote"]] = np.array([0, 0, 0, ALWAYS, 1])
        return spots


def _terms(wanted: Rows, offered: Rows) -> Integers:
    points: Integers = terms_points()[offered["terms"], wanted["terms"]]
    return points


def _asking(asked: Incidence, rows: Positions) -> Iterable[tuple[Positions, tuple[int, ...]]]:
    """Yield the places of the rows that ask the same codes, and these codes."""
    groups: dict[tuple[int, ...], list[int]] = {}
    lengths = asked.row_starts[rows + 1] - asked.row_starts[rows]
    for place in np.flatnonzero(lengths).tolist():
        start, end = asked.row_starts[rows[place] : rows[place] + 2].tolist()
        codes = tuple(sorted(asked.row_codes[start:end].tolist()))
        groups.setdefault(codes, []).append(place)
    for codes, places in groups.items():
        yield np.array(places), codes
