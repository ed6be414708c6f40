"""Reading ROME: occupations, skills, sectors, and suggestions while someone types."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import case, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import NotFound
from service.core.text import fold
from service.domain.referentials.importing import ROME
from service.domain.referentials.indexes import occupation_titles
from service.domain.referentials.releases import latest_release
from service.domain.referentials.tension import tension_for
from service.models import (
    Occupation,
    OccupationMobility,
    OccupationSector,
    OccupationSkill,
    OccupationTitle,
    Sector,
    Skill,
)
from service.schemas.referentials import (
    CodeLabel,
    MobilityItem,
    OccupationItem,
    OccupationRead,
    OccupationSkillItem,
    ReleaseItem,
    SectorItem,
    SkillItem,
    SkillKind,
    TensionFact,
    TitleItem,
)

_SOURCE = "France Travail, ROME 4.0, Licence Ouverte 2.0"
Found = tuple[str, str, CodeLabel | None]


async def suggest_occupations(
    session: AsyncSession, q: str, *, limit: int, area: str | None = None
) -> list[OccupationItem]:
    """Return what someone typing ``q`` may mean: titles, best first, each with its occupation.

    ``area`` is a commune or département code for which tension is told; without it none is.
    """
    index = await occupation_titles(session)
    found: list[Found] = [
        (
            completion.occupation_code,
            completion.occupation_label,
            CodeLabel(code=completion.title_code, label=completion.label) if completion.title_code else None,
        )
        for completion in index.complete(q, limit)
    ]
    return await _items(session, found, area)


async def list_occupations(
    session: AsyncSession, *, after: Sequence[str] | None, limit: int, area: str | None = None
) -> list[tuple[OccupationItem, Sequence[str]]]:
    """Return up to ``limit`` occupations by label, each with its sort values, after those given."""
    query = (
        select(Occupation.code, Occupation.label, Occupation.folded_label)
        .where(Occupation.obsolete_since.is_(None))
        .order_by(Occupation.folded_label, Occupation.code)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Occupation.folded_label, Occupation.code) > tuple_(*after))
    rows = (await session.execute(query)).all()
    items = await _items(session, [(code, label, None) for code, label, _ in rows], area)
    return [(item, (folded, code)) for item, (code, _, folded) in zip(items, rows, strict=True)]


async def _items(session: AsyncSession, found: Sequence[Found], area: str | None) -> list[OccupationItem]:
    facts: dict[str, TensionFact] = {}
    if area is not None:
        asked = {(code, area) for code, _, _ in found}
        facts = {code: fact for (code, _), fact in (await tension_for(session, asked)).items()}
    return [
        OccupationItem(code=code, label=label, title=title, tension=facts.get(code))
        for code, label, title in found
    ]


async def read_occupation(session: AsyncSession, code: str, *, area: str | None = None) -> OccupationRead:
    """Return an occupation in full. Raises :class:`NotFound`.

    ``area`` is a commune or département code for which tension is told; without it none is.
    """
    occupation = await session.get(Occupation, code)
    if occupation is None:
        raise NotFound(f"ROME has no occupation `{code}`. `GET /v1/occupations?q=` finds one by its title.")
    release = await latest_release(session, ROME)
    tension = (await tension_for(session, [(code, area)])).get((code, area)) if area else None
    return OccupationRead(
        code=occupation.code,
        label=occupation.label,
        definition=occupation.definition,
        access=occupation.access,
        parent_code=occupation.parent_code,
        domain=_coded(occupation.domain_code, occupation.domain_label),
        major_domain=_coded(occupation.major_domain_code, occupation.major_domain_label),
        obsolete=occupation.obsolete_since is not None,
        titles=await _titles(session, code),
        skills=await _skills(session, code),
        mobilities=await _mobilities(session, code),
        sectors=await _sectors(session, code),
        tension=tension,
        release=ReleaseItem(referential=ROME, version=release.version, source=_SOURCE) if release else None,
    )


def _coded(code: str | None, label: str | None) -> CodeLabel | None:
    return CodeLabel(code=code, label=label or code) if code else None


async def _titles(session: AsyncSession, code: str) -> list[TitleItem]:
    rows = await session.scalars(
        select(OccupationTitle)
        .where(OccupationTitle.occupation_code == code, OccupationTitle.obsolete_since.is_(None))
        .order_by(OccupationTitle.folded_label, OccupationTitle.code)
    )
    return [TitleItem.model_validate(row) for row in rows]


async def _skills(session: AsyncSession, code: str) -> list[OccupationSkillItem]:
    heart_first = case(
        (OccupationSkill.importance == "principale", 0), (OccupationSkill.importance.is_not(None), 1), else_=2
    )
    rows = await session.execute(
        select(Skill, OccupationSkill.importance)
        .join(OccupationSkill, OccupationSkill.skill_code == Skill.code)
        .where(OccupationSkill.occupation_code == code)
        .order_by(heart_first, Skill.folded_label, Skill.code)
    )
    return [
        OccupationSkillItem(
            code=skill.code,
            label=skill.label,
            kind=cast("SkillKind", skill.kind),
            category=skill.category,
            importance=importance,
        )
        for skill, importance in rows
    ]


async def _mobilities(session: AsyncSession, code: str) -> list[MobilityItem]:
    rows = await session.execute(
        select(Occupation.code, Occupation.label, OccupationMobility.rank)
        .join(OccupationMobility, OccupationMobility.to_code == Occupation.code)
        .where(OccupationMobility.from_code == code)
        .order_by(OccupationMobility.rank, Occupation.code)
    )
    return [MobilityItem(code=to_code, label=label, rank=rank) for to_code, label, rank in rows]


async def _sectors(session: AsyncSession, code: str) -> list[CodeLabel]:
    rows = await session.execute(
        select(Sector.code, Sector.label)
        .join(OccupationSector, OccupationSector.sector_code == Sector.code)
        .where(OccupationSector.occupation_code == code)
        .order_by(Sector.code)
    )
    return [CodeLabel(code=sector, label=label) for sector, label in rows]


async def list_sectors(session: AsyncSession) -> list[SectorItem]:
    """Return every sector in force, by code."""
    rows = await session.scalars(select(Sector).where(Sector.obsolete_since.is_(None)).order_by(Sector.code))
    return [SectorItem.model_validate(row) for row in rows]


async def list_skills(
    session: AsyncSession,
    *,
    q: str | None = None,
    occupation: str | None = None,
    after: Sequence[str] | None = None,
    limit: int,
) -> list[tuple[SkillItem, Sequence[str]]]:
    """Return up to ``limit`` skills, each with its sort values.

    With ``q``: those that hold all its words or their beginnings, those that begin with it first, then
    those that hold it whole; otherwise by label after ``after``. ``occupation`` keeps those ROME lists
    for it.
    """
    query = select(Skill).where(Skill.obsolete_since.is_(None))
    if occupation is not None:
        listed = select(OccupationSkill.skill_code).where(OccupationSkill.occupation_code == occupation)
        query = query.where(Skill.code.in_(listed))
    if q is not None:
        folded = fold(q)
        if not folded:
            return []
        for word in folded.split():
            query = query.where((" " + Skill.folded_label).contains(f" {word}"))
        query = query.order_by(
            Skill.folded_label.startswith(folded).desc(),
            (" " + Skill.folded_label + " ").contains(f" {folded} ").desc(),
        )
    if after is not None:
        query = query.where(tuple_(Skill.folded_label, Skill.code) > tuple_(*after))
    query = query.order_by(Skill.folded_label, Skill.code).limit(limit)
    return [
        (SkillItem.model_validate(skill), (skill.folded_label, skill.code))
        for skill in await session.scalars(query)
    ]
