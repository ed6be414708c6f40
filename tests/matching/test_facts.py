"""Facts that contradict each other are refused; the referential reads as documented."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from service.matching.facts import (
    CandidateFacts,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.models.enums import OccupationOrigin, SalaryUnit

METZ = Point(49.1193, 6.1757)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"radius_km": 10.0}, "needs the point"),
        ({"point": METZ, "radius_km": -1.0}, "finite number"),
        ({"point": METZ, "radius_km": float("nan")}, "finite number"),
        ({"salary_amount": Decimal(2000)}, "amount and its unit"),
        ({"salary_unit": SalaryUnit.MONTH}, "amount and its unit"),
        ({"salary_amount": Decimal(-1), "salary_unit": SalaryUnit.MONTH}, "0 or more"),
        ({"salary_amount": Decimal("NaN"), "salary_unit": SalaryUnit.MONTH}, "0 or more"),
    ],
)
def test_a_candidate_whose_facts_contradict_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CandidateFacts(id=UUID(int=1), version=1, **facts)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"occupation": "G1602", "occupation_confidence": 80}, "goes with a suggested"),
        (
            {"occupation": "G1602", "occupation_origin": OccupationOrigin.SUGGESTED},
            "goes with a suggested",
        ),
        (
            {
                "occupation": "G1602",
                "occupation_origin": OccupationOrigin.SUGGESTED,
                "occupation_confidence": 101,
            },
            "percentage",
        ),
        (
            {"occupation_origin": OccupationOrigin.SUGGESTED, "occupation_confidence": 80},
            "needs the occupation",
        ),
        ({"required_skills": frozenset("A"), "wished_skills": frozenset("A")}, "skill"),
        ({"required_licences": frozenset("B"), "wished_licences": frozenset("B")}, "licence"),
        ({"salary_minimum": Decimal(10)}, "their unit"),
        ({"salary_unit": SalaryUnit.HOUR}, "their unit"),
        (
            {
                "salary_minimum": Decimal(11),
                "salary_maximum": Decimal(10),
                "salary_unit": SalaryUnit.HOUR,
            },
            "not above",
        ),
        ({"salary_maximum": Decimal(10**9), "salary_unit": SalaryUnit.HOUR}, "thousand million"),
    ],
)
def test_a_posting_whose_facts_contradict_is_refused(facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PostingFacts(id=UUID(int=1), version=1, open=True, **facts)


@pytest.mark.parametrize(("latitude", "longitude"), [(91, 0), (0, -181), (float("nan"), 0)])
def test_a_point_lies_on_the_globe(latitude: float, longitude: float) -> None:
    with pytest.raises(ValueError, match="a point is"):
        Point(latitude, longitude)


def test_mobilities_are_near_up_to_the_sixth_and_far_beyond_or_backwards() -> None:
    graph = OccupationGraph.from_mobilities(
        [("G1602", "G1609", 6), ("G1602", "A1412", 7), ("D1103", "G1602", 1), ("G1602", "G1602", 1)]
    )
    assert graph.relation("G1602", "G1602") == "same"
    assert graph.relation("G1602", "G1609") == "near"
    assert graph.relation("G1602", "A1412") == "far"
    assert graph.relation("G1602", "D1103") == "far"
    assert graph.relation("D1103", "G1602") == "near"
    assert graph.relation("D1103", "A1412") is None
    assert graph.around("G1602") == {"G1602", "G1609", "A1412", "D1103"}
    assert graph.toward("G1602") == {"G1602", "D1103", "G1609", "A1412"}


def test_an_occupation_near_both_ways_round_stays_near() -> None:
    graph = OccupationGraph.from_mobilities([("A", "B", 2), ("B", "A", 9)])
    assert graph.relation("A", "B") == "near"
    assert graph.relation("B", "A") == "far"


@pytest.mark.parametrize(
    ("asking", "postings", "weight"),
    [(99, 99, 1), (50, 99, 1), (49, 99, 2), (24, 99, 3), (0, 99, 7), (0, 0, 1), (5, 3, 1)],
)
def test_a_skill_weighs_one_more_each_time_it_is_half_as_common(
    asking: int, postings: int, weight: int
) -> None:
    assert SkillRarity(counts={"100023": asking}, postings=postings).weight("100023") == weight


def test_rarity_counts_a_skill_once_per_posting() -> None:
    postings = [
        PostingFacts(id=UUID(int=1), version=1, open=True, required_skills=frozenset({"a", "b"})),
        PostingFacts(id=UUID(int=2), version=1, open=True, wished_skills=frozenset({"a"})),
    ]
    rarity = SkillRarity.from_postings(postings)
    assert (rarity.counts, rarity.postings) == ({"a": 2, "b": 1}, 2)
    assert rarity.weight("never asked") == 2
