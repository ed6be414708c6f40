"""Score one posting against many candidates, or one candidate against many postings, with numpy.

The rules are those of ``gates`` and ``scoring``, read from the same figures; the property tests
compare every pair with the scalar reference. Rows broadcast: one side always has a single row.
"""

from typing import Final

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
from service.matching.facts import OccupationGraph
from service.matching.weights import Criterion

Truths = NDArray[np.bool_]

_NO_RELATION: Final = weights.OCCUPATION.points["none"]


def score_candidates(
    candidates: CandidateColumns, postings: PostingColumns, row: int, related: Integers
) -> tuple[NDArray[np.int64], Integers]:
    """Return the positions of the candidates that pass the gates of one posting, and their scores.

    ``related`` is ``relation_points`` of the posting's occupation.
    """
    posting = postings.rows[row : row + 1]
    covered = np.zeros(len(candidates), dtype=np.int32)
    for code, weight in postings.skills.held_by(row):
        holders, _ = candidates.skills.holding(code)
        covered[holders] += weight
    passing = _relevant(related, covered, posting["skills_total"])
    if not posting["open"][0]:
        passing[:] = False
    for code, _ in postings.required_licences.held_by(row):
        held = np.zeros(len(candidates), dtype=np.bool_)
        held[candidates.licences.holding(code)[0]] = True
        passing &= held
    positions = np.flatnonzero(passing)
    rows = take(candidates.rows, positions)
    near_enough = np.flatnonzero(within_radius(rows, posting))
    positions, rows = positions[near_enough], take(rows, near_enough)
    scores = _occupation(rows, posting, related[positions]) + _score(
        rows,
        posting,
        covered=covered[positions],
        languages=_count(candidates.languages, _codes(postings.languages, row), positions),
        licences=_count(candidates.licences, _codes(postings.licences, row), positions),
    )
    return positions, scores


def score_postings(
    candidates: CandidateColumns, row: int, postings: PostingColumns
) -> tuple[NDArray[np.int64], Integers]:
    """Return the positions of the postings whose gates one candidate passes, and their scores."""
    candidate = candidates.rows[row : row + 1]
    size = len(postings)
    related = np.full(size, _NO_RELATION, dtype=np.int32)
    graph = postings.context.graph
    for wanted, choice in candidates.wanted.held_by(row):
        for offered in graph.around(wanted):
            offering, _ = postings.occupations.holding(offered)
            worth = relation_worth(graph, wanted, offered, choice)
            related[offering] = np.maximum(related[offering], worth)
    covered = np.zeros(size, dtype=np.int32)
    for code in _codes(candidates.skills, row):
        asking, weight = postings.skills.holding(code)
        covered[asking] += weight
    passing = postings.rows["open"] & _relevant(related, covered, postings.rows["skills_total"])
    positions = np.flatnonzero(passing)
    held = _count(postings.required_licences, _codes(candidates.licences, row), positions)
    rows = take(postings.rows, positions)
    licensed = held == rows["required_licences_total"]
    reached = np.flatnonzero(licensed & within_radius(candidate, rows))
    positions, rows = positions[reached], take(rows, reached)
    scores = _occupation(candidate, rows, related[positions]) + _score(
        candidate,
        rows,
        covered=covered[positions],
        languages=_count(postings.languages, _codes(candidates.languages, row), positions),
        licences=_count(postings.licences, _codes(candidates.licences, row), positions),
    )
    return positions, scores


def relation_points(candidates: CandidateColumns, graph: OccupationGraph, offered: str | None) -> Integers:
    """Return what the relation to one occupation is worth to each candidate, before confidence."""
    related = np.full(len(candidates), _NO_RELATION, dtype=np.int32)
    if offered is None:
        return related
    holders, worths = [], []
    for wanted in graph.toward(offered):
        who, choices = candidates.wanted.holding(wanted)
        if len(who):
            first, other = (relation_worth(graph, wanted, offered, choice) for choice in (0, 1))
            holders.append(who)
            worths.append(np.where(choices == 0, np.int16(first), np.int16(other)))
    if holders:
        points = np.concatenate(worths)
        # Of several relations the last written stays: the best.
        order = np.argsort(points, kind="stable")
        related[np.concatenate(holders)[order]] = points[order]
    return related


def relation_worth(graph: OccupationGraph, wanted: str, offered: str, choice: int) -> int:
    """Return what a wanted occupation is worth, ``choice`` 0 being the first and 1 any other."""
    relation = graph.relation(wanted, offered)
    if relation is None:
        return _NO_RELATION
    return weights.OCCUPATION.points[relation if choice == 0 else f"{relation}_other_choice"]


