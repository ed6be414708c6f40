"""What matching reads: who takes part under one outermost territory, their facts, and the context.

A tree is an outermost territory (one that nothing holds) with all inside it. Only territories that
switched the feature ``matching`` on take part, with their active profiles and the postings the public
can see. Facts are read as plain columns, in one query for each side.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar
from zoneinfo import ZoneInfo

import orjson
import structlog
from sqlalchemy import Row, Select, and_, any_, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.referentials.releases import latest_release
from service.matching.facts import (
    CandidateFacts,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.matching.weights import ENGINE_VERSION, weights_digest
from service.models import (
    CandidateProfile,
    Commune,
    MatchedInput,
    MatchingBasis,
    OccupationMobility,
    OccupationSkill,
    Posting,
    Territory,
)
from service.models.enums import ContractKind, OccupationOrigin, PostingState

FEATURE: Final = "matching"
ZONE: Final = ZoneInfo("Europe/Paris")

_TOO_MUCH: Final = Decimal(10**9)
"""What the engine takes for no amount at all: a source's slip of the keyboard, not a wage."""

log = structlog.get_logger(__name__)

Facts = TypeVar("Facts", CandidateFacts, PostingFacts)


@dataclass(frozen=True, slots=True)
class Subjects(Generic[Facts]):
    """One side of matching: facts, territory and digest of the facts, each by id."""

    facts: dict[uuid.UUID, Facts]
    territories: dict[uuid.UUID, uuid.UUID]
    digests: dict[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class Rome:
    """What matching takes from ROME: mobilities, in how many occupations each skill occurs, a digest."""

    graph: OccupationGraph
    rarity: SkillRarity
    digest: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What the current matches of a tree rest on; ``revision`` 0 and nothing else before the first run."""

    revision: int = 0
    as_of: date | None = None
    engine_version: str | None = None
    context_digest: str | None = None

    def holds(self, context_digest: str, as_of: date) -> bool:
        """Tell whether matches that rest on this were computed in the present context."""
        return (self.as_of, self.engine_version, self.context_digest) == (
            as_of,
            ENGINE_VERSION,
            context_digest,
        )


def day_of(moment: datetime) -> date:
    """Return the day in France on which ``moment`` falls."""
    return moment.astimezone(ZONE).date()


async def root_of(session: AsyncSession, territory_id: uuid.UUID) -> uuid.UUID | None:
    """Return the outermost territory that holds ``territory_id``, or None when there is no such territory."""
    root: uuid.UUID | None = await session.scalar(
        select(Territory.lineage[1]).where(Territory.id == territory_id)
    )
    return root


async def read_basis(session: AsyncSession, root_id: uuid.UUID) -> Basis:
    """Return what the current matches of the tree rest on."""
    row = await session.get(MatchingBasis, root_id, populate_existing=True)
    if row is None:
        return Basis()
    return Basis(row.revision, row.as_of, row.engine_version, row.context_digest)


async def read_lineages(session: AsyncSession, root_id: uuid.UUID) -> dict[uuid.UUID, frozenset[uuid.UUID]]:
    """Return the lineage of every territory of the tree, by its id."""
    rows = await session.execute(
        select(Territory.id, Territory.lineage).where(Territory.lineage.contains([root_id]))
    )
    return {territory_id: frozenset(lineage) for territory_id, lineage in rows}


async def read_entries(session: AsyncSession, root_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Return the digest with which each subject of the tree was last matched."""
    rows = await session.execute(
        select(MatchedInput.subject_id, MatchedInput.digest).where(MatchedInput.root_id == root_id)
    )
    return {row.subject_id: row.digest for row in rows}


def select_candidates(root_id: uuid.UUID) -> Select[*tuple[Any, ...]]:
    """Return the candidates of the tree that take part, as the columns :func:`candidates` reads."""
    return (
        select(
            CandidateProfile.id,
            CandidateProfile.territory_id,
            CandidateProfile.version,
            CandidateProfile.occupation_codes,
            CandidateProfile.skill_codes,
            CandidateProfile.contract_kinds,
            CandidateProfile.working_time,
            CandidateProfile.salary_wish,
            CandidateProfile.salary_unit,
            CandidateProfile.radius_km,
            CandidateProfile.available_from,
            CandidateProfile.languages,
            CandidateProfile.licences,
            CandidateProfile.remote,
            Commune.latitude,
            Commune.longitude,
        )
        .join(Territory, Territory.id == CandidateProfile.territory_id)
        .outerjoin(Commune, Commune.code == CandidateProfile.commune_code)
        .where(_takes_part(root_id), CandidateProfile.active)
    )


def select_postings(root_id: uuid.UUID, moment: datetime) -> Select[*tuple[Any, ...]]:
    """Return the postings of the tree open at ``moment``, as the columns :func:`postings` reads."""
    return (
        select(
            Posting.id,
            Posting.territory_id,
            Posting.version,
            Posting.occupation_code,
            Posting.occupation_origin,
            Posting.suggested_occupation_code,
            Posting.suggestion_confidence,
            Posting.skills,
            Posting.contract_kind,
            Posting.working_time,
            Posting.salary_min,
            Posting.salary_max,
            Posting.salary_unit,
            Posting.latitude,
            Posting.longitude,
            Posting.remote,
            Posting.licences,
            Posting.languages,
            Posting.published_at,
            Posting.source_created_at,
            Posting.start_date,
        )
        .join(Territory, Territory.id == Posting.territory_id)
        .where(_takes_part(root_id), is_open(moment))
    )


def _takes_part(root_id: uuid.UUID) -> Any:
    return and_(Territory.lineage.contains([root_id]), any_(Territory.features) == FEATURE)


def is_open(moment: datetime) -> Any:
    """Return the condition that the public can see the posting and may still apply."""
    return and_(
        Posting.state == PostingState.PUBLISHED,
        Posting.shown,
        or_(Posting.valid_through.is_(None), Posting.valid_through > moment),
    )


def digest(row: Row[Any]) -> str:
    """Return the digest of a subject's facts as read, version included."""
    return blake2b(orjson.dumps(tuple(row), default=str), digest_size=16).hexdigest()


def candidates(rows: Iterable[Row[Any]]) -> Subjects[CandidateFacts]:
    """Turn rows of :func:`select_candidates` into facts."""
    return _subjects(rows, _candidate)


def postings(rows: Iterable[Row[Any]]) -> Subjects[PostingFacts]:
    """Turn rows of :func:`select_postings` into facts."""
    return _subjects(rows, _posting)


def _subjects(rows: Iterable[Row[Any]], build: Callable[[Row[Any]], Facts]) -> Subjects[Facts]:
    found: Subjects[Facts] = Subjects({}, {}, {})
    for row in rows:
        try:
            facts = build(row)
        except ValueError as error:
            # One row that contradicts itself must not keep all the others from being matched.
            log.warning("matching.left_out", subject_id=str(row.id), reason=str(error))
            continue
        found.facts[row.id] = facts
        found.territories[row.id] = row.territory_id
        found.digests[row.id] = digest(row)
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


_rome: dict[uuid.UUID, Rome] = {}


async def read_rome(session: AsyncSession) -> Rome:
    """Return what matching takes from ROME, read again when a release was imported.

    Rarity is counted over ROME's own lists of skills by occupation, not over the postings of the day:
    see ``docs/decisions`` on the context of matching.
    """
    release = await latest_release(session, "rome")
    if release is not None and release.id in _rome:
        return _rome[release.id]
    moves = [
        (row.from_code, row.to_code, row.rank)
        for row in await session.execute(
            select(
                OccupationMobility.from_code, OccupationMobility.to_code, OccupationMobility.rank
            ).order_by(OccupationMobility.from_code, OccupationMobility.to_code)
        )
    ]
    counted = await session.execute(
        select(OccupationSkill.skill_code, func.count())
        .group_by(OccupationSkill.skill_code)
        .order_by(OccupationSkill.skill_code)
    )
    counts = {row[0]: row[1] for row in counted}
    occupations = await session.scalar(select(func.count(distinct(OccupationSkill.occupation_code))))
    content = orjson.dumps([weights_digest(), moves, counts, occupations])
    rome = Rome(
        graph=OccupationGraph.from_mobilities(moves),
        rarity=SkillRarity(counts=counts, postings=occupations or 0),
        digest=blake2b(content, digest_size=16).hexdigest(),
    )
    if release is not None:
        _rome.clear()
        _rome[release.id] = rome
    return rome
