"""Everything that can be tuned in matching, on one page, each figure with its reason.

Points are whole hundredths of a point; the best possible total is 10,000 (a score of 100). Each
criterion gives its points by outcome. ``unknown`` is what a criterion gives when either side did
not say: strictly between its worst and its best, so that silence neither rewards nor condemns, and
the explanation then reads "non précisé".

Changing anything here changes what people are suggested, so it needs a new ``ENGINE_VERSION``: a
test compares the digest of this page with the one recorded for the version.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from service.matching.facts import NEAR_ORDERS
from service.models.enums import RemoteKind, SalaryUnit

ENGINE_VERSION: Final = "1"
"""Stored with every match. Raise it with any change of weights, gates or rules."""

UNKNOWN: Final = "unknown"
MAX_SCORE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: its code, why it counts and for how much, and its points by outcome."""

    code: str
    reason: str
    points: Mapping[str, int]

    @property
    def max_points(self) -> int:
        """Return the most this criterion can give."""
        return max(self.points.values())

    @property
    def neutral(self) -> int:
        """Return what this criterion gives when either side did not say."""
        return self.points[UNKNOWN]


def _criterion(code: str, reason: str, **points: int) -> Criterion:
    return Criterion(code=code, reason=reason, points=MappingProxyType(points))


OCCUPATION: Final = _criterion(
    "occupation",
    "The trade is what both sides ask for first. A candidate's later choices count a little less "
    "than the first; ROME's near mobilities mean little training, the far ones a change of trade. "
    "An unknown occupation is worth a far one: then only skills brought the two together.",
    same=3500,
    same_other_choice=3200,
    near=2100,
    near_other_choice=1900,
    far=1000,
    far_other_choice=900,
    unknown=1000,
    none=0,
)
SKILLS: Final = _criterion(
    "skills",
    "What the work is made of, weighted by rarity and twice when required. Coverage is a matter of "
    "degree and lists are seldom complete, so one shared skill already stands above silence, and "
    "silence is worth less than half.",
    all=2500,
    unknown=750,
    none=0,
)
CONTRACT: Final = _criterion(
    "contract",
    "The kind of contract decides whether moving to a territory is worth it.",
    wanted=1000,
    unknown=500,
    not_wanted=0,
)
SALARY: Final = _criterion(
    "salary",
    "Pay decides many answers, but most postings do not show it: worth less than the contract. A "
    "range that only reaches the wish at its top leaves something to negotiate.",
    covers=800,
    reaches=650,
    unknown=400,
    close=300,
    below=0,
)
AVAILABILITY: Final = _criterion(
    "availability",
    "Preparing a move takes months: being late matters by degrees, and less than the work itself.",
    in_time=600,
    within_month=400,
    unknown=300,
    within_quarter=200,
    later=0,
)
WORKING_TIME: Final = _criterion(
    "working_time",
    "Full or part time is often negotiable, hence half of the contract's weight.",
    same=500,
    unknown=250,
    different=0,
)
LANGUAGES: Final = _criterion(
    "languages",
    "Counted only where the posting asks for a language, which few do.",
    all=300,
    unknown=150,
    none=0,
)
REMOTE: Final = _criterion(
    "remote",
    "A comfort in most shortage trades, which are done on site. Partial lies halfway to both ends.",
    same=300,
    partly=150,
    unknown=150,
    different=0,
)
FRESHNESS: Final = _criterion(
    "freshness",
    "Old postings are more often filled already; bands are wide so that a suggestion does not "
    "change from one day to the next.",
    week=300,
    month=200,
    unknown=150,
    quarter=100,
    older=0,
)
LICENCES: Final = _criterion(
    "licences",
    "Licences the posting wishes without requiring: welcome, hence the smallest weight. The "
    "required ones are a gate.",
    all=200,
    unknown=100,
    none=0,
)

CRITERIA: Final = (
    OCCUPATION,
    SKILLS,
    CONTRACT,
    SALARY,
    AVAILABILITY,
    WORKING_TIME,
    LANGUAGES,
    REMOTE,
    FRESHNESS,
    LICENCES,
)
"""In the order of explanations. There is no criterion of place, and there must not be one."""

REQUIRED_SKILL_FACTOR: Final = 2
"""A required skill weighs twice a wished one; lacking it lowers a score and never excludes."""

SKILLS_ALONE_PERCENT: Final = 25
"""Relevance gate: without a related occupation, the skills in common must carry this share of the
weight of the posting's skills. One everyday skill, such as using a computer, links all trades."""

SALARY_CLOSE_PERCENT: Final = 90
"""Pay offered counts as close to the wish from this share of it: a usual negotiating margin."""

PAID_PERIODS: Final[Mapping[SalaryUnit, int]] = MappingProxyType(
    {SalaryUnit.HOUR: 1820, SalaryUnit.DAY: 260, SalaryUnit.MONTH: 12, SalaryUnit.YEAR: 1}
)
"""Periods paid in a full-time year, to compare units: 52 weeks of 35 hours or 5 days (Labour Code
L3121-27). A thirteenth month is not counted: postings seldom say it."""

AVAILABILITY_DAYS: Final = (0, 31, 92)
"""Days after the start that still count as in time, within a month, within a quarter."""

FRESHNESS_DAYS: Final = (7, 30, 90)
"""Age in days of a posting of the week, the month, the quarter (90 days: then the employer is
asked to confirm it)."""

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius (IUGG), for great-circle distances."""

LICENCE_ALSO_HELD: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "A2": frozenset({"A1"}),
        "A": frozenset({"A2"}),
        "B": frozenset({"B1", "AM"}),
        "A1": frozenset({"AM"}),
        "B1": frozenset({"AM"}),
        "BE": frozenset({"B"}),
        "C1": frozenset({"B"}),
        "C": frozenset({"C1"}),
        "D1": frozenset({"B"}),
        "D": frozenset({"D1"}),
        "C1E": frozenset({"C1", "BE"}),
        "CE": frozenset({"C", "C1E"}),
        "D1E": frozenset({"D1", "BE"}),
        "DE": frozenset({"D", "D1E"}),
    }
)
"""Categories a licence also gives or supposes (Directive 2006/126/EC, article 6), one step each."""

REMOTE_DEGREE: Final[Mapping[RemoteKind, int]] = MappingProxyType(
    {RemoteKind.NONE: 0, RemoteKind.PARTIAL: 1, RemoteKind.FULL: 2}
)


def weights_digest() -> str:
    """Return the SHA-256 of every figure on this page, without its words."""
    page = {
        "criteria": {criterion.code: dict(criterion.points) for criterion in CRITERIA},
        "near_orders": NEAR_ORDERS,
        "required_skill_factor": REQUIRED_SKILL_FACTOR,
        "skills_alone_percent": SKILLS_ALONE_PERCENT,
        "salary_close_percent": SALARY_CLOSE_PERCENT,
        "paid_periods": dict(PAID_PERIODS),
        "availability_days": AVAILABILITY_DAYS,
        "freshness_days": FRESHNESS_DAYS,
        "earth_radius_km": EARTH_RADIUS_KM,
        "licence_also_held": {code: sorted(also) for code, also in LICENCE_ALSO_HELD.items()},
        "remote_degree": dict(REMOTE_DEGREE),
    }
    return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()
