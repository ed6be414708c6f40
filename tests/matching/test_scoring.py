"""One pair: the score is its explanation's sum, facts count as documented, the law is kept."""

import dataclasses
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from service.matching import scoring, weights
from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.matching.gates import Obstacle, relevant
from service.matching.scoring import CriterionResult, Suggestion, evaluate
from service.models.enums import (
    ContractKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)
from tests.matching.strategies import (
    LANGUAGES,
    PATIENT,
    POINTS,
    SKILLS,
    TODAY,
    contexts,
    postings,
    suggestible,
)

ALLOWED = {
    "id",
    "version",
    "wanted_occupations",
    "skills",
    "contract_kinds",
    "working_time",
    "salary_amount",
    "salary_unit",
    "point",
    "radius_km",
    "available_from",
    "languages",
    "licences",
    "remote",
}

CONTEXT = MatchingContext(
    graph=OccupationGraph(near={"G1602": frozenset({"G1603"})}, far={"G1602": frozenset({"D1106"})}),
    rarity=SkillRarity(counts={"300426": 60, "120992": 3}, postings=99),
    as_of=TODAY,
)
CANDIDATE = CandidateFacts(id=UUID(int=1), version=1, wanted_occupations=("G1602", "J1501"))
POSTING = PostingFacts(id=UUID(int=2), version=1, open=True, occupation="G1602")


Pair = tuple[CandidateFacts, PostingFacts, MatchingContext]


def suggestion(candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext) -> Suggestion:
    """Score a pair that passes the gates."""
    result = evaluate(candidate, posting, context)
    assert isinstance(result, Suggestion)
    return result


def outcomes(candidate: CandidateFacts, posting: PostingFacts) -> dict[str, CriterionResult]:
    """Return the criteria of a pair that passes the gates, by code."""
    result = evaluate(candidate, posting, CONTEXT)
    assert isinstance(result, Suggestion)
    return {criterion.code: criterion for criterion in result.criteria}


def test_candidate_facts_are_the_allow_list() -> None:
    assert {fact.name for fact in dataclasses.fields(CandidateFacts)} == ALLOWED


def test_criteria_are_worth_ten_thousand_and_none_is_about_place() -> None:
    assert sum(criterion.max_points for criterion in weights.CRITERIA) == weights.MAX_SCORE
    assert scoring.PLACE not in {criterion.code for criterion in weights.CRITERIA}


@pytest.mark.parametrize("criterion", weights.CRITERIA, ids=lambda criterion: criterion.code)
def test_silence_stands_strictly_between_the_worst_and_the_best(
    criterion: weights.Criterion,
) -> None:
    assert min(criterion.points.values()) == 0 < criterion.neutral < criterion.max_points
    assert criterion.reason


@PATIENT
@given(suggestible())
def test_score_is_the_sum_of_points_within_their_bounds(pair: Pair) -> None:
    candidate, posting, context = pair
    result = suggestion(candidate, posting, context)
    assert result.score == sum(criterion.points for criterion in result.criteria)
    assert 0 <= result.score <= weights.MAX_SCORE
    best = {criterion.code: criterion.max_points for criterion in weights.CRITERIA}
    best[scoring.PLACE] = 0
    assert [criterion.code for criterion in result.criteria] == list(best)
    for criterion in result.criteria:
        assert 0 <= criterion.points <= criterion.max_points == best[criterion.code]
    assert result.engine_version == weights.ENGINE_VERSION
    assert result.candidate_version == candidate.version
    assert result.posting_version == posting.version


@PATIENT
@given(suggestible())
def test_what_is_stored_reads_back(pair: Pair) -> None:
    for criterion in suggestion(*pair).criteria:
        assert CriterionResult.from_dict(criterion.as_dict()) == criterion


@PATIENT
@given(suggestible(), st.sampled_from(POINTS))
def test_where_a_candidate_lives_never_changes_a_score(pair: Pair, home: Point) -> None:
    candidate, posting, context = pair
    result = suggestion(candidate, posting, context)
    elsewhere = dataclasses.replace(candidate, point=home, radius_km=None)
    moved = evaluate(elsewhere, posting, context)
    assert isinstance(moved, Suggestion)
    assert moved.score == result.score
    assert moved.criteria[:-1] == result.criteria[:-1]


