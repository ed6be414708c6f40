"""Gates: what keeps a pair from being suggested, and why."""

import dataclasses
import math
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.matching.gates import (
    Gate,
    Obstacle,
    distance_km,
    licences_held,
    obstacle,
    within_radius,
)
from service.matching.scoring import evaluate
from service.models.enums import RemoteKind
from tests.matching.strategies import PATIENT, POINTS, TODAY, candidates, contexts, postings

METZ, THIONVILLE = POINTS[0], POINTS[2]
CONTEXT = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
CANDIDATE = CandidateFacts(id=UUID(int=1), version=1, wanted_occupations=("N4101",))
POSTING = PostingFacts(id=UUID(int=2), version=1, open=True, occupation="N4101")

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


def stopped(candidate: CandidateFacts, posting: PostingFacts) -> tuple[Gate, str] | None:
    """Return the gate that stops the pair, with the outcome."""
    found = obstacle(candidate, posting, CONTEXT)
    return None if found is None else (found.gate, found.outcome)


def test_a_closed_posting_is_suggested_to_nobody() -> None:
    assert stopped(CANDIDATE, POSTING) is None
    assert stopped(CANDIDATE, dataclasses.replace(POSTING, open=False)) == (Gate.OPEN, "closed")


def test_distance_is_the_great_circle() -> None:
    # Metz to Thionville by the haversine formula, worked out apart from the code under test.
    one, other = METZ, THIONVILLE
    half = math.sin(math.radians(other.latitude - one.latitude) / 2) ** 2
    half += (
        math.cos(math.radians(one.latitude))
        * math.cos(math.radians(other.latitude))
        * math.sin(math.radians(other.longitude - one.longitude) / 2) ** 2
    )
    expected = 2 * 6371.0088 * math.asin(math.sqrt(half))
    assert distance_km(one, other) == pytest.approx(expected, rel=1e-9)
    assert 26 < expected < 27


@PATIENT
@given(latitudes, longitudes, latitudes, longitudes, st.floats(0, 25_000))
def test_radius_agrees_with_the_distance(
    latitude: float, longitude: float, to_latitude: float, to_longitude: float, radius: float
) -> None:
    home, work = Point(latitude, longitude), Point(to_latitude, to_longitude)
    distance = distance_km(home, work)
    candidate = dataclasses.replace(CANDIDATE, point=home, radius_km=radius)
    posting = dataclasses.replace(POSTING, point=work)
    # Within a metre of the edge, or near the antipode, either answer is within rounding.
    if abs(distance - radius) > 1e-3 and distance < 20_000:
        assert within_radius(candidate, posting) == (distance <= radius)


@pytest.mark.parametrize(
    ("radius", "point", "remote", "expected"),
    [
        (30, THIONVILLE, None, None),
        (20, THIONVILLE, None, (Gate.RADIUS, "too_far")),
        (20, THIONVILLE, RemoteKind.PARTIAL, (Gate.RADIUS, "too_far")),
        (20, THIONVILLE, RemoteKind.FULL, None),
        (20, None, None, (Gate.RADIUS, "place_unknown")),
        (30_000, None, None, (Gate.RADIUS, "place_unknown")),
        (20, None, RemoteKind.FULL, None),
        (None, None, None, None),
        (None, POINTS[4], None, None),
        (0, METZ, None, None),
        (30_000, POINTS[5], None, None),
    ],
)
def test_radius_is_the_candidates_own_filter(
    radius: float | None,
    point: Point | None,
    remote: RemoteKind | None,
    expected: tuple[Gate, str] | None,
) -> None:
    candidate = dataclasses.replace(CANDIDATE, point=METZ, radius_km=radius)
    posting = dataclasses.replace(POSTING, point=point, remote=remote)
    assert stopped(candidate, posting) == expected


@pytest.mark.parametrize(
    ("held", "required", "expected"),
    [
        ({"B"}, {"B"}, None),
        ({"CE"}, {"B", "BE", "C", "C1"}, None),
        ({"A"}, {"A1", "AM"}, None),
        (set(), {"B"}, (Gate.LICENCE, "missing")),
        ({"B"}, {"C"}, (Gate.LICENCE, "missing")),
        ({"C"}, {"CE"}, (Gate.LICENCE, "missing")),
        ({"D"}, {"C"}, (Gate.LICENCE, "missing")),
    ],
)
def test_a_required_licence_is_held_or_supposed_by_another(
    held: set[str], required: set[str], expected: tuple[Gate, str] | None
) -> None:
    candidate = dataclasses.replace(CANDIDATE, licences=frozenset(held))
    posting = dataclasses.replace(POSTING, required_licences=frozenset(required))
    assert stopped(candidate, posting) == expected


def test_licences_never_give_more_when_held_twice() -> None:
    assert licences_held(frozenset({"CE", "B"})) == licences_held(frozenset({"CE"}))


@pytest.mark.parametrize(
    ("skills", "expected"),
    [
        (set(), (Gate.RELEVANCE, "nothing_in_common")),
        ({"300426"}, (Gate.RELEVANCE, "nothing_in_common")),
        ({"300426", "120992"}, None),
        ({"100023"}, None),
        ({"124377"}, (Gate.RELEVANCE, "nothing_in_common")),
    ],
)
def test_without_a_related_occupation_enough_skills_must_be_shared(
    skills: set[str], expected: tuple[Gate, str] | None
) -> None:
    # Weights: 300426 asked by all is 1, 120992 by a quarter is 3 (2.97 rounded up by the +1),
    # 100023 by one posting is 6, and the required ones count twice.
    context = MatchingContext(
        graph=OccupationGraph(),
        rarity=SkillRarity(counts={"300426": 99, "120992": 24, "100023": 1}, postings=99),
        as_of=TODAY,
    )
    posting = dataclasses.replace(
        POSTING,
        occupation="J1501",
        required_skills=frozenset({"100023"}),
        wished_skills=frozenset({"300426", "120992"}),
    )
    candidate = dataclasses.replace(CANDIDATE, skills=frozenset(skills))
    found = obstacle(candidate, posting, context)
    assert (None if found is None else (found.gate, found.outcome)) == expected


@PATIENT
@given(candidates(), postings(), contexts())
def test_evaluate_stops_exactly_where_a_gate_does(
    candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext
) -> None:
    found = obstacle(candidate, posting, context)
    result = evaluate(candidate, posting, context)
    assert (result == found) if found is not None else not isinstance(result, Obstacle)
