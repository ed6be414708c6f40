"""Importing whole releases: ROME, communes, families and tension. One transaction each, idempotent."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.ids import new_id
from service.core.text import fold
from service.domain.access import Actor
from service.domain.referentials.loading import Effect, Target, merge
from service.domain.referentials.releases import ImportOutcome, alone, conclude
from service.models import (
    Commune,
    FamilyOccupation,
    Occupation,
    OccupationMobility,
    OccupationSector,
    OccupationSkill,
    OccupationTitle,
    ProfessionalFamily,
    Sector,
    Skill,
    Tension,
)
from service.schemas.referential_files import (
    CommuneRelease,
    CommuneRow,
    CrosswalkRow,
    FamilyRelease,
    OccupationRow,
    Progress,
    RomeRelease,
    SkillRow,
    TensionRelease,
    TensionRow,
    TitleRow,
)

ROME = "rome"
COMMUNES = "communes"
FAMILIES = "families"
TENSION_REFERENTIALS = {"dares": "tension-dares", "official-list": "tension-official", "bmo": "bmo"}

_SECTORS = Target(Sector, "sectors", ("code",), ("label",))
_OCCUPATIONS = Target(Occupation, "occupations", ("code",), (*OccupationRow._fields[1:], "folded_label"))
_TITLES = Target(OccupationTitle, "titles", ("code",), (*TitleRow._fields[1:], "folded_label"))
_SKILLS = Target(Skill, "skills", ("code",), (*SkillRow._fields[1:], "folded_label"))
_OCCUPATION_SKILLS = Target(
    OccupationSkill, "skills of occupations", ("occupation_code", "skill_code"), ("importance",)
)
_MOBILITIES = Target(OccupationMobility, "mobilities", ("from_code", "to_code"), ("rank",))
_OCCUPATION_SECTORS = Target(OccupationSector, "sectors of occupations", ("occupation_code", "sector_code"))
_COMMUNES = Target(Commune, "communes", ("code",), (*CommuneRow._fields[1:], "folded_name"))
_CROSSWALK = Target(
    FamilyOccupation, "pairs of the crosswalk", ("family_code", "rome_code"), ("qualifications",)
)
_TENSION_KEYS = ("family_code", "area_kind", "area_code")
_TENSION_NULLABLE_KEYS = ("departement_code",)
_TENSION_VALUES = ("area_name", *TensionRow._fields[len(_TENSION_KEYS) + 2 :])


async def import_rome(
    session: AsyncSession,
    actor: Actor,
    release: RomeRelease,
    *,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> ImportOutcome:
    """Make the database hold ``release`` of ROME; codes it no longer has become obsolete.

    Raises :class:`Conflict` when more than a fifth of a table would become obsolete, unless ``force``.
    Records ``referential.imported`` when something changed.
    """
    await alone(session, ROME)
    steps: list[tuple[Target, Iterable[tuple[Any, ...]]]] = [
        (_SECTORS, release.sectors),
        (_OCCUPATIONS, [(*row, fold(row.label)) for row in release.occupations]),
        (_TITLES, [(*row, fold(row.label)) for row in release.titles]),
        (_SKILLS, [(*row, fold(row.label)) for row in release.skills]),
        (_OCCUPATION_SKILLS, release.occupation_skills),
        (_MOBILITIES, release.mobilities),
        (_OCCUPATION_SECTORS, release.occupation_sectors),
    ]
    effects: dict[str, Effect] = {}
    for target, rows in steps:
        progress(f"Loading {target.what}")
        effects[target.what] = await merge(session, target, rows, force=force)
    return await conclude(
        session,
        actor,
        ROME,
        version=release.version,
        checksum=release.checksum,
        effects=effects,
        tables=[target.model for target, _ in steps],
        details={"links": dict(release.links)},
    )


async def import_communes(
    session: AsyncSession,
    actor: Actor,
    release: CommuneRelease,
    *,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> ImportOutcome:
    """Make the database hold the communes of ``release``; those it no longer has become obsolete.

    Raises :class:`Conflict` when more than a fifth would become obsolete, unless ``force``.
    """
    await alone(session, COMMUNES)
    progress("Loading communes")
    rows = ((*row, fold(row.name)) for row in release.communes)
    effects = {_COMMUNES.what: await merge(session, _COMMUNES, rows, force=force)}
    return await conclude(
        session,
        actor,
        COMMUNES,
        version=release.version,
        checksum=release.checksum,
        effects=effects,
        tables=[Commune],
    )


async def import_families(
    session: AsyncSession,
    actor: Actor,
    release: FamilyRelease,
    *,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> ImportOutcome:
    """Make the database hold the crosswalk from FAP 2009 to ROME and the families' labels.

    A file of labels alone leaves the crosswalk as it is. A crosswalk without qualifications keeps
    those already known. Raises :class:`Conflict` as :func:`import_rome` does.
    """
    await alone(session, FAMILIES)
    progress("Loading families")
    effects: dict[str, Effect] = {}
    if release.crosswalk:
        rows = await _with_known_qualifications(session, release.crosswalk)
        effects[_CROSSWALK.what] = await merge(session, _CROSSWALK, rows, force=force)
    labels = {(row.nomenclature, row.code): row.label for row in release.labels}
    effects["labels of families"] = await _name_families(session, labels, official=True)
    return await conclude(
        session,
        actor,
        FAMILIES,
        version=release.version,
        checksum=release.checksum,
        effects=effects,
        tables=[ProfessionalFamily, FamilyOccupation],
    )


async def import_tension(
    session: AsyncSession,
    actor: Actor,
    release: TensionRelease,
    *,
    force: bool = False,
    progress: Progress = lambda _: None,
) -> ImportOutcome:
    """Make the database hold one year of one source of tension. Other years stay as they are.

    Raises :class:`Conflict` when more than a fifth of that year's rows would go, unless ``force``.
    """
    referential = TENSION_REFERENTIALS[release.source]
    await alone(session, referential)
    progress(f"Loading tension: {release.source} {release.year}")
    target = Target(
        Tension,
        f"rows of {release.source} {release.year}",
        _TENSION_KEYS,
        _TENSION_VALUES,
        only_added=("id",),
        nullable_keys=_TENSION_NULLABLE_KEYS,
        scope={"source": release.source, "year": release.year, "nomenclature": release.nomenclature},
    )
    rows = (
        (
            row.family_code,
            row.area_kind,
            row.area_code,
            row.departement_code,
            row.area_name,
            *row[5:],
            new_id(),
        )
        for row in release.rows
    )
    effects = {target.what: await merge(session, target, rows, force=force)}
    labels: dict[tuple[str, str], str] = {
        (release.nomenclature, code): label for code, label in release.labels.items()
    }
    if labels:
        effects["labels of families"] = await _name_families(session, labels, official=False)
    return await conclude(
        session,
        actor,
        referential,
        version=str(release.year),
        checksum=release.checksum,
        effects=effects,
        tables=[Tension],
    )


async def _with_known_qualifications(
    session: AsyncSession, rows: Iterable[CrosswalkRow]
) -> list[CrosswalkRow]:
    known = {
        (family, rome): digits
        for family, rome, digits in await session.execute(
            select(FamilyOccupation.family_code, FamilyOccupation.rome_code, FamilyOccupation.qualifications)
        )
    }
    return [
        row
        if row.qualifications is not None
        else row._replace(qualifications=known.get((row.family_code, row.rome_code)))
        for row in rows
    ]


async def _name_families(
    session: AsyncSession, labels: Mapping[tuple[str, str], str], *, official: bool
) -> Effect:
    """Store labels: the nomenclature's own win over what is there, those of a survey only fill gaps."""
    known = {
        (family.nomenclature, family.code): family.label
        for family in await session.scalars(select(ProfessionalFamily))
    }
    added = {key: label for key, label in labels.items() if key not in known}
    changed = (
        {key: label for key, label in labels.items() if key in known and known[key] != label}
        if official
        else {}
    )
    if written := added | changed:
        statement = insert(ProfessionalFamily).values(
            [{"nomenclature": key[0], "code": key[1], "label": label} for key, label in written.items()]
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["nomenclature", "code"], set_={"label": statement.excluded.label}
            )
        )
    return Effect(
        read=len(labels),
        added=len(added),
        changed=len(changed),
        unchanged=len(labels) - len(added) - len(changed),
    )