@PATIENT
@given(suggestible(), st.sampled_from(SKILLS))
def test_one_more_skill_in_common_never_lowers_a_score(pair: Pair, skill: str) -> None:
    candidate, posting, context = pair
    wished = posting.wished_skills | ({skill} - posting.required_skills)
    posting = dataclasses.replace(posting, wished_skills=wished)
    if not relevant(candidate, posting, context):
        candidate = dataclasses.replace(candidate, skills=wished | posting.required_skills)
    before = suggestion(candidate, posting, context)
    after = evaluate(dataclasses.replace(candidate, skills=candidate.skills | {skill}), posting, context)
    assert isinstance(after, Suggestion)
    assert after.score >= before.score


@PATIENT
@given(suggestible(), st.sampled_from(LANGUAGES))
def test_one_more_language_in_common_never_lowers_a_score(pair: Pair, language: str) -> None:
    candidate, posting, context = pair
    posting = dataclasses.replace(posting, languages=posting.languages | {language})
    before = suggestion(candidate, posting, context)
    after = suggestion(
        dataclasses.replace(candidate, languages=candidate.languages | {language}),
        posting,
        context,
    )
    assert after.score >= before.score


@PATIENT
@given(postings(), contexts())
def test_a_silent_candidate_gets_the_neutral_of_every_criterion(
    posting: PostingFacts, context: MatchingContext
) -> None:
    posting = dataclasses.replace(
        posting, open=True, occupation=posting.occupation or "G1602", required_licences=frozenset()
    )
    wanted = dataclasses.replace(CANDIDATE, wanted_occupations=(posting.occupation or "G1602",))
    result = suggestion(wanted, posting, context)
    for criterion in result.criteria[1:-1]:
        if criterion.code != "freshness":
            assert (criterion.outcome, criterion.points) == (
                weights.UNKNOWN,
                next(one for one in weights.CRITERIA if one.code == criterion.code).neutral,
            )


@pytest.mark.parametrize(
    ("occupation", "outcome", "points"),
    [
        ("G1602", "same", 3500),
        ("J1501", "same_other_choice", 3200),
        ("G1603", "near", 2100),
        ("D1106", "far", 1000),
    ],
)
def test_occupation_follows_the_choices_and_the_mobilities(
    occupation: str, outcome: str, points: int
) -> None:
    result = outcomes(CANDIDATE, dataclasses.replace(POSTING, occupation=occupation))["occupation"]
    assert (result.outcome, result.points) == (outcome, points)


def test_a_suggested_occupation_counts_by_its_confidence() -> None:
    posting = dataclasses.replace(
        POSTING, occupation_origin=OccupationOrigin.SUGGESTED, occupation_confidence=80
    )
    result = outcomes(CANDIDATE, posting)["occupation"]
    assert result.points == (80 * 3500 + 20 * 1000) // 100
    assert result.data["confidence"] == 80


def test_a_rare_skill_weighs_more_than_a_common_one_and_a_required_one_twice() -> None:
    posting = dataclasses.replace(
        POSTING, required_skills=frozenset({"300426"}), wished_skills=frozenset({"120992"})
    )
    common = dataclasses.replace(CANDIDATE, skills=frozenset({"300426"}))
    rare = dataclasses.replace(CANDIDATE, skills=frozenset({"120992"}))
    # 100 of 61 is level 1, twice when required; 100 of 4 is level 5.
    assert outcomes(common, posting)["skills"].data["percent"] == 2 * 100 // 7
    assert outcomes(rare, posting)["skills"].data["percent"] == 5 * 100 // 7
    assert outcomes(rare, posting)["skills"].data["missing_required"] == ["300426"]


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        ("2000", "2300", "covers"),
        ("1900", "2000", "reaches"),
        ("2000", None, "covers"),
        (None, "2000", "reaches"),
        ("1700", "1800", "close"),
        ("1700", "1799.99", "below"),
        ("1999.99", None, "close"),
    ],
)
def test_salary_compares_the_range_with_the_wish(low: str | None, high: str | None, outcome: str) -> None:
    candidate = dataclasses.replace(CANDIDATE, salary_amount=Decimal(2000), salary_unit=SalaryUnit.MONTH)
    posting = dataclasses.replace(
        POSTING,
        salary_minimum=None if low is None else Decimal(low),
        salary_maximum=None if high is None else Decimal(high),
        salary_unit=SalaryUnit.MONTH,
    )
    assert outcomes(candidate, posting)["salary"].outcome == outcome


