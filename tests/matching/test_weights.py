"""Weights and versions: nothing that changes a score may change under the same version."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.matching.scoring import Suggestion, evaluate
from service.matching.weights import CRITERIA, ENGINE_VERSION, OCCUPATION, weights_digest
from service.models.enums import (
    ContractKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)
from tests.matching.strategies import LANGUAGES, LICENCES, OCCUPATIONS, POINTS, SKILLS, TODAY

T = TypeVar("T")

# One line per version ever released: the digest of the weights page, and the digest of the scores
# of the pairs below, which a change of rules moves too. When this test fails, raise ENGINE_VERSION
# and add a line for it; a line is never edited.
RELEASED = {
    "1": (
        "9c9b1f22da6248293a753c28bbb53babae6e58ae943626fad0291f1fb4583f71",
        "325f8a3bb35a845b21e117dae0c09bd16fb3b400fc20f587b4b352bd32934567",
    ),
}


def nth(values: Sequence[T], *numbers: int) -> T:
    """Pick by arithmetic: the same on every version of Python, unlike random."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 31 + number * 2_654_435_761) % (1 << 32)
    return values[(mixed >> 12) % len(values)]


def several(values: Sequence[str], *numbers: int) -> frozenset[str]:
    """Pick a set by arithmetic, empty for some numbers."""
    return frozenset(value for place, value in enumerate(values) if nth((0, 0, 1), place, *numbers))


def candidate(n: int) -> CandidateFacts:
    point: Point | None = nth((None, *POINTS), n, 1)
    unit = nth((None, SalaryUnit.MONTH, SalaryUnit.HOUR, SalaryUnit.YEAR), n, 2)
    amount = nth((Decimal(1500), Decimal("12.02"), Decimal(24000)), n, 3)
    return CandidateFacts(
        id=UUID(int=n),
        version=1,
        wanted_occupations=(nth(OCCUPATIONS, n, 4), nth(OCCUPATIONS, n, 5)),
        skills=several(SKILLS, n, 6),
        contract_kinds=nth((frozenset(), frozenset({ContractKind.PERMANENT})), n, 7),
        working_time=nth((None, *WorkingTime), n, 8),
        salary_amount=None if unit is None else amount,
        salary_unit=unit,
        point=point,
        radius_km=None if point is None else nth((None, 30, 1000), n, 9),
        available_from=nth((None, TODAY, TODAY + timedelta(60)), n, 10),
        languages=several(LANGUAGES, n, 11),
        licences=several(LICENCES, n, 12),
        remote=nth((None, *RemoteKind), n, 13),
    )


def posting(n: int) -> PostingFacts:
    suggested = nth((False, True), n, 14)
    required = several(SKILLS, n, 15)
    unit = nth((None, SalaryUnit.MONTH, SalaryUnit.HOUR), n, 16)
    low = nth((Decimal(12), Decimal(1600), Decimal(2000)), n, 17)
    return PostingFacts(
        id=UUID(int=1000 + n),
        version=1,
        open=True,
        occupation=nth(OCCUPATIONS, n, 18),
        occupation_origin=OccupationOrigin.SUGGESTED if suggested else OccupationOrigin.SOURCE,
        occupation_confidence=nth((40, 75), n, 19) if suggested else None,
        required_skills=required,
        wished_skills=several(SKILLS, n, 20) - required,
        contract_kind=nth((None, ContractKind.PERMANENT, ContractKind.SEASONAL), n, 21),
        working_time=nth((None, *WorkingTime), n, 22),
        salary_minimum=None if unit is None else low,
        salary_maximum=None if unit is None else nth((None, low + 200), n, 23),
        salary_unit=unit,
        point=nth((None, *POINTS), n, 24),
        remote=nth((None, *RemoteKind), n, 25),
        required_licences=nth((frozenset(), frozenset({"B"})), n, 26),
        wished_licences=nth((frozenset(), frozenset({"C", "CE"})), n, 27),
        languages=several(LANGUAGES, n, 28),
        published_on=nth((None, TODAY, TODAY - timedelta(20), TODAY - timedelta(200)), n, 29),
        starts_on=nth((None, TODAY, TODAY + timedelta(40)), n, 30),
    )


def results_digest() -> tuple[str, int]:
    """Return the SHA-256 of what 40 x 40 invented pairs get, and how many are suggested."""
    work = [posting(n) for n in range(40)]
    mobilities = [
        (code, nth(OCCUPATIONS, place, order), order)
        for place, code in enumerate(OCCUPATIONS)
        for order in (1, 9)
    ]
    context = MatchingContext(
        graph=OccupationGraph.from_mobilities(mobilities),
        rarity=SkillRarity.from_postings(work),
        as_of=TODAY,
    )
    results = [evaluate(candidate(n), one, context) for n in range(40) for one in work]
    lines = [
        " ".join(f"{criterion.outcome}:{criterion.points}" for criterion in result.criteria)
        if isinstance(result, Suggestion)
        else f"{result.gate}:{result.outcome}"
        for result in results
    ]
    suggested = sum(isinstance(result, Suggestion) for result in results)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest(), suggested


def test_a_change_of_weights_or_rules_needs_a_new_version() -> None:
    digest, suggested = results_digest()
    assert suggested > 200
    assert RELEASED[ENGINE_VERSION] == (weights_digest(), digest)


def test_outcomes_of_occupation_keep_their_order() -> None:
    points = OCCUPATION.points
    ordered = ("same", "same_other_choice", "near", "near_other_choice", "far", "far_other_choice")
    values = [points[outcome] for outcome in ordered]
    assert values == sorted(values, reverse=True)
    # The vectorised engine reads "related" off the points: no relation may be worth nothing.
    assert values[-1] > points["none"]


def test_criteria_have_distinct_codes() -> None:
    assert len({criterion.code for criterion in CRITERIA}) == len(CRITERIA)
