"""The facts matching may look at: an allow-list, and nothing else.

Labour Code L1221-6 allows only facts directly linked to the job; L1132-1 forbids age, sex, surname,
nationality, health, family and place of residence. A fact absent from these classes cannot reach a
score. The candidate's own point serves only the candidate's own filter (``radius_km``): it is read
by a gate and by the candidate's own explanation, never by a criterion.

``None`` and empty collections mean "not said": scoring treats them as neutral, never as zero.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal, Self
from uuid import UUID

from service.models.enums import (
    ContractKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)

NEAR_ORDERS: Final = 6
"""ROME numbers each occupation's mobilities and lists at least six for every occupation: those are
near, the rest far. In version 60 the share that stays in the same field of work falls with the
number, from 59% at 1 to 27% at 6 and 16% at 9; the open data carries no other mark of distance."""

_POLE = 90.0
_HALF_TURN = 180.0
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Point:
    """A place in decimal degrees (WGS 84)."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        """Raise ``ValueError`` outside [-90, 90] x [-180, 180] (and for NaN)."""
        if not (abs(self.latitude) <= _POLE and abs(self.longitude) <= _HALF_TURN):
            raise ValueError("a point is a latitude within 90 degrees and a longitude within 180")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFacts:
    """What a candidate said of the work they want. ``tests/matching`` pins the list of fields.

    ``wanted_occupations``: ROME codes, first choice first. ``skills``: ROME skill codes.
    ``salary_amount``: least gross pay wished, in euro per ``salary_unit``. ``radius_km``: ``None``
    is "anywhere in the territory"; a radius needs a ``point``. ``languages``: ISO 639-1, lower
    case. ``licences``: categories as ``"B"``, ``"CE"``. ``version`` counts the profile's changes.
    """

    id: UUID
    version: int
    wanted_occupations: tuple[str, ...] = ()
    skills: frozenset[str] = frozenset()
    contract_kinds: frozenset[ContractKind] = frozenset()
    working_time: WorkingTime | None = None
    salary_amount: Decimal | None = None
    salary_unit: SalaryUnit | None = None
    point: Point | None = None
    radius_km: float | None = None
    available_from: date | None = None
    languages: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    remote: RemoteKind | None = None

    def __post_init__(self) -> None:
        """Raise ``ValueError`` where the facts contradict each other."""
        if self.radius_km is not None:
            if self.point is None:
                raise ValueError("a radius needs the point it is drawn around")
            if not (math.isfinite(self.radius_km) and self.radius_km >= 0):
                raise ValueError("a radius is a finite number of kilometres, 0 or more")
        if (self.salary_amount is None) != (self.salary_unit is None):
            raise ValueError("a salary wish is an amount and its unit, or neither")
        _check_amount(self.salary_amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingFacts:
    """What a posting says of the work offered.

    ``open``: published and not past ``valid_through``. ``occupation``: the effective ROME code;
    ``occupation_confidence`` (percent, 0 to 100) is given exactly when ``occupation_origin`` is
    ``SUGGESTED``. ``required_skills`` and ``wished_skills`` do not overlap, nor do the licences.
    ``salary_minimum``, ``salary_maximum``: gross euro per ``salary_unit``. ``point`` is ``None``
    when the place is not known more precisely than the territory.
    """

    id: UUID
    version: int
    open: bool
    occupation: str | None = None
    occupation_origin: OccupationOrigin = OccupationOrigin.ENTERED
    occupation_confidence: int | None = None
    required_skills: frozenset[str] = frozenset()
    wished_skills: frozenset[str] = frozenset()
    contract_kind: ContractKind | None = None
    working_time: WorkingTime | None = None
    salary_minimum: Decimal | None = None
    salary_maximum: Decimal | None = None
    salary_unit: SalaryUnit | None = None
    point: Point | None = None
    remote: RemoteKind | None = None
    required_licences: frozenset[str] = frozenset()
    wished_licences: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    published_on: date | None = None
    starts_on: date | None = None

    def __post_init__(self) -> None:
        """Raise ``ValueError`` where the facts contradict each other."""
        suggested = self.occupation_origin is OccupationOrigin.SUGGESTED
        if suggested != (self.occupation_confidence is not None):
            raise ValueError("a confidence goes with a suggested occupation, and only with one")
        if self.occupation_confidence is not None and not (0 <= self.occupation_confidence <= _PERCENT):
            raise ValueError("a confidence is a percentage, 0 to 100")
        if suggested and self.occupation is None:
            raise ValueError("a suggestion needs the occupation it suggests")
        if self.required_skills & self.wished_skills:
            raise ValueError("a skill is required or wished, not both")
        if self.required_licences & self.wished_licences:
            raise ValueError("a licence is required or wished, not both")
        self._check_salary()

    def _check_salary(self) -> None:
        low, high = self.salary_minimum, self.salary_maximum
        if (low is None and high is None) != (self.salary_unit is None):
            raise ValueError("a salary is one amount or two and their unit, or nothing")
        _check_amount(low)
        _check_amount(high)
        if low is not None and high is not None and low > high:
            raise ValueError("a salary's minimum is not above its maximum")


def _check_amount(amount: Decimal | None) -> None:
    if amount is not None and not (amount.is_finite() and Decimal(0) <= amount < Decimal(10**9)):
        raise ValueError("an amount is a number of euro, 0 or more and below a thousand million")


@dataclass(frozen=True, slots=True)
class OccupationGraph:
    """ROME mobilities, by wanted occupation: the occupations near it and those farther."""

    near: Mapping[str, frozenset[str]] = field(default_factory=dict)
    far: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _toward: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Turn the relations round, for ``toward``."""
        toward: dict[str, set[str]] = {}
        for relations in (self.near, self.far):
            for wanted, offered in relations.items():
                for code in offered:
                    toward.setdefault(code, set()).add(wanted)
        frozen = {code: frozenset(wanted) for code, wanted in toward.items()}
        object.__setattr__(self, "_toward", frozen)

    @classmethod
    def from_mobilities(cls, rows: Iterable[tuple[str, str, int]]) -> Self:
        """Build the graph from ROME rows ``(code, target code, order)``, order 1 the closest.

        A target is near ``code`` up to order ``NEAR_ORDERS``, far beyond it. A mobility listed
        from the target's side only counts as far: people do move that way, less readily.
        """
        near: dict[str, set[str]] = {}
        far: dict[str, set[str]] = {}
        for code, target, order in rows:
            if code == target:
                continue
            (near if order <= NEAR_ORDERS else far).setdefault(code, set()).add(target)
            far.setdefault(target, set()).add(code)
        return cls(
            near={code: frozenset(targets) for code, targets in near.items()},
            far={code: frozenset(targets - near.get(code, set())) for code, targets in far.items()},
        )

    def around(self, wanted: str) -> frozenset[str]:
        """Return the wanted occupation and those it is related to."""
        nothing: frozenset[str] = frozenset()
        return self.near.get(wanted, nothing) | self.far.get(wanted, nothing) | {wanted}

    def toward(self, offered: str) -> frozenset[str]:
        """Return the offered occupation and those that, when wanted, are related to it."""
        nothing: frozenset[str] = frozenset()
        return self._toward.get(offered, nothing) | {offered}

    def relation(self, wanted: str, offered: str) -> Literal["same", "near", "far"] | None:
        """Return how close the offered occupation is to the wanted one, ``None`` if unrelated."""
        if offered == wanted:
            return "same"
        if offered in self.near.get(wanted, ()):
            return "near"
        if offered in self.far.get(wanted, ()):
            return "far"
        return None


