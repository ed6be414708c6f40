"""From rows to facts: what the engine may look at, and nothing else. Pure: no I/O."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Row

from service.matching.facts import CandidateFacts, Point, PostingFacts
from service.models.enums import ContractKind, OccupationOrigin

ZONE: Final = ZoneInfo("Europe/Paris")

_TOO_MUCH: Final = Decimal(10**9)
"""What the engine takes for no amount at all: a source's slip of the keyboard, not a wage."""

log = structlog.get_logger(__name__)

Facts = TypeVar("Facts", CandidateFacts, PostingFacts)


@dataclass(frozen=True, slots=True)
class Subjects(Generic[Facts]):
    """One side of matching: facts, territory and digest of the facts, each by id.

    A row whose facts contradict each other has a digest and no facts: it takes no part.
    """

    facts: dict[uuid.UUID, Facts]
    territories: dict[uuid.UUID, uuid.UUID]
    digests: dict[uuid.UUID, str]

    def add(self, other: "Subjects[Facts]") -> None:
        """Take in subjects read later; of one read before, what was read first stays."""
        new = other.digests.keys() - self.digests.keys()
        self.digests.update((subject, other.digests[subject]) for subject in new)
        self.facts.update((subject, other.facts[subject]) for subject in new & other.facts.keys())
        self.territories.update((subject, other.territories[subject]) for subject in new & other.facts.keys())


def day_of(moment: datetime) -> date:
    """Return the day in France on which ``moment`` falls."""
    return moment.astimezone(ZONE).date()


def candidates(rows: Iterable[Row[Any]]) -> Subjects[CandidateFacts]:
    """Turn rows of :func:`select_candidates` into facts."""
    return _subjects(rows, _candidate)


def postings(rows: Iterable[Row[Any]]) -> Subjects[PostingFacts]:
    """Turn rows of :func:`select_postings` into facts."""
    return _subjects(rows, _posting)


def _subjects(rows: Iterable[Row[Any]], build: Callable[[Row[Any]], Facts]) -> Subjects[Facts]:
    found: Subjects[Facts] = Subjects({}, {}, {})
    for row in rows:
        found.digests[row.id] = row.digest
        try:
            facts = build(row)
        except ValueError as error:
            # One row that contradicts itself must not keep all the others from being matched.
            log.warning("matching.left_out", subject_id=str(row.id), reason=str(error))
            continue
        found.facts[row.id] = facts
        found.territories[row.id] = row.territory_id
    return found


def _candidate(row: Row[Any]) -> CandidateFacts:
    return CandidateFacts(
        id=row.id,
        version=row.version,
        wanted_occupations=tuple(row.occupation_codes),
        skills=frozenset(row.skill_codes),
        contract_kinds=frozenset(ContractKind(kind) for kind in row.contract_kinds),
        working_time=row.working_time,
        salary_amount=row.salary_wish,
        salary_unit=row.salary_unit,
        point=_point(row),
        radius_km=row.radius_km,
        available_from=row.available_from,
        languages=frozenset(row.languages),
        licences=frozenset(row.licences),
        remote=row.remote,
    )


def _posting(row: Row[Any]) -> PostingFacts:
    required_skills, wished_skills = _asked(row.skills)
    required_licences, wished_licences = _asked(row.licences, _category)
    languages, other_languages = _asked(row.languages, _language)
    low, high = _amount(row.salary_min), _amount(row.salary_max)
    suggested = row.occupation_code is None and row.suggested_occupation_code is not None
    origin = row.occupation_origin
    if origin in (None, OccupationOrigin.SUGGESTED):
        origin = OccupationOrigin.ENTERED
    return PostingFacts(
        id=row.id,
        version=row.version,
        open=True,
        occupation=row.occupation_code or row.suggested_occupation_code,
        occupation_origin=OccupationOrigin.SUGGESTED if suggested else origin,
        occupation_confidence=_percent(row.suggestion_confidence) if suggested else None,
        required_skills=required_skills,
        wished_skills=wished_skills,
        contract_kind=row.contract_kind,
        working_time=row.working_time,
        salary_minimum=low,
        salary_maximum=high,
        salary_unit=None if low is None and high is None else row.salary_unit,
        point=_point(row),
        remote=row.remote,
        required_licences=required_licences,
        wished_licences=wished_licences,
        languages=languages | other_languages,
        published_on=_published_on(row),
        starts_on=row.start_date,
    )


def _point(row: Row[Any]) -> Point | None:
    if row.latitude is None or row.longitude is None:
        return None
    return Point(row.latitude, row.longitude)


def _amount(amount: Decimal | None) -> Decimal | None:
    return None if amount is None or amount >= _TOO_MUCH else amount


def _percent(confidence: float | None) -> int:
    return max(0, min(100, round(100 * (confidence or 0.0))))


def _published_on(row: Row[Any]) -> date | None:
    # A feed's posting is as old as it is at its source, however late it was imported.
    moment = row.source_created_at or row.published_at
    return None if moment is None else day_of(moment)


def _asked(
    items: Sequence[dict[str, Any]], name: Callable[[str], str] = str
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the codes required and those only wished; an item without a code cannot be compared."""
    required: set[str] = set()
    wished: set[str] = set()
    for item in items:
        if code := item.get("code"):
            (required if item.get("required") else wished).add(name(code))
    return frozenset(required), frozenset(wished - required)


def _category(code: str) -> str:
    return "".join(code.upper().replace("+", " ").split())


def _language(code: str) -> str:
    return code.partition("-")[0].lower()
