"""Score many postings against many candidates at once: rectangles of pairs, small whole numbers.

What ``kernel`` does for one row it would do badly for millions: a call of numpy costs as much as some
thousand pairs. Exact: see ``bulk``.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.matching import weights
from service.matching.columns import CandidateColumns, Incidence, Integers, PostingColumns, take
from service.matching.concern import Positions, Worths, spans
from service.matching.faces import ALWAYS, Face, Faces, Scores
from service.matching.kernel import covered_points, within_radius

_DOUBT: Final = 1e-12
"""Sums of five products of numbers up to 4 are off by less; nearer pairs are decided one by one."""

_SERIAL: Final = 1 << 18
"""Products up to which OpenBLAS stays in the calling thread: its own threads would only disturb ours."""

_STRIP: Final = 1 << 15
"""Pairs of a strip."""

_KEPT_LISTS: Final = 64

_SAMPLE: Final = 200
_FEW_REACHED: Final = 4
"""Where less than one pair in four is within reach, the others are left out before they are scored."""

_WORTHS: Final = np.unique([*weights.OCCUPATION.points.values()])
_LEVELS: Final = np.searchsorted(_WORTHS, np.arange(weights.OCCUPATION.max_points + 1))
"""Where among ``_WORTHS`` each of them stands."""


class Rectangles:
    """Scores rectangles of one crowd and one board. Many threads may use one."""

    def __init__(self, candidates: CandidateColumns, postings: PostingColumns) -> None:
        self._candidates = candidates
        self._postings = postings
        self._faces = Faces(candidates, postings)
        self._at = self._faces.spots
        self._around = self._circles()
        self._lists: OrderedDict[Any, NDArray[Any]] = OrderedDict()
        self._lock = Lock()
        people = candidates.rows
        self._says_skills = np.ascontiguousarray(people["says_skills"])
        self._says_occupation = np.ascontiguousarray(people["says_occupation"])
        self._anywhere = np.ascontiguousarray(people["anywhere"])

    def face(self, rows: Positions, offered: Positions) -> Face:
        """Prepare some postings, ``offered`` being each one's occupation."""
        return self._faces.face(rows, offered)

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
        around[4] = np.minimum(rows["limit"], ALWAYS / 2) - squared
        around[:, rows["anywhere"]] = np.array([0, 0, 0, 0, 1])[:, None]
        return around

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


def _count(held: Incidence, names: list[str], size: int) -> Integers:
    counts = np.zeros(size, dtype=np.int32)
    for name in names:
        counts[held.holding(name)[0]] += 1
    return counts


def _strips(spots: NDArray[np.float64], columns: int) -> Iterator[slice]:
    """Cut columns so that a strip of pairs stays in a core's cache and its products in one thread."""
    width = max(8, min(_STRIP // max(1, len(spots)), _SERIAL // max(1, spots.size)) // 8 * 8)
    for start in range(0, columns, width):
        yield slice(start, start + width)