@dataclass(frozen=True, slots=True)
class SkillRarity:
    """How many of a set of postings ask for each skill: a rare skill tells more than a common one.

    ``counts``: skill code to number of postings asking for it; ``postings``: how many there are.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    postings: int = 0

    @classmethod
    def from_postings(cls, postings: Iterable[PostingFacts]) -> Self:
        """Count each skill once per posting, required or wished."""
        counts: dict[str, int] = {}
        total = 0
        for posting in postings:
            total += 1
            for code in posting.required_skills | posting.wished_skills:
                counts[code] = counts.get(code, 0) + 1
        return cls(counts=counts, postings=total)

    def weight(self, code: str) -> int:
        """Return 1 for a skill every posting asks, and one more each time it is half as common.

        This is the inverse document frequency, 1 + log2((postings + 1) / (asking + 1)), rounded
        down: whole levels, so that one more posting seldom changes anybody's score.
        """
        asking = min(self.counts.get(code, 0), self.postings)
        return ((self.postings + 1) // (asking + 1)).bit_length()


@dataclass(frozen=True, slots=True)
class MatchingContext:
    """What a score depends on besides the pair: the referential, the rarities and the day.

    ``as_of`` is the day freshness is measured on. Scores of one run share one context.
    """

    graph: OccupationGraph
    rarity: SkillRarity
    as_of: date