@pytest.mark.parametrize(
    ("working_time", "outcome"),
    [(None, "covers"), (WorkingTime.FULL_TIME, "covers"), (WorkingTime.PART_TIME, "unknown")],
)
def test_hourly_and_monthly_pay_compare_only_for_full_time(
    working_time: WorkingTime | None, outcome: str
) -> None:
    candidate = dataclasses.replace(CANDIDATE, salary_amount=Decimal(1820), salary_unit=SalaryUnit.MONTH)
    posting = dataclasses.replace(
        POSTING,
        salary_minimum=Decimal(12),
        salary_unit=SalaryUnit.HOUR,
        working_time=working_time,
    )
    assert outcomes(candidate, posting)["salary"].outcome == outcome


@pytest.mark.parametrize(
    ("starts_on", "available_from", "outcome"),
    [
        (TODAY + timedelta(30), TODAY + timedelta(30), "in_time"),
        (TODAY + timedelta(30), TODAY + timedelta(31), "within_month"),
        (TODAY + timedelta(30), TODAY + timedelta(62), "within_quarter"),
        (TODAY + timedelta(30), TODAY + timedelta(123), "later"),
        (TODAY - timedelta(90), TODAY, "in_time"),
        (None, TODAY, "unknown"),
    ],
)
def test_availability_counts_from_the_start_or_today(
    starts_on: date | None, available_from: date, outcome: str
) -> None:
    candidate = dataclasses.replace(CANDIDATE, available_from=available_from)
    posting = dataclasses.replace(POSTING, starts_on=starts_on)
    assert outcomes(candidate, posting)["availability"].outcome == outcome


@pytest.mark.parametrize(("days", "outcome"), [(7, "week"), (8, "month"), (31, "quarter"), (91, "older")])
def test_freshness_falls_by_bands(days: int, outcome: str) -> None:
    posting = dataclasses.replace(POSTING, published_on=TODAY - timedelta(days))
    assert outcomes(CANDIDATE, posting)["freshness"].outcome == outcome


def test_contract_working_time_remote_and_listed_facts() -> None:
    candidate = dataclasses.replace(
        CANDIDATE,
        contract_kinds=frozenset({ContractKind.PERMANENT}),
        working_time=WorkingTime.FULL_TIME,
        remote=RemoteKind.PARTIAL,
        languages=frozenset({"fr", "en"}),
        licences=frozenset({"CE"}),
    )
    posting = dataclasses.replace(
        POSTING,
        contract_kind=ContractKind.SEASONAL,
        working_time=WorkingTime.FULL_TIME,
        remote=RemoteKind.NONE,
        languages=frozenset({"en", "de"}),
        wished_licences=frozenset({"B", "C1"}),
    )
    found = {code: (one.outcome, one.points) for code, one in outcomes(candidate, posting).items()}
    assert found["contract"] == ("not_wanted", 0)
    assert found["working_time"] == ("same", 500)
    assert found["remote"] == ("partly", 150)
    assert found["languages"] == ("some", 225)
    assert found["licences"] == ("all", 200)


def test_nothing_tells_the_wish_in_figures() -> None:
    candidate = dataclasses.replace(CANDIDATE, salary_amount=Decimal("2345.67"), salary_unit=SalaryUnit.MONTH)
    posting = dataclasses.replace(POSTING, salary_minimum=Decimal(2000), salary_unit=SalaryUnit.MONTH)
    result = evaluate(candidate, posting, CONTEXT)
    assert not isinstance(result, Obstacle)
    assert "2345" not in repr(result)
