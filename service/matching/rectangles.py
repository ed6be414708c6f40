"""Score many postings against many candidates at once: rectangles of pairs, small whole numbers.

What ``kernel`` does for one row it would do badly for millions: a call of numpy costs as much as some
thousand pairs. Here a criterion is computed once per distinct value on the postings' side and once per
distinct value on the candidates' side, and only looked up per pair. Exact: see ``bulk``.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Lock
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
from service.matching.concern import Positions, Worths, spans
from service.matching.kernel import availability_points, covered_points, salary_points, within_radius

Scores = NDArray[np.int16]
"""One more than the score of a pair that passes every gate, 0 for any other."""

_DOUBT: Final = 1e-12
"""Sums of five products of numbers up to 4 are off by less; nearer pairs are decided one by one."""

_ALWAYS: Final = 100.0
"""More than any squared chord, which is 4 at most."""

_SERIAL: Final = 1 << 18
"""Products up to which OpenBLAS stays in the calling thread: its own threads would only disturb ours."""

_STRIP: Final = 1 << 15
"""Pairs of a strip."""

_FLOAT_EXACT: Final = 1 << 24
"""Whole numbers up to here are exact in 32 bits of floating point."""

_KEPT_LISTS: Final = 64

_TABLE: Final = 1 << 22
"""Points of a criterion that are computed beforehand for all values that may meet, if there are no more."""

_SAMPLE: Final = 200
_FEW_REACHED: Final = 4
"""Where less than one pair in four is within reach, the others are left out before they are scored."""

_WORTHS: Final = np.unique([*weights.OCCUPATION.points.values()])
_LEVELS: Final = np.searchsorted(_WORTHS, np.arange(weights.OCCUPATION.max_points + 1))
"""Where among ``_WORTHS`` each of them stands."""


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


class _Criterion:
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

    def offered(self, rows: Positions) -> "_Offered":
        """Return the distinct values among these postings."""
        places = np.flatnonzero(self.said[rows])
        present = self._work_classes.of[rows[places]].astype(np.int64)
        values, numbers = np.unique(present, return_inverse=True)
        which = np.zeros(len(rows), dtype=np.int64)
        which[places] = numbers
        return _Offered(self, places, values, which)

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
class _Offered:
    """The distinct values of a criterion among some postings, and which each has of those at ``places``."""

    criterion: _Criterion
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
    offered: tuple[_Offered, ...]
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


class Rectangles:
    """Scores rectangles of one crowd and one board. Many threads may use one."""

    def __init__(self, candidates: CandidateColumns, postings: PostingColumns) -> None:
        self._candidates = candidates
        self._postings = postings
        people, work = candidates.rows, postings.rows
        self._shown = work["salary_high"] != UNSAID
        self._dated = work["needed"] != UNSAID
        pay = ("salary_low", "salary_high", "salary_close", "by_time", "part_time")
        self._criteria = tuple(
            _Criterion((people, _classes(people, *wanted)), (work, _classes(work, *offered)), points, said)
            for wanted, offered, points, said in (
                (("terms",), ("terms",), _terms, np.ones(len(work), dtype=np.bool_)),
                (("salary", "by_time", "part_time"), pay, salary_points, self._shown),
                (("available",), ("needed",), availability_points, self._dated),
            )
        )
        self._constant = self._constants()
        self._around, self._at = self._circles(), self._spots()
        self._lists: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._lock = Lock()
        numbers = candidates.skills.codes
        self._numbers = np.array([numbers.get(code, -1) for code in postings.skills.names], dtype=np.int64)
        self._says_skills = np.ascontiguousarray(people["says_skills"])
        self._says_occupation = np.ascontiguousarray(people["says_occupation"])
        self._anywhere = np.ascontiguousarray(people["anywhere"])

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
            spots=self._at[rows],
        )

    def score(self, face: Face, columns: Positions, related: Worths) -> Scores:
        """Score a block of postings against the candidates ``columns``.

        ``related``: what the relation to each of the block's occupations is worth to each candidate, as
        ``relation_points`` gives it.
        """
        scores = np.empty((len(face.rows), len(columns)), dtype=np.int16)
        scores[:] = face.constant
        for offered in face.offered:
            table, wanted = offered.criterion.table(offered.values, columns)
            points = table.take(wanted, axis=1)
            if len(offered.places) == len(scores):
                scores += points.take(offered.which, axis=0)
            elif len(offered.places):
                scores[offered.places] += points.take(offered.which[offered.places], axis=0)
        self._add_occupation(scores, face, columns, related)
        for places, (criterion, codes) in face.lists:
            listed = self._kept((criterion.code, codes), partial(self._listed, criterion, codes))
            scores[places] += listed[columns]
        passing = (related > 0).take(face.trades, axis=0)
        self._add_skills(scores, passing, face, columns)
        self._keep_reachable(passing, face, columns)
        for places, codes in face.required:
            passing[places] &= self._kept(("required", codes), partial(self._licensed, codes))[columns]
        np.multiply(scores, passing, out=scores)
        return scores

    def score_near(
        self, face: Face, columns: Positions, related: Worths
    ) -> tuple[Positions, Positions, Scores]:
        """Score as ``score`` does, where few pairs are within reach; return the places of those that pass.

        Only what is within reach is looked up, pair by pair.
        """
        row, column, covered = self._within_reach(face, columns)
        worth = related[face.trades[row], column]
        passing = (covered >= face.needed.ravel()[row]) | (worth > 0)
        for places, codes in face.required:
            asks = np.zeros(len(face.rows), dtype=np.bool_)
            asks[places] = True
            licensed = self._kept(("required", codes), partial(self._licensed, codes))[columns]
            passing &= ~asks[row] | licensed[column]
        chosen = np.flatnonzero(passing)
        row, column, covered, worth = row[chosen], column[chosen], covered[chosen], worth[chosen]
        scores = face.constant.ravel()[row]
        for offered in face.offered:
            table, wanted = offered.criterion.table(offered.values, columns)
            if len(offered.places) == len(face.rows):
                scores += table.ravel().take(offered.which[row] * table.shape[1] + wanted[column])
            elif len(offered.places):
                asked = np.flatnonzero(offered.criterion.said[face.rows][row])
                flat = offered.which[row[asked]] * table.shape[1] + wanted[column[asked]]
                scores[asked] += table.ravel().take(flat)
        table = _occupation_table(face.rates)
        worth = np.where(self._says_occupation[columns][column], worth, weights.OCCUPATION.neutral)
        scores += table.ravel().take(face.which_rate[row] * len(_WORTHS) + _LEVELS.take(worth))
        for places, (criterion, codes) in face.lists:
            asks = np.zeros(len(face.rows), dtype=np.bool_)
            asks[places] = True
            listed = self._kept((criterion.code, codes), partial(self._listed, criterion, codes))[columns]
            asked = np.flatnonzero(asks[row])
            scores[asked] += listed[column[asked]]
        said = weights.SKILLS.neutral - weights.SKILLS.points["none"]
        unsaid = (~self._says_skills[columns]).astype(np.int16) * np.int16(said)
        scores += face.asks.ravel()[row] * unsaid[column]
        first = np.minimum(covered, said)
        covered /= face.total.ravel()[row]
        np.floor(covered, out=covered)
        covered += first
        scores += covered.astype(np.int16)
        return row, column, scores

    def _within_reach(self, face: Face, columns: Positions) -> tuple[Positions, Positions, NDArray[Any]]:
        """Return the pairs within the candidates' radius, and the weight of their common skills."""
        around = self._around.take(columns, axis=1)
        holds = self._holding(face.skills, columns, face.weight.dtype)
        rows, places, weight = [], [], []
        for span in _strips(face.spots, len(columns)):
            inside = self._inside(face, columns[span], around[:, span])
            found = np.flatnonzero(inside)
            row, column = np.divmod(found, inside.shape[1])
            rows.append(row)
            places.append(column + span.start)
            weight.append(self._product(face.weight, holds[:, span]).ravel()[found])
        return np.concatenate(rows), np.concatenate(places), np.concatenate(weight)

    def _product(self, weight: NDArray[Any], holds: NDArray[Any]) -> NDArray[Any]:
        """Multiply in strips for which OpenBLAS starts no threads of its own: they would disturb ours."""
        product = np.zeros((len(weight), holds.shape[1]), dtype=weight.dtype)
        if weight.shape[1]:
            width = max(8, _SERIAL // weight.size // 8 * 8)
            for start in range(0, holds.shape[1], width):
                span = slice(start, start + width)
                np.matmul(weight, holds[:, span], out=product[:, span])
        return product

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

    def _add_occupation(self, scores: Scores, face: Face, columns: Positions, related: Worths) -> None:
        neutral = weights.OCCUPATION.neutral
        says = self._says_occupation[columns]
        table = _occupation_table(face.rates)
        levels = np.where(says, _LEVELS.take(related), _LEVELS[neutral])
        points = np.empty((len(table), len(columns)), dtype=np.int16)
        for number, occupation in enumerate(face.rated.tolist()):
            table[number].take(levels[occupation], out=points[number], mode="clip")
        scores += points.take(face.which_rate, axis=0)

    def _listed(self, criterion: weights.Criterion, codes: tuple[int, ...]) -> Scores:
        """Return the points of every candidate for a list of languages or licences."""
        languages = criterion is weights.LANGUAGES
        asked = self._postings.languages if languages else self._postings.licences
        held = self._candidates.languages if languages else self._candidates.licences
        said = self._candidates.rows["says_languages" if languages else "says_licences"]
        counts = _count(held, [asked.names[code] for code in codes], len(self._candidates))
        points = covered_points(criterion, counts, np.array([len(codes)], dtype=np.int32), said)
        return points.astype(np.int16)

    def _licensed(self, codes: tuple[int, ...]) -> NDArray[np.bool_]:
        """Tell of every candidate whether all these licences are held."""
        names = [self._postings.required_licences.names[code] for code in codes]
        licensed: NDArray[np.bool_] = _count(self._candidates.licences, names, len(self._candidates)) == len(
            codes
        )
        return licensed

    def _kept(self, key: Any, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return what ``compute`` gives, kept while it is asked for often."""
        with self._lock:
            found = self._lists.get(key)
            if found is not None:
                self._lists.move_to_end(key)
                return found
        found = compute()
        with self._lock:
            self._lists[key] = found
            if len(self._lists) > _KEPT_LISTS:
                self._lists.popitem(last=False)
        return found

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

    def _add_skills(self, scores: Scores, passing: NDArray[np.bool_], face: Face, columns: Positions) -> None:
        """Add the points for skills, and let pass whom the skills alone make relevant."""
        skills = weights.SKILLS
        said = skills.neutral - skills.points["none"]
        unsaid = ~self._says_skills[columns]
        if unsaid.any():
            scores += face.asks * (unsaid.astype(np.int16) * np.int16(said))
        if not len(face.skills):
            return
        holds = self._holding(face.skills, columns, face.weight.dtype)
        for span in _strips(face.spots, len(columns)):
            covered = self._product(face.weight, holds[:, span])
            passing[:, span] |= covered >= face.needed
            # One skill in common is worth the neutral at once: a weight is 1 at least.
            first = np.minimum(covered, said)
            covered /= face.total
            np.floor(covered, out=covered)
            covered += first
            scores[:, span] += covered.astype(np.int16)

    def _holding(self, skills: Positions, columns: Positions, number: np.dtype[Any]) -> NDArray[Any]:
        """Return which of these skills each of these candidates holds, as ones and zeros."""
        held = self._candidates.skills
        place = np.full(len(held.names), -1, dtype=np.int32)
        place[skills] = np.arange(len(skills))
        who, entries = spans(held.row_starts, columns)
        skill = place[held.row_codes[entries]]
        common = np.flatnonzero(skill >= 0)
        holds = np.zeros((len(skills), len(columns)), dtype=number)
        holds[skill[common], who[common]] = 1
        return holds

    def _circles(self) -> NDArray[np.float64]:
        """Return each candidate's circle, for the product with ``_spots`` to be 0 or more inside it."""
        rows = self._candidates.rows
        around = np.zeros((5, len(rows)))
        for axis, field in enumerate("xyz"):
            around[axis] = 2 * rows[field]
        around[3] = 1
        squared = rows["x"] ** 2 + rows["y"] ** 2 + rows["z"] ** 2
        around[4] = np.minimum(rows["limit"], _ALWAYS / 2) - squared
        around[:, rows["anywhere"]] = np.array([0, 0, 0, 0, 1])[:, None]
        return around

    def _spots(self) -> NDArray[np.float64]:
        rows = self._postings.rows
        spots = np.empty((len(rows), 5))
        for axis, field in enumerate("xyz"):
            spots[:, axis] = rows[field]
        spots[:, 3] = -(rows["x"] ** 2 + rows["y"] ** 2 + rows["z"] ** 2)
        spots[:, 4] = 1
        spots[~rows["placed"]] = np.array([0, 0, 0, -_ALWAYS, 1])
        spots[rows["fully_remote"]] = np.array([0, 0, 0, _ALWAYS, 1])
        return spots

    def _keep_reachable(self, passing: NDArray[np.bool_], face: Face, columns: Positions) -> None:
        if self._anywhere[columns].all():
            return
        around = self._around.take(columns, axis=1)
        for span in _strips(face.spots, len(columns)):
            passing[:, span] &= self._inside(face, columns[span], around[:, span])

    def _inside(self, face: Face, columns: Positions, around: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which pairs the radius lets pass. Those nearest the edge are decided as one by one."""
        beyond = face.spots @ around
        inside: NDArray[np.bool_] = beyond >= -_DOUBT
        doubtful = np.flatnonzero(inside & (beyond < _DOUBT))
        if len(doubtful):
            row, column = np.divmod(doubtful, inside.shape[1])
            people = take(self._candidates.rows, columns[column])
            inside.ravel()[doubtful] = within_radius(people, take(self._postings.rows, face.rows[row]))
        return inside

    def stay_near(self) -> NDArray[np.bool_]:
        """Tell of which candidates the radius lets few postings pass, by a sample of postings."""
        sample = self._at[:: max(1, len(self._at) // _SAMPLE)]
        reached = np.zeros(len(self._candidates), dtype=np.int64)
        for span in _strips(sample, len(self._candidates)):
            reached[span] = np.count_nonzero(sample @ self._around[:, span] >= 0, axis=0)
        near: NDArray[np.bool_] = reached * _FEW_REACHED < len(sample)
        return near


def _occupation_table(rates: Positions) -> Scores:
    """Return the points for the occupation by confidence and by what the relation is worth."""
    rates = rates[:, None]
    points = (rates * _WORTHS + (100 - rates) * weights.OCCUPATION.neutral) // 100
    table: Scores = points.astype(np.int16)
    return table


def _terms(wanted: Rows, offered: Rows) -> Integers:
    points: Integers = terms_points()[offered["terms"], wanted["terms"]]
    return points


def _count(held: Incidence, names: list[str], size: int) -> Integers:
    counts = np.zeros(size, dtype=np.int32)
    for name in names:
        counts[held.holding(name)[0]] += 1
    return counts


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


def _strips(spots: NDArray[np.float64], columns: int) -> Iterator[slice]:
    """Cut columns so that a strip of pairs stays in a core's cache and its products in one thread."""
    width = max(8, min(_STRIP // max(1, len(spots)), _SERIAL // max(1, spots.size)) // 8 * 8)
    for start in range(0, columns, width):
        yield slice(start, start + width)
