"""What matching reads: who takes part under one outermost territory, their facts, and the context.

A tree is an outermost territory (one that nothing holds) with all inside it. Only territories that
switched the feature ``matching`` on take part, with their active profiles and the postings the public
can see. Facts are read as plain columns, in one query for each side.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    cast,
    column,
    distinct,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.matches.board import Change
from service.domain.referentials.releases import latest_release
from service.matching.facts import (
    CandidateFacts,
    OccupationGraph,
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
from service.models.enums import PostingState

FEATURE: Final = "matching"

Query = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Rome:
    """What matching takes from ROME: mobilities, in how many occupations each skill occurs, a digest.

    ``wanting``: by occupation, all those whose seekers the engine takes it to concern.
    """

    graph: OccupationGraph
    rarity: SkillRarity
    digest: str
    wanting: Mapping[str, frozenset[str]]

    def offers_to(self, wanted: Iterable[str]) -> set[str]:
        """Return the occupations that concern who wants these."""
        graph = self.graph
        return {
            offered
            for code in wanted
            for offered in {code} | graph.near.get(code, frozenset()) | graph.far.get(code, frozenset())
        }

    def seekers_of(self, offered: Iterable[str]) -> set[str]:
        """Return the occupations whose seekers one of these concerns."""
        return {wanted for code in offered for wanted in {code} | self.wanting.get(code, frozenset())}


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


def select_candidates(root_id: uuid.UUID) -> Query:
    """Return the candidates of the tree that take part, as the columns :func:`candidates` reads."""
    columns = (
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
    return (
        select(CandidateProfile.id, *columns, _digest(columns))
        .join(Territory, Territory.id == CandidateProfile.territory_id)
        .outerjoin(Commune, Commune.code == CandidateProfile.commune_code)
        .where(_takes_part(root_id), CandidateProfile.active)
    )


def select_postings(root_id: uuid.UUID, moment: datetime) -> Query:
    """Return the postings of the tree open at ``moment``, as the columns :func:`postings` reads."""
    columns = (
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
    return (
        select(Posting.id, *columns, _digest(columns))
        .join(Territory, Territory.id == Posting.territory_id)
        .where(_takes_part(root_id), is_open(moment))
    )


def _digest(columns: Sequence[Any]) -> ColumnElement[str]:
    """Return the digest of a subject's facts, worked out where they are, so that few rows need to move."""
    return func.md5(cast(func.row(*columns), Text())).label("digest")


def concerned_candidates(root_id: uuid.UUID, rome: Rome, postings: Iterable[PostingFacts]) -> Query:
    """Return the candidates of the tree that one of ``postings`` may concern, and perhaps a few more.

    All others are kept apart by the engine's gate of relevance: no wanted occupation is related to the
    one offered, and no skill is common.
    """
    offered: set[str] = set()
    skills: set[str] = set()
    for facts in postings:
        skills |= facts.required_skills | facts.wished_skills
        if facts.occupation is not None:
            offered.add(facts.occupation)
    return select_candidates(root_id).where(
        or_(
            CandidateProfile.occupation_codes.overlap(_texts(rome.seekers_of(offered))),
            CandidateProfile.skill_codes.overlap(_texts(skills)),
        )
    )


def concerned_postings(
    root_id: uuid.UUID, moment: datetime, rome: Rome, candidates: Iterable[CandidateFacts]
) -> Query:
    """Return the open postings of the tree that may concern one of ``candidates``, and perhaps a few more."""
    wanted: set[str] = set()
    skills: set[str] = set()
    for facts in candidates:
        wanted.update(facts.wanted_occupations)
        skills |= facts.skills
    item = func.jsonb_array_elements(Posting.skills).table_valued(column("value", JSONB())).alias("item")
    common = (
        select(item.c.value)
        .where(item.c.value["code"].astext == any_(_texts(skills)))
        .correlate(Posting)
        .exists()
    )
    occupation = Posting.effective_occupation_code == any_(_texts(rome.offers_to(wanted)))
    return select_postings(root_id, moment).where(or_(occupation, common))


def _texts(values: Iterable[str]) -> ColumnElement[Any]:
    return literal(sorted(values), ARRAY(Text()))


async def read_change(session: AsyncSession, root_id: uuid.UUID, moment: datetime) -> tuple[Change, int]:
    """Return the subjects of the tree whose facts are not those last matched with, and how many take part.

    A subject that takes part no more counts on both sides: which it was on nobody remembers.
    """
    differing: list[set[uuid.UUID]] = []
    absent = []
    total = 0
    for query in (select_candidates(root_id), select_postings(root_id, moment)):
        there = query.subquery()
        changed = (
            select(there.c.id)
            .outerjoin(MatchedInput, MatchedInput.subject_id == there.c.id)
            .where(MatchedInput.digest.is_distinct_from(there.c.digest))
        )
        differing.append(set(await session.scalars(changed)))
        total += await session.scalar(select(func.count()).select_from(there)) or 0
        absent.append(~select(there.c.id).where(there.c.id == MatchedInput.subject_id).exists())
    gone = set(
        await session.scalars(select(MatchedInput.subject_id).where(MatchedInput.root_id == root_id, *absent))
    )
    return Change(frozenset(differing[0] | gone), frozenset(differing[1] | gone)), total


def _takes_part(root_id: uuid.UUID) -> ColumnElement[bool]:
    return and_(Territory.lineage.contains([root_id]), any_(Territory.features) == FEATURE)


def is_open(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that the public can see the posting and may still apply."""
    return and_(
        Posting.state == PostingState.PUBLISHED,
        Posting.shown,
        or_(Posting.valid_through.is_(None), Posting.valid_through > moment),
    )


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
    graph = OccupationGraph.from_mobilities(moves)
    wanting: dict[str, set[str]] = defaultdict(set)
    for targets in (graph.near, graph.far):
        for wanted, offered in targets.items():
            for code in offered:
                wanting[code].add(wanted)
    rome = Rome(
        graph=graph,
        rarity=SkillRarity(counts=counts, postings=occupations or 0),
        digest=blake2b(content, digest_size=16).hexdigest(),
        wanting={code: frozenset(codes) for code, codes in wanting.items()},
    )
    if release is not None:
        _rome.clear()
        _rome[release.id] = rome
    return rome
