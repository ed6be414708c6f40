"""One candidate and one posting: gates, points per criterion, score.

Every criterion is a pure function of the facts and gives whole points between 0 and its maximum;
the score is their sum, exactly. This is the reference: ``bulk`` must agree with it to the point.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from service.matching import weights
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts
from service.matching.gates import (
    Obstacle,
    distance_km,
    licences_held,
    obstacle,
    skill_weights,
)
from service.matching.weights import ENGINE_VERSION, UNKNOWN, Criterion
from service.models.enums import OccupationOrigin, RemoteKind, SalaryUnit, WorkingTime

PLACE = "place"
"""Code of the explanation's line about place: no points, and for the candidate's eyes only."""


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """What one criterion gave: points out of ``max_points``, the outcome's code and its facts.

    ``data`` holds only what JSON holds. Nothing in it tells the candidate's wishes in figures.
    """

    code: str
    outcome: str
    points: int
    max_points: int
    data: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as it is stored."""
        return {
            "code": self.code,
            "outcome": self.outcome,
            "points": self.points,
            "max_points": self.max_points,
            "data": self.data,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Read a result back from what ``as_dict`` returned."""
        return cls(
            code=stored["code"],
            outcome=stored["outcome"],
            points=stored["points"],
            max_points=stored["max_points"],
            data=stored["data"],
        )


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A pair that passes every gate, with its score (0 to 10,000) and what it is made of.

    ``criteria`` are in the order of ``weights.CRITERIA``, then the line about place, which has no
    points: ``score`` is the sum of their points. Show them through ``explanation.visible``.
    """

    candidate_id: UUID
    posting_id: UUID
    score: int
    criteria: tuple[CriterionResult, ...]
    engine_version: str
    candidate_version: int
    posting_version: int


def evaluate(
    candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext
) -> Suggestion | Obstacle:
    """Score and explain the pair, or return the first gate it does not pass."""
    stopped = obstacle(candidate, posting, context)
    if stopped is not None:
        return stopped
    criteria = (
        occupation(candidate, posting, context),
        skills(candidate, posting, context),
        contract(candidate, posting),
        salary(candidate, posting),
        availability(candidate, posting, context),
        working_time(candidate, posting),
        languages(candidate, posting),
        remote(candidate, posting),
        freshness(posting, context),
        licences(candidate, posting),
        place(candidate, posting),
    )
    return Suggestion(
        candidate_id=candidate.id,
        posting_id=posting.id,
        score=sum(criterion.points for criterion in criteria),
        criteria=criteria,
        engine_version=ENGINE_VERSION,
        candidate_version=candidate.version,
        posting_version=posting.version,
    )


def _result(criterion: Criterion, outcome: str, **data: object) -> CriterionResult:
    return CriterionResult(criterion.code, outcome, criterion.points[outcome], criterion.max_points, data)


def _unknown(criterion: Criterion, unspecified: str, **data: object) -> CriterionResult:
    """Give the neutral; ``unspecified`` is what was not said: posting, candidate or hours."""
    return _result(criterion, UNKNOWN, unspecified=unspecified, **data)


def occupation(candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext) -> CriterionResult:
    """Compare the posting's occupation with the wanted ones; the best relation counts.

    A suggested occupation counts in proportion to its confidence, the rest as unknown.
    """
    criterion, offered = weights.OCCUPATION, posting.occupation
    if offered is None:
        return _unknown(criterion, "posting")
    if not candidate.wanted_occupations:
        return _unknown(criterion, "candidate", offered=offered)
    best, wanted = "none", None
    for position, code in enumerate(candidate.wanted_occupations):
        relation = context.graph.relation(code, offered)
        if relation is None:
            continue
        outcome = relation if position == 0 else f"{relation}_other_choice"
        if criterion.points[outcome] > criterion.points[best]:
            best, wanted = outcome, code
    data: dict[str, Any] = {"offered": offered}
    if wanted is not None:
        data["wanted"] = wanted
    confidence = 100
    if posting.occupation_origin is OccupationOrigin.SUGGESTED:
        confidence = data["confidence"] = posting.occupation_confidence or 0
    points = suggested_points(criterion.points[best], confidence)
    return CriterionResult(criterion.code, best, points, criterion.max_points, data)


def suggested_points(points: int, confidence: int) -> int:
    """Return ``points`` for the share that is confident (percent), the neutral for the rest."""
    return (confidence * points + (100 - confidence) * weights.OCCUPATION.neutral) // 100


def covered_points(criterion: Criterion, covered: int, total: int) -> int:
    """Return the points for covering ``covered`` of ``total`` (> 0): none for nothing.

    Anything in common stands above the neutral, in proportion, so that saying more never costs.
    """
    if covered == 0:
        return criterion.points["none"]
    neutral = criterion.neutral
    return neutral + (criterion.max_points - neutral) * covered // total


def _coverage(criterion: Criterion, covered: int, total: int, data: dict[str, Any]) -> CriterionResult:
    outcome = "none" if covered == 0 else "all" if covered == total else "some"
    points = covered_points(criterion, covered, total)
    return CriterionResult(criterion.code, outcome, points, criterion.max_points, data)


def skills(candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext) -> CriterionResult:
    """Weigh the posting's skills the candidate has, by rarity, required ones twice.

    ``common`` and ``missing_required`` list codes, the weightiest first.
    """
    by_code = skill_weights(posting, context)
    if not by_code:
        return _unknown(weights.SKILLS, "posting")
    if not candidate.skills:
        return _unknown(weights.SKILLS, "candidate", asked=len(by_code))
    ordered = sorted(by_code, key=lambda code: (-by_code[code], code))
    common = [code for code in ordered if code in candidate.skills]
    covered, total = sum(by_code[code] for code in common), sum(by_code.values())
    data = {
        "common": common,
        "missing_required": [
            code for code in ordered if code in posting.required_skills and code not in candidate.skills
        ],
        "asked": len(by_code),
        "percent": covered * 100 // total,
    }
    return _coverage(weights.SKILLS, covered, total, data)


def contract(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Tell whether the kind of contract is among those wanted."""
    kind = posting.contract_kind
    if kind is None:
        return _unknown(weights.CONTRACT, "posting")
    if not candidate.contract_kinds:
        return _unknown(weights.CONTRACT, "candidate", offered=kind.value)
    outcome = "wanted" if kind in candidate.contract_kinds else "not_wanted"
    return _result(weights.CONTRACT, outcome, offered=kind.value)


def yearly_cents(amount: Decimal, unit: SalaryUnit) -> int:
    """Return a gross amount as cents per full-time year."""
    return int((amount * 100).to_integral_value()) * weights.PAID_PERIODS[unit]


def paid_by_time(unit: SalaryUnit) -> bool:
    """Tell whether the amount is a rate per time worked, rather than a pay per period."""
    return unit in (SalaryUnit.HOUR, SalaryUnit.DAY)


def salary(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Compare the pay offered with the least wished, brought to a full-time year.

    For part-time work a rate per hour and a pay per month cannot be compared without the hours,
    which neither side gives: unknown. The wish itself stays out of ``data``.
    """
    criterion = weights.SALARY
    low, high, unit = posting.salary_minimum, posting.salary_maximum, posting.salary_unit
    if unit is None:
        return _unknown(criterion, "posting")
    offered = {
        "minimum": None if low is None else str(low),
        "maximum": None if high is None else str(high),
        "unit": unit.value,
    }
    if candidate.salary_amount is None or candidate.salary_unit is None:
        return _unknown(criterion, "candidate", **offered)
    part_time = WorkingTime.PART_TIME in (candidate.working_time, posting.working_time)
    if part_time and paid_by_time(unit) != paid_by_time(candidate.salary_unit):
        return _unknown(criterion, "hours", **offered)
    wish = yearly_cents(candidate.salary_amount, candidate.salary_unit)
    bottom = None if low is None else yearly_cents(low, unit)
    top = bottom if high is None else yearly_cents(high, unit)
    if bottom is not None and bottom >= wish:
        outcome = "covers"
    elif top is not None and top >= wish:
        outcome = "reaches"
    elif top is not None and top * 100 >= wish * weights.SALARY_CLOSE_PERCENT:
        outcome = "close"
    else:
        outcome = "below"
    return _result(criterion, outcome, **offered)


def availability(
    candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext
) -> CriterionResult:
    """Compare the candidate's date with the start, or with today when the start has passed."""
    start = posting.starts_on
    if start is None:
        return _unknown(weights.AVAILABILITY, "posting")
    if candidate.available_from is None:
        return _unknown(weights.AVAILABILITY, "candidate", starts_on=start.isoformat())
    days = (candidate.available_from - max(start, context.as_of)).days
    outcomes = ("in_time", "within_month", "within_quarter", "later")
    outcome = outcomes[_band(days, weights.AVAILABILITY_DAYS)]
    return _result(
        weights.AVAILABILITY,
        outcome,
        starts_on=start.isoformat(),
        started=start < context.as_of,
    )


def working_time(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Tell whether both sides mean full time, or both part time."""
    offered, wanted = posting.working_time, candidate.working_time
    if offered is None:
        return _unknown(weights.WORKING_TIME, "posting")
    if wanted is None:
        return _unknown(weights.WORKING_TIME, "candidate", offered=offered.value)
    outcome = "same" if offered is wanted else "different"
    return _result(weights.WORKING_TIME, outcome, offered=offered.value)


def languages(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Count the languages asked that the candidate speaks."""
    return _listed(weights.LANGUAGES, posting.languages, candidate.languages, candidate.languages)


def licences(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Count the licences wished that the candidate holds."""
    held = licences_held(candidate.licences)
    return _listed(weights.LICENCES, posting.wished_licences, candidate.licences, held)


def _listed(
    criterion: Criterion, asked: frozenset[str], said: frozenset[str], held: frozenset[str]
) -> CriterionResult:
    if not asked:
        return _unknown(criterion, "posting")
    if not said:
        return _unknown(criterion, "candidate", asked=sorted(asked))
    common = sorted(asked & held)
    data = {"asked": sorted(asked), "common": common}
    return _coverage(criterion, len(common), len(asked), data)


def remote(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Compare the remote work offered with the wish: the same, one step away, or opposite."""
    offered, wanted = posting.remote, candidate.remote
    if offered is None:
        return _unknown(weights.REMOTE, "posting")
    if wanted is None:
        return _unknown(weights.REMOTE, "candidate", offered=offered.value)
    gap = abs(weights.REMOTE_DEGREE[offered] - weights.REMOTE_DEGREE[wanted])
    return _result(weights.REMOTE, ("same", "partly", "different")[gap], offered=offered.value)


def freshness(posting: PostingFacts, context: MatchingContext) -> CriterionResult:
    """Place the posting's age, on the context's day, in its band."""
    published = posting.published_on
    if published is None:
        return _unknown(weights.FRESHNESS, "posting")
    days = (context.as_of - published).days
    outcome = ("week", "month", "quarter", "older")[_band(days, weights.FRESHNESS_DAYS)]
    return _result(weights.FRESHNESS, outcome, published_on=published.isoformat())


def _band(days: int, bounds: Iterable[int]) -> int:
    return sum(days > bound for bound in bounds)


def place(candidate: CandidateFacts, posting: PostingFacts) -> CriterionResult:
    """Tell how the candidate's own filter let the posting through. No points, ever.

    ``distance_km`` is rounded, and ``None`` when either point is unknown.
    """
    distance = None
    if candidate.point is not None and posting.point is not None:
        distance = round(distance_km(candidate.point, posting.point))
    if posting.remote is RemoteKind.FULL:
        outcome = "remote"
    elif candidate.radius_km is not None:
        outcome = "within_radius"
    elif posting.point is None:
        outcome = "place_unknown"
    else:
        outcome = "anywhere"
    return CriterionResult(PLACE, outcome, 0, 0, {"distance_km": distance})
