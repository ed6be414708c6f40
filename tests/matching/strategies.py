"""Invented facts, drawn from small vocabularies so that candidates and postings often meet."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import settings, strategies as st

from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.matching.gates import relevant, within_radius
from service.models.enums import (
    ContractKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)

# Hypothesis stops slow examples by default: a busy machine is not a defect.
PATIENT = settings(deadline=None)

OCCUPATIONS = ("A1101", "F1602", "G1602", "J1501", "J1506", "N4101")
SKILLS = ("100023", "100063", "120992", "300361", "300426", "124377")
LANGUAGES = ("de", "en", "fr", "uk")
LICENCES = ("B", "BE", "C", "CE", "D", "A")
TODAY = date(2026, 3, 2)

# Few places, so that distances tie, and one on the edge of a radius drawn below.
POINTS = (
    Point(49.1193, 6.1757),
    Point(49.1193, 6.1757 + 1e-9),
    Point(49.3594, 6.1683),
    Point(48.6921, 6.1844),
    Point(-21.1151, 55.5364),
    Point(-49.1193, -173.8243),
)

days = st.one_of(
    st.sampled_from([-400, -91, -90, -31, -30, -8, -7, -1, 0, 1, 31, 32, 92, 93, 500]),
    st.integers(-120, 120),
).map(lambda offset: date.fromordinal(TODAY.toordinal() + offset))

amounts = st.one_of(
    st.sampled_from([Decimal(0), Decimal("11.88"), Decimal(1800), Decimal(2000), Decimal(24000)]),
    st.decimals(min_value=0, max_value=100_000, places=2),
)


def some(codes: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    """Draw a set of codes, often empty."""
    return st.frozensets(st.sampled_from(codes))


@st.composite
def candidates(draw: st.DrawFn) -> CandidateFacts:
    """Draw a candidate; any fact may be missing."""
    point = draw(st.none() | st.sampled_from(POINTS))
    radius = None if point is None else draw(st.none() | st.sampled_from([0, 5.5, 30, 900, 30_000]))
    unit = draw(st.none() | st.sampled_from(SalaryUnit))
    return CandidateFacts(
        id=draw(st.uuids()),
        version=draw(st.integers(1, 9)),
        wanted_occupations=tuple(draw(st.lists(st.sampled_from(OCCUPATIONS), max_size=3))),
        skills=draw(some(SKILLS)),
        contract_kinds=draw(st.frozensets(st.sampled_from(ContractKind), max_size=3)),
        working_time=draw(st.none() | st.sampled_from(WorkingTime)),
        salary_amount=None if unit is None else draw(amounts),
        salary_unit=unit,
        point=point,
        radius_km=radius,
        available_from=draw(st.none() | days),
        languages=draw(some(LANGUAGES)),
        licences=draw(some(LICENCES)),
        remote=draw(st.none() | st.sampled_from(RemoteKind)),
    )


@st.composite
def postings(draw: st.DrawFn) -> PostingFacts:
    """Draw a posting; any fact may be missing. Most are open."""
    occupation = draw(st.none() | st.sampled_from(OCCUPATIONS))
    origin, confidence = OccupationOrigin.ENTERED, None
    if occupation is not None and draw(st.booleans()):
        origin, confidence = OccupationOrigin.SUGGESTED, draw(st.integers(0, 100))
    required, required_licences = draw(some(SKILLS)), draw(some(LICENCES[:2]))
    low, high = draw(st.none() | amounts), draw(st.none() | amounts)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    paid = low is not None or high is not None
    return PostingFacts(
        id=draw(st.uuids()),
        version=draw(st.integers(1, 9)),
        open=draw(st.sampled_from([True, True, True, False])),
        occupation=occupation,
        occupation_origin=origin,
        occupation_confidence=confidence,
        required_skills=required,
        wished_skills=draw(some(SKILLS)) - required,
        contract_kind=draw(st.none() | st.sampled_from(ContractKind)),
        working_time=draw(st.none() | st.sampled_from(WorkingTime)),
        salary_minimum=low,
        salary_maximum=high,
        salary_unit=draw(st.sampled_from(SalaryUnit)) if paid else None,
        point=draw(st.none() | st.sampled_from(POINTS)),
        remote=draw(st.none() | st.sampled_from(RemoteKind)),
        required_licences=required_licences,
        wished_licences=draw(some(LICENCES)) - required_licences,
        languages=draw(some(LANGUAGES)),
        published_on=draw(st.none() | days),
        starts_on=draw(st.none() | days),
    )


@st.composite
def contexts(draw: st.DrawFn) -> MatchingContext:
    """Draw mobilities, rarities and a day."""
    rows = st.tuples(st.sampled_from(OCCUPATIONS), st.sampled_from(OCCUPATIONS), st.integers(1, 12))
    total = draw(st.integers(0, 2000))
    counts = st.dictionaries(st.sampled_from(SKILLS), st.integers(0, total))
    return MatchingContext(
        graph=OccupationGraph.from_mobilities(draw(st.lists(rows, max_size=8))),
        rarity=SkillRarity(counts=draw(counts), postings=total),
        as_of=TODAY,
    )


crowds = st.lists(candidates(), max_size=8, unique_by=lambda facts: facts.id)
boards = st.lists(postings(), max_size=8, unique_by=lambda facts: facts.id)


@st.composite
def suggestible(draw: st.DrawFn) -> tuple[CandidateFacts, PostingFacts, MatchingContext]:
    """Draw a pair and a context, and open the gates that would stop the pair."""
    candidate, posting, context = draw(candidates()), draw(postings()), draw(contexts())
    posting = replace(posting, open=True)
    candidate = replace(candidate, licences=candidate.licences | posting.required_licences)
    if not within_radius(candidate, posting):
        candidate = replace(candidate, radius_km=None)
    if not relevant(candidate, posting, context):
        posting = replace(posting, occupation=posting.occupation or OCCUPATIONS[0])
        wanted = (*candidate.wanted_occupations, posting.occupation or OCCUPATIONS[0])
        candidate = replace(candidate, wanted_occupations=wanted)
    return candidate, posting, context