def _codes(incidence: Incidence, row: int) -> list[str]:
    return [code for code, _ in incidence.held_by(row)]


def _count(many: Incidence, codes: list[str], positions: NDArray[np.int64]) -> Integers:
    """Return how many of ``codes`` each of these rows holds."""
    if not codes:
        return np.zeros(1, dtype=np.int32)
    counts = np.zeros(len(many.row_starts) - 1, dtype=np.int32)
    for code in codes:
        counts[many.holding(code)[0]] += 1
    return counts[positions]


def _relevant(related: Integers, covered: Integers, total: Integers) -> Truths:
    enough = covered * 100 >= weights.SKILLS_ALONE_PERCENT * total
    return (related > _NO_RELATION) | ((covered > 0) & enough)


def within_radius(candidate: Rows, posting: Rows) -> Truths:
    """Tell which pairs the candidate's own radius lets pass."""
    x = candidate["x"] - posting["x"]
    y = candidate["y"] - posting["y"]
    z = candidate["z"] - posting["z"]
    inside = x * x + y * y + z * z <= candidate["limit"]
    passing: Truths = candidate["anywhere"] | posting["fully_remote"] | (posting["placed"] & inside)
    return passing


def _occupation(candidate: Rows, posting: Rows, related: Integers) -> Integers:
    neutral = weights.OCCUPATION.neutral
    confidence = posting["confidence"]
    points = (confidence * related + (100 - confidence) * neutral) // 100
    known = posting["named"] & candidate["says_occupation"]
    return np.where(known, points, neutral).astype(np.int32)


def _score(
    candidate: Rows, posting: Rows, *, covered: Integers, languages: Integers, licences: Integers
) -> Integers:
    """Return the points of everything but occupation, added up."""
    terms = terms_points()
    if len(posting) == 1:
        points = terms[posting["terms"][0]].take(candidate["terms"])
    else:
        points = terms[:, candidate["terms"][0]].take(posting["terms"])
    total: Integers = (
        points.astype(np.int32)
        + posting["freshness"]
        + salary_points(candidate, posting)
        + availability_points(candidate, posting)
        + covered_points(weights.SKILLS, covered, posting["skills_total"], candidate["says_skills"])
        + covered_points(
            weights.LANGUAGES,
            languages,
            posting["languages_total"],
            candidate["says_languages"],
        )
        + covered_points(weights.LICENCES, licences, posting["licences_total"], candidate["says_licences"])
    )
    return total


def covered_points(criterion: Criterion, covered: Integers, total: Integers, said: Truths) -> Integers:
    """Return the points for the share of what is asked that is held."""
    neutral = np.int32(criterion.neutral)
    asked = total > 0
    if not asked.any():
        return np.full(1, neutral)
    degree = criterion.max_points - criterion.neutral
    points = neutral + degree * covered // np.maximum(total, 1)
    points = np.where(covered > 0, points, criterion.points["none"])
    return np.where(asked & said, points, neutral).astype(np.int32)


def salary_points(candidate: Rows, posting: Rows) -> Integers:
    """Return the points for pay, where the posting shows it."""
    points = weights.SALARY.points
    neutral = np.int32(weights.SALARY.neutral)
    shown = posting["salary_high"] != UNSAID
    if not shown.any():
        return np.full(1, neutral)
    wish = candidate["salary"]
    steps = (
        points["below"]
        + (points["close"] - points["below"]) * (wish <= posting["salary_close"])
        + (points["reaches"] - points["close"]) * (wish <= posting["salary_high"])
        + (points["covers"] - points["reaches"]) * (wish <= posting["salary_low"])
    )
    part_time = candidate["part_time"] | posting["part_time"]
    compared = ~part_time | (candidate["by_time"] == posting["by_time"])
    known = shown & (wish != UNSAID) & compared
    return np.where(known, steps, neutral).astype(np.int32)


def availability_points(candidate: Rows, posting: Rows) -> Integers:
    """Return the points for the date, where the posting names one."""
    points = weights.AVAILABILITY.points
    neutral = np.int32(weights.AVAILABILITY.neutral)
    dated = posting["needed"] != UNSAID
    if not dated.any():
        return np.full(1, neutral)
    in_time, within_month, within_quarter = weights.AVAILABILITY_DAYS
    days = candidate["available"] - posting["needed"]
    steps = (
        points["later"]
        + (points["within_quarter"] - points["later"]) * (days <= within_quarter)
        + (points["within_month"] - points["within_quarter"]) * (days <= within_month)
        + (points["in_time"] - points["within_month"]) * (days <= in_time)
    )
    known = dated & (candidate["available"] != UNSAID)
    return np.where(known, steps, neutral).astype(np.int32)
